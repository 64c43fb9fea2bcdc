/* needle - is a needle in a text, a header, a message? See text.h
 *
 * Most mail is ASCII without encoding: there the needle is sought in the bytes
 * as they lie, 16 at a time.  Only where an encoding, a charset or an entity
 * may hide it is text decoded and folded.
 */
#include "needle.h"

#include "header.h"
#include "html.h"

/* Longest needle that is sought by comparing at each place, which costs its
 * length times that of the text at worst; memmem, in folded text, does not. */
#define DIRECT_MAX 64
/* Text is folded in pieces of this size. */
#define PIECE 16384

typedef unsigned char block __attribute__((vector_size(16)));

struct message_needle {
    struct view folded;
    bool is_ascii;
    bool is_direct; /* find_ascii() may seek it */
    /* First and last byte in either case. */
    block first[2], last[2];
};

static block block_of(int c)
{
    block b = {0};
    return b + (unsigned char)c;
}

struct message_needle *message_needle_new(struct arena *arena, struct view text)
{
    struct message_needle *needle = ARENA_NEW(arena, struct message_needle);
    struct str folded = STR_INIT(16 * text.n + 64);
    message_fold(text, &folded);
    needle->folded = arena_dup(arena, str_view(&folded));
    str_done(&folded);
    needle->is_ascii = view_is_ascii(needle->folded);
    needle->is_direct = needle->is_ascii && needle->folded.n <= DIRECT_MAX;
    if (needle->folded.n > 0) {
        int first = (unsigned char)needle->folded.p[0];
        int last = (unsigned char)needle->folded.p[needle->folded.n - 1];
        needle->first[0] = block_of(first);
        needle->first[1] = block_of(ascii_lower(first));
        needle->last[0] = block_of(last);
        needle->last[1] = block_of(ascii_lower(last));
    }
    return needle;
}

/* Is the needle, ASCII in upper case, at P? */
static bool is_at(const struct message_needle *needle, const char *p)
{
    struct view n = needle->folded;
    for (size_t i = 0; i < n.n; i++)
        if (ascii_upper((unsigned char)p[i]) != (unsigned char)n.p[i])
            return false;
    return true;
}

/* Could the needle begin at one of the 16 bytes at P?  Reads as far as its last
 * byte would lie. */
static bool may_begin(const struct message_needle *needle, const char *p)
{
    block a, b;
    memcpy(&a, p, sizeof a);
    memcpy(&b, p + needle->folded.n - 1, sizeof b);
    block hit = (block)(((a == needle->first[0]) | (a == needle->first[1])) &
                        ((b == needle->last[0]) | (b == needle->last[1])));
    uint64_t halves[2];
    memcpy(halves, &hit, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

/* Is the needle, which is direct and not empty, in BYTES? */
static bool find_ascii(const struct message_needle *needle, struct view bytes)
{
    size_t n = needle->folded.n;
    if (bytes.n < n)
        return false;
    const char *p = bytes.p;
    const char *end = bytes.p + (bytes.n - n) + 1; /* of places to begin at */
    for (; end - p >= (ptrdiff_t)sizeof(block); p += sizeof(block)) {
        if (!may_begin(needle, p))
            continue;
        for (size_t i = 0; i < sizeof(block); i++)
            if (is_at(needle, p + i))
                return true;
    }
    for (; p < end; p++)
        if (is_at(needle, p))
            return true;
    return false;
}

/* As view_is_ascii, eight bytes at a time. */
static bool is_ascii(struct view v)
{
    size_t i = 0;
    uint64_t seen = 0;
    for (; v.n - i >= sizeof seen; i += sizeof seen) {
        uint64_t word;
        memcpy(&word, v.p + i, sizeof word);
        seen |= word;
    }
    return (seen & UINT64_C(0x8080808080808080)) == 0 && view_is_ascii(view_from(v, i));
}

struct view needle_folded(const struct message_needle *needle)
{
    return needle->folded;
}

/* Behind a line end if there is one. */
struct view needle_cut_piece(struct view text)
{
    if (text.n <= PIECE)
        return text;
    struct view piece = view_sub(text, 0, PIECE);
    size_t lf = view_rfind(piece, '\n');
    if (lf != VIEW_NPOS)
        return view_sub(piece, 0, lf + 1);
    while (piece.n > PIECE / 2 && ((unsigned char)text.p[piece.n] & 0xc0) == 0x80)
        piece.n--;
    return piece;
}

/* Fold TEXT piece by piece; the end of one stays for what spans two. */
static bool find_folded(const struct message_needle *needle, struct view text)
{
    struct str folded = STR_INIT(16 * PIECE + needle->folded.n);
    bool found = false;
    while (text.n > 0 && !found) {
        struct view piece = needle_cut_piece(text);
        text = view_from(text, piece.n);
        message_fold(piece, &folded);
        found = view_find_view(str_view(&folded), needle->folded) != VIEW_NPOS;
        if (folded.n >= needle->folded.n)
            str_consume(&folded, folded.n - (needle->folded.n - 1));
    }
    str_done(&folded);
    return found;
}

/* Is the needle in BYTES, taken as ASCII?  *SURE: if not, it cannot be in their
 * text, for they are ASCII. */
static bool find_plain(const struct message_needle *needle, struct view bytes, bool *sure)
{
    *sure = false;
    if (needle->is_direct && find_ascii(needle, bytes))
        return true;
    *sure = (needle->is_direct || !needle->is_ascii) && is_ascii(bytes);
    return false;
}

bool message_needle_in_text(const struct message_needle *needle, struct view text)
{
    bool sure;
    if (needle->folded.n == 0 || find_plain(needle, text, &sure))
        return true;
    return !sure && find_folded(needle, text);
}

bool message_needle_in_value(const struct message_needle *needle, struct view value)
{
    bool plain = view_find_view(value, VIEW("=?")) == VIEW_NPOS &&
                 !view_has(value, '\n') && is_ascii(value);
    if (plain)
        return message_needle_in_text(needle, value);
    struct str text = STR_INIT(NEEDLE_VALUE_MAX);
    message_header_text(value, &text);
    bool found = message_needle_in_text(needle, str_view(&text));
    str_done(&text);
    return found;
}

bool message_needle_in_header(const struct message_needle *needle, struct view header,
                              struct view name)
{
    struct message_field field;
    if (name.n == 0) {
        while (message_header_next(&header, &field))
            if (message_needle_in_value(needle, view_trim_space(field.raw)))
                return true;
        return false;
    }
    while (message_header_find(header, name, &field)) {
        if (message_needle_in_value(needle, field.value))
            return true;
        size_t taken = (size_t)(field.raw.p + field.raw.n - header.p);
        header = view_from(header, taken);
    }
    return false;
}

/* Is each byte below 0x80 in CHARSET the ASCII one, and nothing else? */
static bool is_like_ascii(struct view charset)
{
    static const struct view starts[] = {{"us-ascii", 8},
                                         {"utf-8", 5},
                                         {"iso-8859-", 9},
                                         {"windows-125", 11},
                                         {"koi8-", 5}};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (view_starts_case(charset, starts[i]))
            return true;
    return charset.n == 0;
}

/* Is it in the text of PART, a text part? */
static bool in_text_part(const struct message_needle *needle, struct view message,
                         const struct message_part *part)
{
    struct view body = message_part_body(message, part);
    struct view charset = message_parameter_find(part->parameters, VIEW("charset"));
    bool html = message_part_is(part, "text", "html") && view_has(body, '&');
    bool encoded = part->encoding == MIME_ENCODING_BASE64 ||
                   part->encoding == MIME_ENCODING_QUOTED_PRINTABLE;
    if (!encoded && is_like_ascii(charset)) {
        bool sure;
        if (find_plain(needle, body, &sure))
            return true;
        if (sure && !html)
            return false;
    }
    struct str text = STR_INIT(NEEDLE_DECODED_MAX);
    message_part_text(message, part, &text);
    bool found = message_needle_in_text(needle, str_view(&text));
    if (!found && message_part_is(part, "text", "html") &&
        view_has(str_view(&text), '&')) {
        struct str plain = STR_INIT(NEEDLE_DECODED_MAX);
        html_decode_entities(str_view(&text), &plain);
        found = message_needle_in_text(needle, str_view(&plain));
        str_done(&plain);
    }
    str_done(&text);
    return found;
}

bool needle_is_plain_header(struct view header)
{
    return message_header_value(header, VIEW("Content-Type")).p == NULL &&
           message_header_value(header, VIEW("Content-Transfer-Encoding")).p == NULL;
}

const struct message_part *needle_next_part(const struct message_part *part)
{
    if (part->child)
        return part->child;
    while (part && part->next == NULL)
        part = part->parent;
    return part ? part->next : NULL;
}

bool message_needle_in_message(const struct message_needle *needle, struct view message,
                               bool headers)
{
    if (needle->folded.n == 0)
        return true;
    struct view header = message_header(message);
    if (headers && message_needle_in_header(needle, header, VIEW("")))
        return true;
    if (needle_is_plain_header(header))
        return message_needle_in_text(needle, view_from(message, header.n));

    struct arena *arena = arena_new();
    const struct message_part *root =
        message_parse(arena, message, &MESSAGE_LIMITS_DEFAULT);
    bool found = false;
    for (const struct message_part *part = root; part && !found;
         part = needle_next_part(part)) {
        if (part != root)
            found = message_needle_in_header(needle, message_part_header(message, part),
                                             VIEW(""));
        if (!found && message_part_is(part, "text", NULL))
            found = in_text_part(needle, message, part);
    }
    arena_free(arena);
    return found;
}
