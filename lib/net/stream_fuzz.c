/* stream_fuzz - any mix of reads over any input gives each byte once, in order
 *
 * First byte: size of the pieces; second: number of operations that follow, one byte
 * each; the rest is the input.
 */
#include "net/stream.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What came with its line end must be the next bytes of INPUT from *AT. */
static void check(struct view input, size_t *at, struct view got, int ending)
{
    static const char *const ends[] = {"", "\n", "\r\n"};

    assert(view_eq(view_sub(input, *at, got.n), got));
    *at += got.n;
    struct view end = view_of(ends[ending]);
    assert(view_eq(view_sub(input, *at, end.n), end));
    *at += end.n;
}

static enum stream_result read_one(struct stream *s, unsigned op, struct view input,
                                   size_t *at)
{
    size_t limit = op % 29 + 1;
    enum stream_result r;
    struct view v = VIEW_NONE;
    struct str exact = STR_INIT(64);
    int ending = 0;

    switch (op / 29 % 3) {
    case 0:
        r = stream_read_line(s, limit, &v, &ending);
        assert(v.n <= limit && (r == STREAM_OK) == (ending != 0));
        assert(!view_has(v, '\n'));
        break;
    case 1:
        r = stream_read_some(s, limit, &v);
        assert(r != STREAM_OK || (v.n > 0 && v.n <= limit));
        break;
    default:
        r = stream_read_exact(s, limit, &exact);
        assert(r != STREAM_OK || exact.n == limit);
        v = str_view(&exact);
        break;
    }
    check(input, at, v, ending);
    str_done(&exact);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size - 2 < data[1] || data[1] == 0)
        return 0;
    const uint8_t *ops = data + 2;
    unsigned n_ops = data[1];
    struct view input = view_from((struct view){(const char *)data, size}, 2 + n_ops);
    struct stream *s = stream_open_memory(input, NULL);
    size_t at = 0;
    enum stream_result r = STREAM_OK;

    stream_set_chunk(s, data[0] % 16);
    for (unsigned i = 0; r != STREAM_EOF; i = (i + 1) % n_ops)
        r = read_one(s, ops[i], input, &at);
    assert(at == input.n);
    stream_close(s);
    return 0;
}
