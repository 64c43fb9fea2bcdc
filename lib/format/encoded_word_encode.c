/* encoded_word_encode - write UTF-8 text as RFC 2047 words; see encoded_word.h
 *
 * The "Q" encoding, since it stays half readable in mail that is mostly Latin;
 * "B" when more than a third of the bytes would be escaped.
 */
#include "base64.h"
#include "encoded_word.h"

#define WORD_MAX 75 /* RFC 2047 2: an encoded word */
#define LINE_MAX 76 /* RFC 2047 2: a line that holds one */
#define FRAME    12 /* "=?utf-8?Q?" and "?=" */

/* Can TEXT go out as it is? */
static bool is_plain_text(struct view text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_print((unsigned char)text.p[i]) && text.p[i] != '\t')
            return false;
    return view_find_view(text, VIEW("=?")) == VIEW_NPOS;
}

/* RFC 2047 4.2 and 5 (3). */
static bool is_q_plain(int c, bool phrase)
{
    if (ascii_is_alnum(c))
        return true;
    return phrase ? c != 0 && strchr("!*+-/", c) != NULL
                  : ascii_is_print(c) && c != ' ' && !strchr("=?_", c);
}

static size_t q_width(int c, bool phrase)
{
    return c == ' ' || is_q_plain(c, phrase) ? 1 : 3;
}

/* Bytes of the UTF-8 character at the front of V. */
static size_t character_length(struct view v)
{
    size_t n = 1;
    while (n < v.n && ((unsigned char)v.p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static bool should_use_base64(struct view text, bool phrase)
{
    size_t escaped = 0;
    for (size_t i = 0; i < text.n; i++)
        escaped += q_width((unsigned char)text.p[i], phrase) == 3;
    return escaped > text.n / 3;
}

/* How many bytes of TEXT, whole characters, fit into ROOM encoded bytes. */
static size_t fit(struct view text, size_t room, bool base64, bool phrase)
{
    size_t taken = 0;
    size_t width = 0;
    while (taken < text.n) {
        size_t n = character_length(view_from(text, taken));
        for (size_t i = 0; i < n && !base64; i++)
            width += q_width((unsigned char)text.p[taken + i], phrase);
        if ((base64 ? (taken + n + 2) / 3 * 4 : width) > room)
            break;
        taken += n;
    }
    return taken;
}

static bool put_word(struct view text, bool base64, bool phrase, struct str *out)
{
    bool ok = str_add_cstr(out, base64 ? "=?utf-8?B?" : "=?utf-8?Q?");
    if (base64)
        ok = base64_encode(text, out) && ok;
    for (size_t i = 0; i < text.n && !base64; i++) {
        int c = (unsigned char)text.p[i];
        if (c == ' ')
            ok = str_add_char(out, '_') && ok;
        else if (is_q_plain(c, phrase))
            ok = str_add_char(out, (char)c) && ok;
        else
            ok = str_addf(out, "=%02X", c) && ok;
    }
    return str_add_cstr(out, "?=") && ok;
}

bool encoded_word_encode(struct view text, size_t column, bool phrase, struct str *out)
{
    if (is_plain_text(text))
        return str_add(out, text);
    if (!view_is_utf8(text))
        return false;
    bool base64 = should_use_base64(text, phrase);
    bool ok = true;
    bool first = true;
    while (text.n > 0) {
        if (!first) {
            ok = str_add_cstr(out, "\n ") && ok;
            column = 1;
        }
        size_t room = column + FRAME < LINE_MAX ? LINE_MAX - column - FRAME : 0;
        if (room > WORD_MAX - FRAME)
            room = WORD_MAX - FRAME;
        size_t n = fit(text, room, base64, phrase);
        /* A new line has room for any character; an old one may not. */
        if (n > 0)
            ok = put_word(view_sub(text, 0, n), base64, phrase, out) && ok;
        text = view_from(text, n);
        first = false;
    }
    return ok;
}
