/* xforward - see xforward.h
 */
#include "format/xforward.h"

#include "format/xtext.h"

#define VALUE_MAX 255

static bool is_wanted(struct view wants, const char *name)
{
    struct view word;
    while (view_token(&wants, VIEW(" \t\r"), &word)) {
        if (view_eq_case(word, view_of(name)))
            return true;
    }
    return false;
}

/* " NAME=value" */
static void add_word(const struct xforward_fact *f, struct str *word)
{
    struct str value = STR_INIT(VALUE_MAX);
    bool known = !view_is_empty(f->value) && !view_eq(f->value, VIEW("unknown")) &&
                 xtext_encode(f->value, VIEW_NONE, &value);
    str_clear(word);
    str_addf(word, " %s=", f->name);
    str_add(word, known ? str_view(&value) : VIEW("[UNAVAILABLE]"));
    str_done(&value);
}

bool xforward_write(struct view wants, const struct xforward_fact *facts, size_t n,
                    struct str *out)
{
    const struct view verb = VIEW("XFORWARD");
    struct str word = STR_INIT(XFORWARD_COMMAND_MAX);
    size_t length = 0; /* of the command that is being written */
    for (size_t i = 0; i < n; i++) {
        if (!is_wanted(wants, facts[i].name))
            continue;
        add_word(&facts[i], &word);
        if (length > 0 && length + word.n > XFORWARD_COMMAND_MAX) {
            str_add_char(out, '\n');
            length = 0;
        }
        if (length == 0) {
            str_add(out, verb);
            length = verb.n;
        }
        str_add(out, str_view(&word));
        length += word.n;
    }
    if (length > 0)
        str_add_char(out, '\n');
    str_done(&word);
    return !out->overflow;
}

void xforward_address(struct view address, struct str *out)
{
    str_clear(out);
    if (view_has(address, ':') && !view_starts_case(address, VIEW("IPv6:")))
        str_add_cstr(out, "IPv6:");
    str_add(out, address);
}
