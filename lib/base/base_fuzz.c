/* base_fuzz - numbers, tokens and UTF-8 on any bytes */
#include "base/number.h"
#include "base/view.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Tokens lie in order within V and hold no separator but inside braces. */
static void tokens_stay_inside(struct view v)
{
    struct view rest = v, token, separators = VIEW(" ,\t");
    const char *last = v.p;

    while (view_token(&rest, separators, &token)) {
        assert(token.n > 0 && token.p >= last && token.p + token.n <= v.p + v.n);
        assert(view_find_any(token, separators) == VIEW_NPOS);
        last = token.p + token.n;
    }
    rest = v;
    last = v.p;
    while (view_token_braced(&rest, separators, &token)) {
        assert(token.n > 0 && token.p >= last && token.p + token.n <= v.p + v.n);
        last = token.p + token.n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = {(const char *)data, size}, head, tail;
    uint64_t u;
    int64_t i;

    if (size == 0)
        return 0;
    tokens_stay_inside(v);
    if (view_cut(v, '=', &head, &tail))
        assert(head.n + 1 + tail.n == v.n);
    if (number_parse_u64(v, 5, 500, &u))
        assert(u >= 5 && u <= 500 && view_is_number(v));
    if (number_parse_i64(v, -7, INT64_MAX, &i))
        assert(i >= -7);
    if (number_parse_time(v, 's', &i))
        assert(i >= 0);
    if (view_is_ascii(v))
        assert(view_is_utf8(v));
    return 0;
}
