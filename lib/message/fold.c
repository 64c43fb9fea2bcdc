/* fold - text as it is compared, RFC 5051; see text.h */
#include "text.h"

#include <utf8proc.h>

/* Combining marks in a row that are put in order; hostile text has more. */
#define MARKS_MAX 30
/* Longest decomposition of one code point in Unicode is 18. */
#define DECOMPOSED_MAX 32

struct folder {
    struct str *out;
    utf8proc_int32_t marks[MARKS_MAX];
    size_t count;
};

static int class_of(utf8proc_int32_t c)
{
    return utf8proc_get_property(c)->combining_class;
}

static void put(struct folder *f, utf8proc_int32_t c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    str_add(f->out, (struct view){(const char *)bytes, n > 0 ? (size_t)n : 0});
}

static void flush_marks(struct folder *f)
{
    for (size_t i = 0; i < f->count; i++)
        put(f, f->marks[i]);
    f->count = 0;
}

/* Marks wait, sorted by their class, until something else comes. */
static void take(struct folder *f, utf8proc_int32_t c)
{
    int class = class_of(c);
    if (class == 0 || f->count == MARKS_MAX)
        flush_marks(f);
    if (class == 0) {
        put(f, c);
        return;
    }
    size_t i = f->count++;
    for (; i > 0 && class_of(f->marks[i - 1]) > class; i--)
        f->marks[i] = f->marks[i - 1];
    f->marks[i] = c;
}

/* Take the code point at the front of TEXT; how many bytes it has. */
static size_t take_point(struct folder *f, struct view text)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n, &c);
    if (n <= 0) {
        flush_marks(f);
        str_add_char(f->out, text.p[0]);
        return 1;
    }
    utf8proc_int32_t parts[DECOMPOSED_MAX];
    int boundary = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(utf8proc_totitle(c), parts, DECOMPOSED_MAX,
                                UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
    if (count <= 0 || count > DECOMPOSED_MAX) {
        take(f, c);
        return (size_t)n;
    }
    for (utf8proc_ssize_t i = 0; i < count; i++)
        take(f, utf8proc_totitle(parts[i]));
    return (size_t)n;
}

/* Append the ASCII bytes at the front of TEXT in upper case; how many. */
static size_t take_ascii(struct view text, struct str *out)
{
    size_t n = 0;
    while (n < text.n && (unsigned char)text.p[n] < 0x80)
        n++;
    char *to = n > 0 ? str_reserve(out, n) : NULL;
    if (to == NULL) {
        str_add(out, view_sub(text, 0, n)); /* as much as fits */
        return n;
    }
    for (size_t i = 0; i < n; i++)
        to[i] = (char)ascii_upper(text.p[i]);
    to[n] = '\0';
    out->n += n;
    return n;
}

bool message_fold(struct view text, struct str *out)
{
    struct folder f = {.out = out};
    for (size_t at = 0; at < text.n && !out->overflow;) {
        struct view rest = view_from(text, at);
        if ((unsigned char)rest.p[0] >= 0x80) {
            at += take_point(&f, rest);
            continue;
        }
        flush_marks(&f);
        at += take_ascii(rest, out);
    }
    flush_marks(&f);
    return !out->overflow;
}
