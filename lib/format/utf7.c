/* utf7 - the modified UTF-7 of mailbox names */
#include "format/utf7.h"

#include <stdint.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool is_direct(int c)
{
    return ascii_is_print(c) && c != '&';
}

/* The code point of a well-formed sequence of N bytes. */
static uint32_t code_point(const char *p, size_t n)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)p[0] & masks[n];

    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    return c;
}

/* Bits on their way into or out of base64. */
struct bits {
    uint32_t held;
    unsigned n; /* bits that count, the low ones of held */
};

static bool put_unit(struct bits *b, uint32_t unit, struct str *out)
{
    bool ok = true;

    b->held = b->held << 16 | unit;
    b->n += 16;
    while (b->n >= 6) {
        b->n -= 6;
        ok = str_add_char(out, alphabet[b->held >> b->n & 63]) && ok;
    }
    return ok;
}

static bool put_point(struct bits *b, uint32_t c, struct str *out)
{
    if (c < 0x10000)
        return put_unit(b, c, out);
    return put_unit(b, 0xd800 + ((c - 0x10000) >> 10), out) &&
           put_unit(b, 0xdc00 + ((c - 0x10000) & 0x3ff), out);
}

bool utf7_encode(struct view v, struct str *out)
{
    struct bits b = {0};
    bool shifted = false, ok = true;

    for (size_t at = 0, n; ok && at < v.n; at += n) {
        n = view_utf8_length(view_from(v, at));
        if (n == 0)
            return false;
        int c = (unsigned char)v.p[at];
        bool plain = is_direct(c) || c == '&';
        if (plain && shifted) {
            if (b.n > 0)
                ok = str_add_char(out, alphabet[b.held << (6 - b.n) & 63]);
            ok = ok && str_add_char(out, '-');
            b = (struct bits){0};
        } else if (!plain && !shifted) {
            ok = str_add_char(out, '&');
        }
        shifted = !plain;
        if (c == '&')
            ok = ok && str_add(out, VIEW("&-"));
        else if (plain)
            ok = ok && str_add_char(out, (char)c);
        else
            ok = ok && put_point(&b, code_point(v.p + at, n), out);
    }
    if (ok && shifted && b.n > 0)
        ok = str_add_char(out, alphabet[b.held << (6 - b.n) & 63]);
    return ok && (!shifted || str_add_char(out, '-'));
}

static bool add_utf8(uint32_t c, struct str *out)
{
    char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3f));
    b[0] = (char)(leads[n] | c);
    return str_add(out, (struct view){b, n});
}

/* One UTF-16 unit; *HIGH is the first half of a pair that waits for its second. */
static bool take_unit(uint32_t unit, uint32_t *high, struct str *out)
{
    bool is_low = unit >= 0xdc00 && unit < 0xe000;

    if (is_low != (*high != 0))
        return false;
    if (is_low) {
        uint32_t c = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
        *high = 0;
        return add_utf8(c, out);
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        *high = unit;
        return true;
    }
    return (unit >= 0x80 || !ascii_is_print((int)unit)) && add_utf8(unit, out);
}

static int digit_value(char c)
{
    const char *p = c ? strchr(alphabet, c) : NULL;

    return p ? (int)(p - alphabet) : -1;
}

/* The base64 run V, without "&" and "-". */
static bool decode_run(struct view v, struct str *out)
{
    struct bits b = {0};
    uint32_t high = 0;

    for (size_t i = 0; i < v.n; i++) {
        int d = digit_value(v.p[i]);
        if (d < 0)
            return false;
        b.held = b.held << 6 | (uint32_t)d;
        b.n += 6;
        if (b.n < 16)
            continue;
        b.n -= 16;
        if (!take_unit(b.held >> b.n & 0xffff, &high, out))
            return false;
    }
    return high == 0 && b.n < 6 && (b.held & ((1u << b.n) - 1)) == 0;
}

bool utf7_decode(struct view v, struct str *out)
{
    bool after_run = false;

    for (size_t at = 0; at < v.n; at++) {
        if (is_direct((unsigned char)v.p[at])) {
            after_run = false;
            if (!str_add_char(out, v.p[at]))
                return false;
            continue;
        }
        size_t n = v.p[at] == '&' ? view_find(view_from(v, at), '-') : VIEW_NPOS;
        if (n == VIEW_NPOS || (n > 1 && after_run))
            return false;
        after_run = n > 1;
        if (n == 1 ? !str_add_char(out, '&')
                   : !decode_run(view_sub(v, at + 1, n - 1), out))
            return false;
        at += n;
    }
    return true;
}
