/* scram - what both ends of SCRAM share: attributes, escapes, nonces (RFC 5802 5, 7) */
#include "base/number.h"
#include "format/base64.h"
#include "sasl/password.h"
#include "sasl/private.h"

enum { NONCE_BYTES = 18 };

bool scram_attribute(struct view *rest, char name, struct view *value)
{
    struct view field, after;
    (void)view_cut(*rest, ',', &field, &after);
    if (field.n < 2 || field.p[0] != name || field.p[1] != '=')
        return false;
    *value = view_from(field, 2);
    *rest = after;
    return true;
}

struct view scram_escape(struct arena *a, struct view name)
{
    struct str out = STR_INIT(3 * SASL_NAME_MAX);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '=')
            str_add(&out, VIEW("=3D"));
        else if (name.p[i] == ',')
            str_add(&out, VIEW("=2C"));
        else
            str_add_char(&out, name.p[i]);
    }
    struct view kept = arena_dup(a, str_view(&out));
    str_done(&out);
    return kept;
}

bool scram_unescape(struct arena *a, struct view escaped, struct view *name)
{
    struct str out = STR_INIT(SASL_NAME_MAX);
    bool good = true;
    for (size_t i = 0; good && i < escaped.n; i++) {
        struct view three = view_sub(escaped, i, 3);
        bool is_escape = escaped.p[i] == '=';
        if (is_escape && view_eq_case(three, VIEW("=2C")))
            good = str_add_char(&out, ',');
        else if (is_escape && view_eq_case(three, VIEW("=3D")))
            good = str_add_char(&out, '=');
        else
            good = !is_escape && str_add_char(&out, escaped.p[i]);
        i += is_escape ? 2 : 0;
    }
    *name = arena_dup(a, str_view(&out));
    str_done(&out);
    return good;
}

struct view scram_base64(struct arena *a, struct view raw)
{
    struct str out = STR_INIT(SASL_MESSAGE_MAX);
    base64_encode(raw, &out);
    struct view kept = arena_dup(a, str_view(&out));
    str_done(&out);
    return kept;
}

bool scram_unbase64(struct arena *a, struct view text, struct view *raw)
{
    struct str out = STR_INIT(SASL_MESSAGE_MAX);
    bool good = base64_decode(text, &out);
    *raw = arena_dup(a, str_view(&out));
    str_done(&out);
    return good;
}

struct view scram_nonce(struct arena *a)
{
    char raw[NONCE_BYTES]; /* whole groups: base64 without padding, printable, no comma */
    password_random(raw, sizeof raw);
    return scram_base64(a, (struct view){raw, sizeof raw});
}
