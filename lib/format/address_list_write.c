/* address_list_write - write address headers again, with other addresses in them
 *
 * The form is Postfix's, so that a rewritten header looks the same from both.
 * See address_list.h.
 */
#include "address.h"
#include "address_list.h"
#include "encoded_word.h"
#include "token.h"

/* TEXT with a backslash before each byte of SPECIALS. */
static bool write_escaped(struct view text, const char *specials, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != 0 && strchr(specials, text.p[i]))
            ok = str_add_char(out, '\\') && ok;
        ok = str_add_char(out, text.p[i]) && ok;
    }
    return ok;
}

static bool write_token(const struct address_token *t, struct str *out)
{
    switch (t->type) {
    case TOKEN_ADDRESS:
        return address_quote_822(t->text, out);
    case TOKEN_ATOM:
        if (view_find_any(t->text, VIEW("()<>@,;:\\\".[] ")) == VIEW_NPOS)
            return str_add(out, t->text);
        __attribute__((fallthrough)); /* it had backslashes: write it in quotes */
    case TOKEN_QUOTED:
        return str_add_char(out, '"') && write_escaped(t->text, "\\\"", out) &&
               str_add_char(out, '"');
    case TOKEN_LITERAL:
        return str_add_char(out, '[') && write_escaped(t->text, "\\]", out) &&
               str_add_char(out, ']');
    case TOKEN_COMMENT:
        return str_add_char(out, '(') && str_add(out, t->text) && str_add_char(out, ')');
    case TOKEN_GROUP:
        return str_add_char(out, ':');
    default:
        return str_add_char(out, (char)t->type);
    }
}

/* Is there a blank between these two? */
static bool needs_space(const struct address_token *a, const struct address_token *b)
{
    if (a->type == TOKEN_GROUP || b->type == '<')
        return true;
    return a->type >= TOKEN_ATOM && b->type >= TOKEN_ATOM && b->type != TOKEN_GROUP;
}

bool address_list_write(const struct address_list *list, struct str *out)
{
    bool ok = true;
    for (const struct address_token *t = list->first; t; t = t->next) {
        ok = write_token(t, out) && ok;
        if (t->type == ',')
            ok = str_add_char(out, '\n') && ok;
        else if (t->next && needs_space(t, t->next))
            ok = str_add_char(out, ' ') && ok;
    }
    return ok;
}

void address_list_fold(struct str *text)
{
    size_t start = 0; /* of the output line in TEXT */
    for (size_t i = 0; i < text->n; i++) {
        if (text->p[i] != '\n')
            continue;
        struct view next = view_from(str_view(text), i + 1);
        size_t end = view_find(next, '\n');
        end = i + 1 + (end == VIEW_NPOS ? next.n : end);
        if (end - start < 70) {
            text->p[i] = ' ';
        } else if (str_insert(text, i + 1, VIEW("\t"))) {
            start = i + 1;
        }
    }
}

bool address_list_rewrite_header(struct arena *arena, struct view name, struct view body,
                                 size_t token_limit, address_map map, void *context,
                                 struct str *out)
{
    struct address_list *list = address_list_parse(arena, body, token_limit);
    struct str to = STR_INIT(ADDRESS_MAX);
    bool changed = false;
    for (size_t i = 0; i < list->count; i++) {
        changed = changed || list->items[i].routed;
        if (list->items[i].address.n == 0)
            continue;
        str_clear(&to);
        if (map(context, list->items[i].address, &to) && !to.overflow && to.n > 0) {
            address_list_replace(list, i, str_view(&to));
            changed = true;
        }
    }
    str_done(&to);
    if (!changed)
        return false;
    str_clear(out);
    str_add(out, name);
    str_add_cstr(out, ": ");
    address_list_write(list, out);
    address_list_fold(out);
    return true;
}

/* Can NAME be a phrase without quotes? */
static bool is_phrase(struct view name)
{
    for (size_t i = 0; i < name.n; i++) {
        int c = (unsigned char)name.p[i];
        if (c == 0 || (!ascii_is_alnum(c) && !strchr(" !#$%&'*+-/=?^_`{|}~", c)))
            return false;
    }
    return !view_starts(name, VIEW(" ")) && !view_ends(name, VIEW(" "));
}

bool mailbox_write(struct view name, struct view address, bool obsolete, struct str *out)
{
    if (name.n == 0)
        return address_quote_822(address, out);
    bool ascii = view_is_ascii(name);
    if (obsolete) {
        bool ok = address_quote_822(address, out) && str_add_cstr(out, " (");
        ok = ok && (ascii ? write_escaped(name, "()\\", out)
                          : encoded_word_encode(name, 40, true, out));
        return ok && str_add_char(out, ')');
    }
    bool ok;
    if (!ascii)
        ok = encoded_word_encode(name, 10, true, out);
    else if (is_phrase(name))
        ok = str_add(out, name);
    else
        ok = str_add_char(out, '"') && write_escaped(name, "\\\"", out) &&
             str_add_char(out, '"');
    return ok && str_add_cstr(out, " <") && address_quote_822(address, out) &&
           str_add_char(out, '>');
}
