/* imap_set_fuzz - sets: written and parsed again they are the same, and the
 * operations agree with each other */
#include "sequence.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_normal(const struct imap_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        assert(set->ranges[i].first > 0 && set->ranges[i].first <= set->ranges[i].last);
        assert(i == 0 || set->ranges[i].first > (uint64_t)set->ranges[i - 1].last + 1);
    }
}

static void check_round_trip(const struct imap_set *set)
{
    struct str text = STR_INIT(1 << 22);
    struct str again = STR_INIT(1 << 22);
    struct imap_set copy;
    imap_set_init(&copy, NULL);
    assert(imap_set_write(set, &text));
    if (text.n > 0) {
        assert(imap_set_parse(str_view(&text), true, &copy));
        assert(imap_set_write(&copy, &again));
        assert(view_eq(str_view(&text), str_view(&again)));
    }
    imap_set_done(&copy);
    str_done(&text);
    str_done(&again);
}

/* |A and B| + |A without B| = |A|, and what is in both is in each. */
static void check_operations(const struct imap_set *a, const struct imap_set *b)
{
    struct imap_set both, rest, all;
    imap_set_init(&both, NULL);
    imap_set_init(&rest, NULL);
    imap_set_init(&all, NULL);
    imap_set_intersect(a, b, &both);
    imap_set_subtract(a, b, &rest);
    imap_set_unite(a, b, &all);
    check_normal(&both);
    check_normal(&rest);
    check_normal(&all);
    assert(imap_set_size(&both) + imap_set_size(&rest) == imap_set_size(a));
    assert(imap_set_size(&all) == imap_set_size(&rest) + imap_set_size(b));
    struct imap_set_cursor cursor = {0};
    uint32_t number;
    for (int i = 0; i < 1000 && imap_set_next(&both, &cursor, &number); i++)
        assert(imap_set_contains(a, number) && imap_set_contains(b, number));
    /* The union, one range at a time. */
    imap_set_copy(&rest, b);
    for (size_t i = 0; i < a->count; i++)
        imap_set_add_range(&rest, a->ranges[i].first, a->ranges[i].last);
    check_normal(&rest);
    assert(rest.count == all.count);
    imap_set_done(&both);
    imap_set_done(&rest);
    imap_set_done(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 10000)
        return 0;
    struct view left, right;
    view_cut((struct view){(const char *)data, size}, '\n', &left, &right);
    struct imap_set a, b;
    imap_set_init(&a, NULL);
    imap_set_init(&b, NULL);
    if (imap_set_parse(left, true, &a)) {
        check_round_trip(&a);
        imap_set_resolve(&a, (uint32_t)size);
        check_normal(&a);
        check_round_trip(&a);
    } else {
        imap_set_clear(&a);
    }
    if (imap_set_parse(right, true, &b))
        imap_set_resolve(&b, 1000000);
    else
        imap_set_clear(&b);
    check_operations(&a, &b);
    imap_set_done(&a);
    imap_set_done(&b);
    return 0;
}
