/* bodystructure - BODY and BODYSTRUCTURE from the tree of parts; see write.h
 *
 * Recursion goes as deep as the tree, which message_parse() bounds.  RFC 9051
 * 7.5.2 and 9 (body).
 */
#include "base/number.h"
#include "imap_private.h"
#include "write.h"

/* A parameter that was written in pieces is one for the client (RFC 2231 6).  In longer
 * lists they stay as they are, so that nobody can make the search for them cost much. */
enum { SEGMENTS_MAX = 32, JOINED_MAX = 100000 };

struct segment {
    struct view base; /* name, without its number */
    int number;       /* -1: no piece of something */
    bool is_encoded;
};

/* What "name*0" or "name*0*" says of itself, RFC 2231 3 and 4.1. */
static struct segment segment_of(struct view name)
{
    struct segment s = {name, -1, view_ends(name, VIEW("*"))};
    struct view base, digits;
    if (view_rcut(s.is_encoded ? view_sub(name, 0, name.n - 1) : name, '*', &base,
                  &digits) &&
        number_parse_int(digits, 0, SEGMENTS_MAX, &s.number))
        s.base = base;
    else
        s.number = -1;
    return s;
}

/* The parameter that is piece NUMBER of BASE; NULL: there is none. */
static const struct message_parameter *segment_find(const struct message_parameter *list,
                                                    struct view base, int number)
{
    for (; list; list = list->next) {
        struct segment s = segment_of(list->name);
        if (s.number == number && view_eq_case(s.base, base))
            return list;
    }
    return NULL;
}

/* Is M a piece that goes with the first, or lies behind one that is missing? */
static bool is_later_segment(const struct message_parameter *list,
                             const struct message_parameter *m)
{
    struct segment s = segment_of(m->name);
    return s.number > 0 && segment_find(list, s.base, 0) != NULL;
}

/* Append VALUE with "%" as it is in encoded values. */
static void add_encoded(struct view value, struct str *out)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '%')
            str_add(out, VIEW("%25"));
        else
            str_add_char(out, value.p[i]);
}

/* "name" "value" of all pieces from FIRST on; a longer value is cut off. */
static bool write_joined(const struct message_parameter *list, struct segment first,
                         struct str *out)
{
    struct str name = STR_INIT(JOINED_MAX), value = STR_INIT(JOINED_MAX);
    const struct message_parameter *m;
    bool is_encoded = first.is_encoded;
    for (int i = 0; (m = segment_find(list, first.base, i)) != NULL; i++)
        is_encoded = is_encoded || segment_of(m->name).is_encoded;
    str_add(&name, first.base);
    str_add_cstr(&name, is_encoded ? "*" : "");
    if (is_encoded && !first.is_encoded)
        str_add(&value, VIEW("''")); /* no charset, no language */
    for (int i = 0; (m = segment_find(list, first.base, i)) != NULL; i++)
        if (is_encoded && !segment_of(m->name).is_encoded)
            add_encoded(m->value, &value);
        else
            str_add(&value, m->value);
    bool ok = imap_write_string(str_view(&name), out);
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_string(str_view(&value), out) && ok;
    str_done(&name);
    str_done(&value);
    return ok;
}

static bool write_pair(const struct message_parameter *m, struct str *out)
{
    return imap_write_string(m->name, out) && str_add_char(out, ' ') &&
           imap_write_string(m->value, out);
}

/* Has LIST first pieces, and is short enough to put them together? */
static bool has_segments(const struct message_parameter *list)
{
    bool some = false;
    size_t n = 0;
    for (; list; list = list->next, n++)
        some = some || segment_of(list->name).number == 0;
    return some && n <= SEGMENTS_MAX;
}

/* "name" "value" ..., an opening parenthesis in front unless there were SOME. */
static bool write_pairs(const struct message_parameter *list, bool *some, struct str *out)
{
    bool ok = true;
    bool joins = has_segments(list);
    for (const struct message_parameter *m = list; m; m = m->next) {
        if (joins && is_later_segment(list, m))
            continue;
        struct segment s = segment_of(m->name);
        ok = str_add_char(out, *some ? ' ' : '(') && ok;
        ok = (joins && s.number == 0 ? write_joined(list, s, out) : write_pair(m, out)) &&
             ok;
        *some = true;
    }
    return ok;
}

/* NIL or ("name" "value" ...) of both lists. */
static bool write_parameters(const struct message_parameter *list,
                             const struct message_parameter *more, struct str *out)
{
    bool some = false;
    bool ok = write_pairs(list, &some, out);
    ok = write_pairs(more, &some, out) && ok;
    return str_add_cstr(out, some ? ")" : "NIL") && ok;
}

/* NIL or ("attachment" (parameters)) */
static bool write_disposition(const struct message_part *part, struct str *out)
{
    if (part->disposition.n == 0)
        return str_add(out, VIEW("NIL"));
    bool ok = str_add_char(out, '(');
    ok = imap_write_string(part->disposition, out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = write_parameters(part->disposition_parameters, NULL, out) && ok;
    return str_add_char(out, ')') && ok;
}

/* NIL or ("en" "fr") */
static bool write_languages(struct view list, struct str *out)
{
    struct view tag;
    bool some = false;
    bool ok = true;
    while (view_token(&list, VIEW(", \t\r\n"), &tag)) {
        ok = str_add_char(out, some ? ' ' : '(') && imap_write_string(tag, out) && ok;
        some = true;
    }
    return str_add_cstr(out, some ? ")" : "NIL") && ok;
}

/* What only BODYSTRUCTURE has, behind the parameters or the MD5. */
static bool write_extension(const struct message_part *part, struct str *out)
{
    bool ok = str_add_char(out, ' ');
    ok = write_disposition(part, out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = write_languages(part->language, out) && ok;
    ok = str_add_char(out, ' ') && ok;
    return imap_write_value(part->location, out) && ok;
}

static bool write_multipart(struct view message, const struct message_part *part,
                            bool extended, struct str *out)
{
    bool ok = true;
    for (const struct message_part *c = part->child; c; c = c->next)
        ok = imap_write_body(message, c, extended, out) && ok;
    if (part->child == NULL) { /* the grammar wants a part */
        static const struct message_part empty = {.type = {"text", 4},
                                                  .subtype = {"plain", 5}};
        ok = imap_write_body(message, &empty, extended, out) && ok;
    }
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_string(part->subtype, out) && ok;
    if (!extended)
        return ok;
    ok = str_add_char(out, ' ') && ok;
    ok = write_parameters(part->parameters, NULL, out) && ok;
    return write_extension(part, out) && ok;
}

/* type subtype parameters id description encoding size */
static bool write_fields(const struct message_part *part, struct str *out)
{
    static const struct message_parameter us_ascii = {
        .name = {"charset", 7}, .value = {"us-ascii", 8}}; /* RFC 2046 4.1.2 */
    bool unsaid = message_part_is(part, "text", NULL) &&
                  message_parameter_find(part->parameters, VIEW("charset")).p == NULL;
    struct view encoding = part->encoding_name.n > 0 ? part->encoding_name : VIEW("7bit");
    bool ok = imap_write_string(part->type, out);
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_string(part->subtype, out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = write_parameters(part->parameters, unsaid ? &us_ascii : NULL, out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_value(part->id, out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_value(part->description, out) && ok;
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_string(encoding, out) && ok;
    return str_addf(out, " %llu", (unsigned long long)part->body_size.bytes) && ok;
}

static bool write_single(struct view message, const struct message_part *part,
                         bool extended, struct str *out)
{
    bool ok = write_fields(part, out);
    if (part->is_message) {
        ok = str_add_char(out, ' ') && ok;
        ok = imap_write_envelope(message_part_header(message, part->child), out) && ok;
        ok = str_add_char(out, ' ') && ok;
        ok = imap_write_body(message, part->child, extended, out) && ok;
    }
    if (part->is_message || message_part_is(part, "text", NULL))
        ok = str_addf(out, " %llu", (unsigned long long)part->body_size.lines) && ok;
    if (!extended)
        return ok;
    ok = str_add_char(out, ' ') && ok;
    ok = imap_write_value(part->md5, out) && ok;
    return write_extension(part, out) && ok;
}

bool imap_write_body(struct view message, const struct message_part *part, bool extended,
                     struct str *out)
{
    bool ok = str_add_char(out, '(');
    ok = (part->is_multipart ? write_multipart(message, part, extended, out)
                             : write_single(message, part, extended, out)) &&
         ok;
    return str_add_char(out, ')') && ok;
}
