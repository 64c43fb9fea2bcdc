/* xtext - encode and decode DSN parameters; see xtext.h */
#include "xtext.h"
#include "base/number.h"

static bool is_plain(int c, struct view more)
{
    return c > ' ' && c < 0x7f && c != '+' && c != '=' && !view_has(more, (char)c);
}

bool xtext_encode(struct view v, struct view more, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < v.n; i++) {
        int c = (unsigned char)v.p[i];
        ok = (is_plain(c, more) ? str_add_char(out, (char)c)
                                : str_addf(out, "+%02X", c)) &&
             ok;
    }
    return ok;
}

/* "+XX" at offset I. */
static bool take_hex(struct view v, size_t i, struct str *out)
{
    uint64_t value;
    struct view hex = view_sub(v, i + 1, 2);
    return hex.n == 2 && number_parse_base(hex, 16, 0xff, &value) &&
           str_add_char(out, (char)value);
}

bool xtext_decode(struct view v, struct str *out)
{
    for (size_t i = 0; i < v.n; i++) {
        int c = (unsigned char)v.p[i];
        if (c == '+') {
            if (!take_hex(v, i, out))
                return false;
            i += 2;
        } else if (c <= ' ' || c >= 0x7f || c == '=' || !str_add_char(out, (char)c)) {
            return false;
        }
    }
    return true;
}

/* The code point at offset *I of well-formed UTF-8; *I moves behind it. */
static unsigned take_codepoint(struct view v, size_t *i)
{
    unsigned c = (unsigned char)v.p[(*i)++];
    if (c < 0x80)
        return c;
    unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    unsigned value = c & (0x3fU >> more);
    while (more-- > 0)
        value = value << 6 | ((unsigned char)v.p[(*i)++] & 0x3f);
    return value;
}

static bool put_codepoint(unsigned c, struct str *out)
{
    if (c < 0x80)
        return str_add_char(out, (char)c);
    if (c < 0x800)
        return str_add_char(out, (char)(0xc0 | c >> 6)) &&
               str_add_char(out, (char)(0x80 | (c & 0x3f)));
    bool ok = c < 0x10000 ? str_add_char(out, (char)(0xe0 | c >> 12))
                          : str_add_char(out, (char)(0xf0 | c >> 18)) &&
                                str_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
    return ok && str_add_char(out, (char)(0x80 | (c >> 6 & 0x3f))) &&
           str_add_char(out, (char)(0x80 | (c & 0x3f)));
}

bool uxtext_encode(struct view v, struct view more, struct str *out)
{
    if (!view_is_utf8(v))
        return false;
    bool ok = true;
    size_t i = 0;
    while (i < v.n) {
        unsigned c = take_codepoint(v, &i);
        bool plain = c < 0x80 && c != '\\' && is_plain((int)c, more);
        ok = (plain ? str_add_char(out, (char)c) : str_addf(out, "\\x{%02X}", c)) && ok;
    }
    return ok;
}

/* "\x{HEX}" at the front of V: its length, or 0. */
static size_t take_escape(struct view v, struct str *out)
{
    if (!view_starts(v, VIEW("\\x{")))
        return 0;
    size_t end = view_find(v, '}');
    uint64_t value;
    if (end == VIEW_NPOS || end > 9 ||
        !number_parse_base(view_sub(v, 3, end - 3), 16, 0x10ffff, &value))
        return 0;
    if (value == 0 || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    return put_codepoint((unsigned)value, out) ? end + 1 : 0;
}

bool uxtext_decode(struct view v, struct str *out)
{
    if (!view_is_utf8(v))
        return false;
    size_t i = 0;
    while (i < v.n) {
        int c = (unsigned char)v.p[i];
        size_t n = 1;
        if (c == '\\')
            n = take_escape(view_from(v, i), out);
        else if (c <= ' ' || c == 0x7f || c == '+' || c == '=' ||
                 !str_add_char(out, (char)c))
            return false;
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

bool orcpt_split(struct view v, struct view *type, struct view *rest)
{
    if (!view_cut(v, ';', type, rest) || type->n == 0 || rest->n == 0)
        return false;
    for (size_t i = 0; i < type->n; i++)
        if (!ascii_is_alnum((unsigned char)type->p[i]) && type->p[i] != '-')
            return false;
    return true;
}
