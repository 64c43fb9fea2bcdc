/* encoded_word - decode RFC 2047 words, and charsets by iconv; see encoded_word.h */
#include "encoded_word.h"
#include "base/number.h"
#include "base64.h"

#include <errno.h>
#include <iconv.h>

/* Longest text of one word that is decoded; RFC 2047 2 allows 75, some write more. */
#define WORD_TEXT_MAX 1024

/* Append what iconv made, without what is no UTF-8 after all: it knows code
 * points above U+10FFFF, and names that are meant for its own use. */
static void add_converted(struct view v, struct str *out)
{
    while (v.n > 0) {
        size_t good = 0;
        size_t length = view_is_utf8(v) ? v.n : view_utf8_length(v);
        for (; length > 0; length = view_utf8_length(view_from(v, good)))
            good += length;
        str_add(out, view_sub(v, 0, good));
        if (good < v.n)
            str_add_cstr(out, "\xef\xbf\xbd");
        v = view_from(v, good + 1);
    }
}

bool charset_to_utf8(struct view charset, struct view v, struct str *out)
{
    char name[64];
    if (charset.n == 0 || charset.n >= sizeof name || memchr(charset.p, '/', charset.n))
        return false;
    memcpy(name, charset.p, charset.n);
    name[charset.n] = 0;
    iconv_t converter = iconv_open("UTF-8", name);
    if (converter == (iconv_t)-1)
        return false;
    /* iconv's interface is not const; it does not write there. */
    union {
        const char *given;
        char *wanted;
    } in = {v.p};
    size_t in_left = v.n;
    while (in_left > 0) {
        char buffer[256];
        char *to = buffer;
        size_t room = sizeof buffer;
        size_t result = iconv(converter, &in.wanted, &in_left, &to, &room);
        add_converted((struct view){buffer, sizeof buffer - room}, out);
        if (result == (size_t)-1 && errno != E2BIG) {
            str_add_cstr(out, "\xef\xbf\xbd");
            in.wanted++;
            in_left--;
        }
        if (out->overflow)
            break;
    }
    iconv_close(converter);
    return true;
}

/* Append 8-bit bytes that are not declared: UTF-8 if they are, else ISO-8859-1. */
static bool add_raw(struct view v, struct str *out)
{
    if (view_is_utf8(v))
        return str_add(out, v);
    bool ok = true;
    for (size_t i = 0; i < v.n; i++) {
        unsigned c = (unsigned char)v.p[i];
        if (c < 0x80)
            ok = str_add_char(out, (char)c) && ok;
        else
            ok = str_add_char(out, (char)(0xc0 | c >> 6)) &&
                 str_add_char(out, (char)(0x80 | (c & 0x3f))) && ok;
    }
    return ok;
}

/* The "Q" encoding (RFC 2047 4.2). */
static bool decode_q(struct view text, struct str *out)
{
    for (size_t i = 0; i < text.n; i++) {
        uint64_t value = (unsigned char)text.p[i];
        if (value == '_') {
            value = ' ';
        } else if (value == '=') {
            struct view hex = view_sub(text, i + 1, 2);
            if (hex.n < 2 || !number_parse_base(hex, 16, 255, &value))
                return false;
            i += 2;
        }
        if (!str_add_char(out, (char)value))
            return false;
    }
    return true;
}

/* The "B" encoding; missing padding is forgiven. */
static bool decode_b(struct view text, struct str *out)
{
    struct base64_decoder d;
    base64_decoder_init(&d);
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_alnum((unsigned char)text.p[i]) && !strchr("+/=", text.p[i]))
            return false;
    return base64_decoder_feed(&d, text, out) && base64_decoder_feed(&d, VIEW("="), out);
}

/* Controls that were hidden in a word must not come out as line ends. */
static void hide_controls(struct str *s, size_t from)
{
    for (size_t i = from; i < s->n; i++)
        if ((unsigned char)s->p[i] < ' ' || s->p[i] == 0x7f)
            s->p[i] = '?';
}

/* Decode "=?charset?e?text?=" at the front of V; its length, or 0. */
static size_t take_word(struct view v, struct str *out)
{
    struct view charset, encoding, text, rest;
    v = view_sub(v, 0, WORD_TEXT_MAX + 80); /* bounds the searches below */
    if (!view_starts(v, VIEW("=?")) || !view_cut(view_from(v, 2), '?', &charset, &rest) ||
        !view_cut(rest, '?', &encoding, &rest) || encoding.n != 1)
        return 0;
    size_t end = view_find_view(rest, VIEW("?="));
    if (end == VIEW_NPOS || end > WORD_TEXT_MAX)
        return 0;
    text = view_sub(rest, 0, end);
    if (view_find_any(text, VIEW(" \t\r\n?")) != VIEW_NPOS)
        return 0;
    view_cut(charset, '*', &charset, &rest); /* RFC 2231 5: a language */

    struct str bytes = STR_INIT(WORD_TEXT_MAX);
    int kind = ascii_lower(encoding.p[0]);
    bool ok =
        kind == 'q' ? decode_q(text, &bytes) : kind == 'b' && decode_b(text, &bytes);
    size_t before = out->n;
    ok = ok && charset_to_utf8(charset, str_view(&bytes), out);
    str_done(&bytes);
    if (!ok)
        return 0;
    hide_controls(out, before);
    return (size_t)(text.p + text.n + 2 - v.p);
}

bool encoded_word_decode(struct view body, struct str *out)
{
    bool after_word = false;
    bool ok = true;
    size_t i = 0;
    while (i < body.n) {
        size_t blanks = i;
        while (blanks < body.n && ascii_is_space((unsigned char)body.p[blanks]))
            blanks++;
        struct view gap = view_sub(body, i, blanks - i);
        if (view_has(gap, '\n'))
            gap = blanks < body.n ? VIEW(" ") : VIEW_NONE;
        size_t before = out->n;
        ok = str_add(out, gap) && ok;
        i = blanks;
        size_t gap_end = out->n;
        size_t taken = i < body.n ? take_word(view_from(body, i), out) : 0;
        if (taken > 0 && after_word) {
            /* RFC 2047 6.2: blanks between two words are not shown. */
            memmove(out->p + before, out->p + gap_end, out->n - gap_end);
            str_truncate(out, out->n - (gap_end - before));
        }
        after_word = taken > 0;
        if (taken == 0) {
            size_t run = 1;
            while (i + run < body.n && !ascii_is_space((unsigned char)body.p[i + run]) &&
                   body.p[i + run] != '=')
                run++;
            ok = add_raw(view_sub(body, i, run), out) && ok;
            taken = run;
        }
        i += taken;
    }
    return ok && !out->overflow;
}
