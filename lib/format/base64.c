/* base64 - encode and decode; see base64.h */
#include "base64.h"

#define LINE_BYTES 57 /* become 76 characters */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Encode N (1 to 3) bytes as four characters. */
static bool put_group(const uint8_t *b, size_t n, struct str *out)
{
    uint32_t bits = (uint32_t)b[0] << 16;
    if (n > 1)
        bits |= (uint32_t)b[1] << 8;
    if (n > 2)
        bits |= b[2];
    char group[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                     n > 1 ? alphabet[bits >> 6 & 63] : '=',
                     n > 2 ? alphabet[bits & 63] : '='};
    return str_add(out, (struct view){group, 4});
}

bool base64_encode(struct view v, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < v.n; i += 3) {
        size_t n = v.n - i < 3 ? v.n - i : 3;
        uint8_t group[3] = {0};
        memcpy(group, v.p + i, n);
        ok = put_group(group, n, out) && ok;
    }
    return ok;
}

/* The six bits of C, or -1. */
static int value_of(int c)
{
    if (ascii_is_upper(c))
        return c - 'A';
    if (ascii_is_lower(c))
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct view v, struct str *out)
{
    if (v.n % 4 != 0)
        return false;
    size_t padding = view_ends(v, VIEW("==")) ? 2 : view_ends(v, VIEW("=")) ? 1 : 0;
    for (size_t i = 0; i < v.n; i += 4) {
        size_t characters = i + 4 == v.n ? 4 - padding : 4;
        uint32_t bits = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k < characters ? value_of((unsigned char)v.p[i + k]) : 0;
            if (value < 0)
                return false;
            bits = bits << 6 | (uint32_t)value;
        }
        char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
        if (!str_add(out, (struct view){bytes, characters - 1}))
            return false;
    }
    return true;
}

void base64_encoder_init(struct base64_encoder *e)
{
    *e = (struct base64_encoder){.held_n = 0};
}

bool base64_encoder_feed(struct base64_encoder *e, struct view v, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < v.n; i++) {
        e->held[e->held_n++] = (uint8_t)v.p[i];
        if (e->held_n < 3)
            continue;
        ok = put_group(e->held, 3, out) && ok;
        e->held_n = 0;
        e->column += 3;
        if (e->column == LINE_BYTES) {
            ok = str_add_char(out, '\n') && ok;
            e->column = 0;
        }
    }
    return ok;
}

bool base64_encoder_end(struct base64_encoder *e, struct str *out)
{
    bool ok = true;
    if (e->held_n > 0)
        ok = put_group(e->held, e->held_n, out);
    if (e->held_n > 0 || e->column > 0)
        ok = str_add_char(out, '\n') && ok;
    base64_encoder_init(e);
    return ok;
}

void base64_decoder_init(struct base64_decoder *d)
{
    *d = (struct base64_decoder){.count = 0};
}

/* Give the whole bytes that COUNT characters hold. */
static bool put_bits(struct base64_decoder *d, struct str *out)
{
    bool ok = true;
    uint32_t bits = d->bits << 6 * (4 - d->count);
    for (unsigned k = 1; k < d->count; k++)
        ok = str_add_char(out, (char)(bits >> 8 * (3 - k))) && ok;
    d->bits = 0;
    d->count = 0;
    return ok;
}

bool base64_decoder_feed(struct base64_decoder *d, struct view v, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < v.n; i++) {
        int value = value_of((unsigned char)v.p[i]);
        if (value < 0 && v.p[i] != '=')
            continue;
        if (value >= 0) {
            d->bits = d->bits << 6 | (uint32_t)value;
            d->count++;
        }
        if (d->count == 4 || (value < 0 && d->count > 0))
            ok = put_bits(d, out) && ok;
    }
    return ok;
}
