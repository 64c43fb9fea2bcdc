/* bodystructure - BODY and BODYSTRUCTURE from the tree of parts; see write.h
 *
 * Recursion goes as deep as the tree, which message_parse() bounds.  RFC 9051
 * 7.5.2 and 9 (body).
 */
#include "imap_private.h"
#include "write.h"

/* "name" "value" ..., an opening parenthesis in front unless there were SOME. */
static bool write_pairs(const struct message_parameter *list, bool *some, struct str *out)
{
    bool ok = true;
    for (const struct message_parameter *m = list; m; m = m->next) {
        ok = str_add_char(out, *some ? ' ' : '(') && ok;
        ok = imap_write_string(m->name, out) && ok;
        ok = str_add_char(out, ' ') && ok;
        ok = imap_write_string(m->value, out) && ok;
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
