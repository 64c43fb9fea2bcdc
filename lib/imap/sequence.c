/* sequence - parse, normalise and write sets of message numbers; see sequence.h */
#include "sequence.h"

#include "base/memory.h"
#include "base/number.h"

#include <stdlib.h>

void imap_set_init(struct imap_set *set, struct arena *arena)
{
    *set = (struct imap_set){.arena = arena};
}

void imap_set_done(struct imap_set *set)
{
    if (set->arena == NULL)
        memory_free(set->ranges);
    imap_set_init(set, set->arena);
}

void imap_set_clear(struct imap_set *set)
{
    set->count = 0;
    set->is_saved = false;
}

/* Room for COUNT ranges. */
static void reserve(struct imap_set *set, size_t count)
{
    if (count <= set->cap)
        return;
    size_t cap = set->cap ? set->cap * 2 : 4;
    if (cap < count)
        cap = count;
    if (set->arena) {
        struct imap_range *more = arena_alloc_array(set->arena, cap, sizeof *more);
        if (set->count > 0)
            memcpy(more, set->ranges, set->count * sizeof *more);
        set->ranges = more;
    } else {
        set->ranges = memory_resize(set->ranges, cap * sizeof *set->ranges);
    }
    set->cap = cap;
}

static void push(struct imap_set *set, uint32_t first, uint32_t last)
{
    reserve(set, set->count + 1);
    set->ranges[set->count++] = (struct imap_range){first, last};
}

/* Take a number that is not 0, or "*". */
static bool take_number(struct view *text, bool with_star, uint32_t *number)
{
    if (with_star && text->n > 0 && text->p[0] == '*') {
        *number = IMAP_STAR;
        *text = view_from(*text, 1);
        return true;
    }
    uint64_t value;
    if (!number_take_u64(text, UINT32_MAX, &value) || value == 0)
        return false;
    *number = (uint32_t)value;
    return true;
}

bool imap_set_parse(struct view text, bool with_star, struct imap_set *set)
{
    imap_set_clear(set);
    if (with_star && view_eq(text, VIEW("$"))) {
        set->is_saved = true;
        return true;
    }
    while (set->count < IMAP_SET_RANGES) {
        uint32_t first, last;
        if (!take_number(&text, with_star, &first))
            return false;
        last = first;
        if (text.n > 0 && text.p[0] == ':') {
            text = view_from(text, 1);
            if (!take_number(&text, with_star, &last))
                return false;
        }
        push(set, first, last);
        if (text.n == 0)
            return true;
        if (text.p[0] != ',')
            return false;
        text = view_from(text, 1);
    }
    return false;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct imap_range *x = a;
    const struct imap_range *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Do A and B, which does not begin before A, make one range? */
static bool touch(const struct imap_range *a, const struct imap_range *b)
{
    return a->last == UINT32_MAX || b->first <= a->last + 1;
}

/* Sort the ranges (all with first <= last) and join them. */
static void normalise(struct imap_set *set)
{
    bool sorted = true;
    for (size_t i = 1; i < set->count && sorted; i++)
        sorted = set->ranges[i - 1].first <= set->ranges[i].first;
    if (!sorted)
        qsort(set->ranges, set->count, sizeof *set->ranges, compare_ranges);
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct imap_range *r = &set->ranges[i];
        struct imap_range *before = kept > 0 ? &set->ranges[kept - 1] : NULL;
        if (before && touch(before, r))
            before->last = r->last > before->last ? r->last : before->last;
        else
            set->ranges[kept++] = *r;
    }
    set->count = kept;
}

void imap_set_resolve(struct imap_set *set, uint32_t largest)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct imap_range r = set->ranges[i];
        bool star = r.first == IMAP_STAR || r.last == IMAP_STAR;
        if (star && largest == 0)
            continue;
        r.first = r.first == IMAP_STAR ? largest : r.first;
        r.last = r.last == IMAP_STAR ? largest : r.last;
        if (r.first > r.last)
            r = (struct imap_range){r.last, r.first};
        set->ranges[kept++] = r;
    }
    set->count = kept;
    normalise(set);
}

/* The first range that ends at NUMBER or later; count when there is none. */
static size_t find_range(const struct imap_set *set, uint32_t number)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].last < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool imap_set_contains(const struct imap_set *set, uint32_t number)
{
    size_t i = find_range(set, number);
    return i < set->count && set->ranges[i].first <= number;
}

uint64_t imap_set_size(const struct imap_set *set)
{
    uint64_t size = 0;
    for (size_t i = 0; i < set->count; i++)
        size += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
    return size;
}

uint32_t imap_set_max(const struct imap_set *set)
{
    return set->count > 0 ? set->ranges[set->count - 1].last : 0;
}

void imap_set_add_range(struct imap_set *set, uint32_t first, uint32_t last)
{
    uint32_t top = imap_set_max(set);
    if (set->count == 0 || (first > top && first - top > 1)) {
        push(set, first, last);
        return;
    }
    /* Ranges from..to-1 overlap or touch the new one. */
    size_t from = find_range(set, first - 1);
    size_t to = from;
    while (to < set->count && (last == UINT32_MAX || set->ranges[to].first <= last + 1))
        to++;
    if (from == to) {
        push(set, 0, 0);
        memmove(set->ranges + from + 1, set->ranges + from,
                (set->count - 1 - from) * sizeof *set->ranges);
        set->ranges[from] = (struct imap_range){first, last};
        return;
    }
    struct imap_range *r = &set->ranges[from];
    r->first = first < r->first ? first : r->first;
    r->last = set->ranges[to - 1].last > last ? set->ranges[to - 1].last : last;
    if (to - from == 1)
        return;
    memmove(r + 1, set->ranges + to, (set->count - to) * sizeof *r);
    set->count -= to - from - 1;
}

void imap_set_copy(struct imap_set *to, const struct imap_set *from)
{
    imap_set_clear(to);
    reserve(to, from->count);
    if (from->count > 0)
        memcpy(to->ranges, from->ranges, from->count * sizeof *to->ranges);
    to->count = from->count;
    to->is_saved = from->is_saved;
}

void imap_set_intersect(const struct imap_set *a, const struct imap_set *b,
                        struct imap_set *out)
{
    imap_set_clear(out);
    size_t i = 0;
    size_t j = 0;
    while (i < a->count && j < b->count) {
        struct imap_range x = a->ranges[i];
        struct imap_range y = b->ranges[j];
        uint32_t first = x.first > y.first ? x.first : y.first;
        uint32_t last = x.last < y.last ? x.last : y.last;
        if (first <= last)
            push(out, first, last);
        if (x.last < y.last)
            i++;
        else
            j++;
    }
}

void imap_set_subtract(const struct imap_set *a, const struct imap_set *b,
                       struct imap_set *out)
{
    imap_set_clear(out);
    size_t j = 0;
    for (size_t i = 0; i < a->count; i++) {
        struct imap_range r = a->ranges[i];
        uint64_t first = r.first;
        while (j < b->count && b->ranges[j].last < r.first)
            j++;
        for (size_t k = j; k < b->count && b->ranges[k].first <= r.last; k++) {
            if (b->ranges[k].first > first)
                push(out, (uint32_t)first, b->ranges[k].first - 1);
            first = (uint64_t)b->ranges[k].last + 1;
        }
        if (first <= r.last)
            push(out, (uint32_t)first, r.last);
    }
}

void imap_set_unite(const struct imap_set *a, const struct imap_set *b,
                    struct imap_set *out)
{
    imap_set_copy(out, a);
    reserve(out, a->count + b->count);
    for (size_t i = 0; i < b->count; i++)
        out->ranges[out->count++] = b->ranges[i];
    normalise(out);
}

bool imap_set_next(const struct imap_set *set, struct imap_set_cursor *cursor,
                   uint32_t *number)
{
    if (cursor->range >= set->count)
        return false;
    const struct imap_range *r = &set->ranges[cursor->range];
    *number = cursor->next ? cursor->next : r->first;
    bool more = *number < r->last;
    cursor->next = more ? *number + 1 : 0;
    cursor->range += !more;
    return true;
}

static bool write_number(uint32_t number, struct str *out)
{
    return number == IMAP_STAR ? str_add_char(out, '*') : str_addf(out, "%u", number);
}

bool imap_set_write(const struct imap_set *set, struct str *out)
{
    if (set->is_saved)
        return str_add_char(out, '$');
    bool ok = true;
    for (size_t i = 0; i < set->count && ok; i++) {
        struct imap_range r = set->ranges[i];
        ok = (i == 0 || str_add_char(out, ',')) && write_number(r.first, out) &&
             (r.first == r.last || (str_add_char(out, ':') && write_number(r.last, out)));
    }
    return ok;
}
