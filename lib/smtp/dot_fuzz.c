/* dot_fuzz - the end of DATA is where a plain search for CRLF.CRLF finds it, and
 * what is written is read back the same */
#include "dot.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read V in pieces of CHUNK; the offset behind the end, or VIEW_NPOS. */
static size_t read_all(enum dot_mode mode, bool bdat, struct view v, size_t chunk,
                       struct str *out)
{
    struct dot_reader r;
    if (bdat)
        dot_reader_init_bdat(&r, mode, 64);
    else
        dot_reader_init(&r, mode, 64);
    size_t used = 0;
    struct view text;
    while (used < v.n && !r.ended) {
        struct view part = view_sub(v, used, chunk);
        size_t given = part.n;
        enum dot_status s;
        while ((s = dot_reader_next(&r, &part, &text)) == DOT_LINE || s == DOT_PART) {
            assert(text.n <= 64);
            str_add(out, text);
            if (s == DOT_LINE)
                str_add_char(out, '\n');
        }
        used += given - part.n;
    }
    bool ended = r.ended;
    if (bdat && dot_reader_finish(&r, &text) == DOT_LINE)
        str_add(out, text);
    dot_reader_done(&r);
    return ended ? used : VIEW_NPOS;
}

static size_t find_end(struct view v)
{
    if (view_starts(v, VIEW(".\r\n")))
        return 3;
    size_t at = view_find_view(v, VIEW("\r\n.\r\n"));
    return at == VIEW_NPOS ? VIEW_NPOS : at + 5;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 20000)
        return 0;
    struct view v = {(const char *)data + 1, size - 1};
    size_t chunk = data[0] % 100 + 1;
    struct str whole = STR_INIT(100000);
    struct str cut = STR_INIT(100000);
    for (int mode = DOT_NO; mode <= DOT_REJECT; mode++) {
        str_clear(&whole);
        str_clear(&cut);
        size_t end = read_all((enum dot_mode)mode, false, v, SIZE_MAX, &whole);
        assert(read_all((enum dot_mode)mode, false, v, chunk, &cut) == end);
        assert(end == VIEW_NPOS || view_eq(str_view(&whole), str_view(&cut)));
        assert(mode == DOT_NO || end == find_end(v));
    }
    /* Out and in again: the same bytes with a last LF, for content without CR. */
    struct str wire = STR_INIT(100000);
    struct dot_writer w;
    dot_writer_init(&w, true, 0);
    w.replace_cr = true;
    for (size_t at = 0; at < v.n; at += chunk)
        assert(dot_writer_feed(&w, view_sub(v, at, chunk), &wire));
    assert(dot_writer_end(&w, &wire));
    str_clear(&whole);
    assert(read_all(DOT_REJECT, false, str_view(&wire), chunk, &whole) == wire.n);
    if (!view_has(v, '\r'))
        assert(view_starts(str_view(&whole), v) && whole.n - v.n <= 1);
    str_clear(&whole);
    read_all(DOT_NORMALIZE, true, v, chunk, &whole);
    str_done(&whole);
    str_done(&cut);
    str_done(&wire);
    return 0;
}
