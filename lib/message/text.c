/* text - undo transfer encodings and charsets; see text.h */
#include "text.h"

#include "format/base64.h"
#include "format/encoded_word.h"
#include "format/header.h"
#include "format/quoted_printable.h"
#include "lines.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static bool decode_base64(struct view body, struct str *out)
{
    struct base64_decoder d;
    base64_decoder_init(&d);
    return base64_decoder_feed(&d, body, out) && base64_decoder_feed(&d, VIEW("="), out);
}

bool message_decode(struct view body, enum mime_encoding encoding, struct str *out)
{
    switch (encoding) {
    case MIME_ENCODING_7BIT:
    case MIME_ENCODING_8BIT:
    case MIME_ENCODING_BINARY:
        return message_add_crlf(body, out);
    case MIME_ENCODING_QUOTED_PRINTABLE:
        return qp_decode(body, true, out);
    case MIME_ENCODING_BASE64:
        return decode_base64(body, out);
    case MIME_ENCODING_UNKNOWN:
        break;
    }
    return false;
}

/* How many bytes of V from its front are ASCII; may stop early. */
static size_t ascii_length(struct view v)
{
    size_t n = 0;
    uint64_t word;
    for (; v.n - n >= sizeof word; n += sizeof word) {
        memcpy(&word, v.p + n, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return n;
}

/* Append BYTES with what is no UTF-8 replaced. */
static bool add_utf8(struct view bytes, struct str *out)
{
    size_t start = 0;
    for (size_t at = 0; at < bytes.n;) {
        at += ascii_length(view_from(bytes, at));
        if (at == bytes.n)
            break;
        size_t length = view_utf8_length(view_from(bytes, at));
        if (length > 0) {
            at += length;
            continue;
        }
        str_add(out, view_sub(bytes, start, at - start));
        str_add_cstr(out, REPLACEMENT);
        start = ++at;
    }
    return str_add(out, view_from(bytes, start)) && !out->overflow;
}

static bool add_latin1(struct view bytes, struct str *out)
{
    bool ok = true;
    for (size_t at = 0; at < bytes.n && ok;) {
        struct view run = view_sub(bytes, at, ascii_length(view_from(bytes, at)));
        ok = str_add(out, run);
        at += run.n;
        if (at == bytes.n)
            break;
        unsigned char c = (unsigned char)bytes.p[at++];
        if (c >= 0x80)
            ok = str_add_char(out, (char)(0xc0 | c >> 6)) && ok;
        ok = str_add_char(out, (char)(c < 0x80 ? c : 0x80 | (c & 0x3f))) && ok;
    }
    return ok;
}

bool message_to_utf8(struct view charset, struct view bytes, struct str *out)
{
    static const struct view plain[] = {
        {"", 0}, {"us-ascii", 8}, {"utf-8", 5}, {"utf8", 4}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (view_eq_case(charset, plain[i]))
            return add_utf8(bytes, out);
    if (view_eq_case(charset, VIEW("iso-8859-1")))
        return add_latin1(bytes, out);
    return charset_to_utf8(charset, bytes, out) ? !out->overflow : add_utf8(bytes, out);
}

bool message_part_text(struct view message, const struct message_part *part,
                       struct str *out)
{
    if (part->is_multipart || part->is_message)
        return true;
    struct view body = message_part_body(message, part);
    struct view charset = message_parameter_find(part->parameters, VIEW("charset"));
    bool base64 = part->encoding == MIME_ENCODING_BASE64;
    if (!base64 && part->encoding != MIME_ENCODING_QUOTED_PRINTABLE)
        return message_to_utf8(charset, body, out);
    struct str bytes = STR_INIT(body.n + 64);
    bool ok = base64 ? decode_base64(body, &bytes) : qp_decode(body, false, &bytes);
    ok = message_to_utf8(charset, str_view(&bytes), out) && ok;
    str_done(&bytes);
    return ok;
}

bool message_header_text(struct view value, struct str *out)
{
    return encoded_word_decode(value, out);
}
