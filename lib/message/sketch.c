/* sketch - what cannot be in a message's text, told without reading the message
 *
 * Runs are gathered in a table of the largest size; the table is then halved, its halves
 * laid over each other, until more than an eighth of its bits is set.
 */
#include "sketch.h"

#include "header.h"
#include "html.h"
#include "needle.h"

#define BITS_MAX (MESSAGE_SKETCH_MAX * 8)
/* Smallest sketch, bytes. */
#define BYTES_MIN 64

struct sketch {
    unsigned char bits[MESSAGE_SKETCH_MAX];
    uint32_t run; /* the last three bytes */
    unsigned n;   /* bytes in it so far, at most 2 before the first whole run */
};

static uint32_t bit_of(uint32_t run)
{
    return (run * UINT32_C(2654435761)) >> 16;
}

static void add_byte(struct sketch *s, unsigned char byte)
{
    s->run = (s->run << 8 | byte) & 0xffffff;
    if (s->n < 2) {
        s->n++;
        return;
    }
    uint32_t bit = bit_of(s->run);
    s->bits[bit / 8] |= (unsigned char)(1 << bit % 8);
}

/* UTF-8 TEXT; runs do not reach from one text into the next. */
static void add_text(struct sketch *s, struct view text)
{
    struct str folded = STR_INIT((size_t)1 << 24);

    s->n = 0;
    if (view_is_ascii(text)) {
        for (size_t i = 0; i < text.n; i++)
            add_byte(s, (unsigned char)ascii_upper((unsigned char)text.p[i]));
        return;
    }
    while (text.n > 0) {
        struct view piece = needle_cut_piece(text);
        text = view_from(text, piece.n);
        str_clear(&folded);
        message_fold(piece, &folded);
        for (size_t i = 0; i < folded.n; i++)
            add_byte(s, (unsigned char)folded.p[i]);
    }
    str_done(&folded);
}

static void add_header(struct sketch *s, struct view header)
{
    struct message_field field;
    struct str text = STR_INIT(NEEDLE_VALUE_MAX);

    while (message_header_next(&header, &field)) {
        add_text(s, view_trim_space(field.raw));
        str_clear(&text);
        message_header_text(view_trim_space(field.raw), &text);
        add_text(s, str_view(&text));
    }
    str_done(&text);
}

static void add_part_text(struct sketch *s, struct view message,
                          const struct message_part *part)
{
    struct str text = STR_INIT(NEEDLE_DECODED_MAX), plain = STR_INIT(NEEDLE_DECODED_MAX);

    message_part_text(message, part, &text);
    add_text(s, str_view(&text));
    if (message_part_is(part, "text", "html") && view_has(str_view(&text), '&')) {
        html_decode_entities(str_view(&text), &plain);
        add_text(s, str_view(&plain));
    }
    str_done(&text);
    str_done(&plain);
}

static void add_message(struct sketch *s, struct view message)
{
    struct view header = message_header(message);

    if (needle_is_plain_header(header)) {
        add_text(s, view_from(message, header.n));
        return;
    }
    struct arena *arena = arena_new();
    const struct message_part *root =
        message_parse(arena, message, &MESSAGE_LIMITS_DEFAULT);
    for (const struct message_part *part = root; part; part = needle_next_part(part)) {
        if (part != root)
            add_header(s, message_part_header(message, part));
        if (message_part_is(part, "text", NULL))
            add_part_text(s, message, part);
    }
    arena_free(arena);
}

static size_t count_bits(const unsigned char *bits, size_t bytes)
{
    size_t n = 0;

    for (size_t i = 0; i < bytes; i++)
        n += (size_t)__builtin_popcount(bits[i]);
    return n;
}

/* The bytes that remain, at most a quarter of their bits set; 0 when even the whole table
 * is too full. */
static size_t shrink(struct sketch *s)
{
    size_t bytes = MESSAGE_SKETCH_MAX;
    size_t set = count_bits(s->bits, bytes);

    if (set > BITS_MAX / 2)
        return 0;
    while (bytes > BYTES_MIN && set <= bytes /* an eighth of the bits */) {
        bytes /= 2;
        for (size_t i = 0; i < bytes; i++)
            s->bits[i] |= s->bits[bytes + i];
        set = count_bits(s->bits, bytes);
    }
    return bytes;
}

bool message_sketch(struct view message, struct str *out)
{
    struct arena *arena = arena_new(); /* too large for the stack of a fiber */
    struct sketch *s = ARENA_NEW(arena, struct sketch);

    add_message(s, message);
    bool fits = str_add(out, (struct view){(const char *)s->bits, shrink(s)});
    arena_free(arena);
    return fits;
}

bool message_needle_may_be_in(const struct message_needle *needle, struct view sketch)
{
    struct view text = needle_folded(needle);
    uint32_t run = 0;

    if (sketch.n < BYTES_MIN || sketch.n > MESSAGE_SKETCH_MAX ||
        sketch.n & (sketch.n - 1))
        return true; /* none, or not one of ours */
    for (size_t i = 0; i < text.n; i++) {
        run = (run << 8 | (unsigned char)text.p[i]) & 0xffffff;
        uint32_t bit = bit_of(run) % (uint32_t)(sketch.n * 8);
        if (i >= 2 && !((unsigned char)sketch.p[bit / 8] >> bit % 8 & 1))
            return false;
    }
    return true;
}
