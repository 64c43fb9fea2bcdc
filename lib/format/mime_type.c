/* mime_type - Content-Type, its parameters, and Content-Transfer-Encoding
 *
 * RFC 2045 5.1 and 6.1; parameters cut and encoded as in RFC 2231 are put
 * together (name*0, name*1*, name*).  See mime.h.
 */
#include "base/number.h"
#include "encoded_word.h"
#include "mime.h"

/* Blanks and comments at the front of *V go. */
static void skip_space(struct view *v)
{
    size_t depth = 0;
    size_t i = 0;
    for (; i < v->n; i++) {
        char c = v->p[i];
        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth > 0 && c == '\\' && i + 1 < v->n)
            i++;
        else if (depth == 0 && !ascii_is_space((unsigned char)c))
            break;
    }
    *v = view_from(*v, i);
}

struct view mime_take_token(struct view *v)
{
    skip_space(v);
    size_t n = 0;
    while (n < v->n && (unsigned char)v->p[n] > ' ' &&
           !strchr("()<>@,;:\\\"/[]?=", v->p[n]))
        n++;
    struct view token = view_sub(*v, 0, n);
    *v = view_from(*v, n);
    return token;
}

/* Take a token or quoted string: *RAW is a view of it in the input, without
 * quotes; *ESCAPED when it holds backslashes or line ends.  Bytes that a token
 * may not have ("=", ":", "/" ...) are taken, since boundaries have them. */
static bool take_value(struct view *v, struct view *raw, bool *escaped)
{
    skip_space(v);
    *escaped = false;
    if (v->n == 0)
        return false;
    if (v->p[0] != '"') {
        size_t n = view_find_any(*v, VIEW("; \t\r\n("));
        *raw = view_sub(*v, 0, n);
        *v = view_from(*v, raw->n);
        return raw->n > 0;
    }
    size_t i = 1;
    for (; i < v->n && v->p[i] != '"'; i++) {
        *escaped = *escaped || v->p[i] == '\\' || v->p[i] == '\n' || v->p[i] == '\r';
        if (v->p[i] == '\\' && i + 1 < v->n)
            i++;
    }
    *raw = view_sub(*v, 1, i - 1);
    *v = view_from(*v, i + 1);
    return true;
}

bool mime_unescape(struct view raw, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\\' && i + 1 < raw.n)
            i++;
        if (raw.p[i] != '\n' && raw.p[i] != '\r')
            ok = str_add_char(out, raw.p[i]) && ok;
    }
    return ok;
}

bool mime_next_parameter(struct view *v, struct mime_parameter_view *p)
{
    for (;;) {
        size_t semicolon = 0;
        skip_space(v);
        if (v->n == 0)
            return false;
        while (semicolon < v->n && v->p[semicolon] != ';')
            semicolon++;
        *v = view_from(*v, semicolon + 1);
        p->name = mime_take_token(v);
        skip_space(v);
        if (p->name.n == 0 || v->n == 0 || v->p[0] != '=')
            continue;
        *v = view_from(*v, 1);
        if (take_value(v, &p->raw, &p->escaped))
            return true;
    }
}

bool content_type_is(const struct content_type *t, const char *type, const char *subtype)
{
    return view_eq_case(t->type, view_of(type)) &&
           (subtype == NULL || view_eq_case(t->subtype, view_of(subtype)));
}

/* Unescape into BUFFER and give the place; the view stays valid, since BUFFER has
 * room from the start or the value is dropped. */
static struct view keep(struct mime_parameter_view *p, struct str *buffer)
{
    if (!p->escaped)
        return p->raw;
    size_t start = buffer->n;
    if (!mime_unescape(p->raw, buffer))
        return VIEW_NONE;
    return view_from(str_view(buffer), start);
}

bool content_type_parse(struct view body, struct str *buffer, struct content_type *t)
{
    *t = (struct content_type){.type = VIEW_NONE};
    /* Unquoted text is never longer: with room for all of it BUFFER will not move. */
    if (!str_reserve(buffer, body.n + 1))
        return false;
    struct view rest = body;
    struct view type = mime_take_token(&rest);
    skip_space(&rest);
    if (type.n == 0 || rest.n == 0 || rest.p[0] != '/')
        return false;
    rest = view_from(rest, 1);
    struct view subtype = mime_take_token(&rest);
    if (subtype.n == 0)
        return false;
    t->type = type;
    t->subtype = subtype;

    static const char *const names[] = {"boundary", "charset", "name", "report-type",
                                        "format"};
    struct view *const places[] = {&t->boundary, &t->charset, &t->name, &t->report_type,
                                   &t->format};
    struct mime_parameter_view p;
    while (mime_next_parameter(&rest, &p))
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (view_eq_case(p.name, view_of(names[i])) && places[i]->n == 0)
                *places[i] = keep(&p, buffer);
    return true;
}

/* Decode the %XX of RFC 2231 4. */
static void decode_percent(struct view v, struct str *out)
{
    for (size_t i = 0; i < v.n; i++) {
        uint64_t value = (unsigned char)v.p[i];
        struct view hex = view_sub(v, i + 1, 2);
        if (v.p[i] == '%' && hex.n == 2 && number_parse_base(hex, 16, 255, &value))
            i += 2;
        str_add_char(out, (char)value);
    }
}

/* Find parameter NAME followed by SUFFIX ("*0*"). */
static bool find_parameter(struct view body, struct view name, const char *suffix,
                           struct mime_parameter_view *found)
{
    while (mime_next_parameter(&body, found)) {
        if (view_starts_case(found->name, name) &&
            view_eq(view_from(found->name, name.n), view_of(suffix)))
            return true;
    }
    return false;
}

/* Pieces NAME*0, NAME*1*, ... joined into RAW; *CHARSET from the first when it is
 * encoded. */
static bool join_pieces(struct view body, struct view name, struct view *charset,
                        struct str *raw)
{
    for (unsigned i = 0; i < 100; i++) {
        char suffix[16];
        struct mime_parameter_view p;
        snprintf(suffix, sizeof suffix, "*%u*", i % 100);
        bool encoded = find_parameter(body, name, suffix, &p);
        suffix[strlen(suffix) - 1] = 0;
        if (!encoded && !find_parameter(body, name, suffix, &p))
            return i > 0;
        struct view value = p.raw;
        if (encoded && i == 0) {
            struct view language;
            if (!view_cut(value, '\'', charset, &value) ||
                !view_cut(value, '\'', &language, &value))
                return false;
        }
        if (encoded)
            decode_percent(value, raw);
        else
            mime_unescape(value, raw);
    }
    return true;
}

bool mime_parameter(struct view body, struct view name, struct str *out)
{
    struct mime_parameter_view p;
    if (find_parameter(body, name, "", &p))
        return mime_unescape(p.raw, out);
    struct str raw = STR_INIT(8192);
    struct view charset = VIEW_NONE;
    struct view language, value;
    bool found = true;
    if (find_parameter(body, name, "*", &p)) {
        found = view_cut(p.raw, '\'', &charset, &value) &&
                view_cut(value, '\'', &language, &value);
        if (found)
            decode_percent(value, &raw);
    } else {
        found = join_pieces(body, name, &charset, &raw);
    }
    if (found && !charset_to_utf8(charset, str_view(&raw), out))
        str_add(out, str_view(&raw));
    found = found && !raw.overflow && !out->overflow;
    str_done(&raw);
    return found;
}

enum mime_encoding mime_encoding_parse(struct view body)
{
    static const struct {
        const char *name;
        enum mime_encoding encoding;
    } names[] = {{"7bit", MIME_ENCODING_7BIT},
                 {"8bit", MIME_ENCODING_8BIT},
                 {"binary", MIME_ENCODING_BINARY},
                 {"quoted-printable", MIME_ENCODING_QUOTED_PRINTABLE},
                 {"base64", MIME_ENCODING_BASE64}};
    struct view token = mime_take_token(&body);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (view_eq_case(token, view_of(names[i].name)))
            return names[i].encoding;
    return MIME_ENCODING_UNKNOWN;
}
