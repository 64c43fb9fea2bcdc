/* list_match - mailbox names and the patterns of LIST; see list.h
 *
 * All positions of the pattern that a name can have reached are kept as a set
 * of bits: no backtracking, so no pattern costs more than |PATTERN| * |NAME|.
 */
#include "base/memory.h"
#include "list.h"

#include <stdint.h>

struct states {
    struct view pattern;
    uint64_t *now, *next; /* bit i: pattern[0..i-1] has matched */
    size_t words;
    uint64_t few[2][8]; /* for patterns of up to 511 bytes */
};

static void set_bit(uint64_t *bits, size_t i)
{
    bits[i / 64] |= UINT64_C(1) << i % 64;
}

static bool get_bit(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

static bool is_wild(char c)
{
    return c == '*' || c == '%';
}

/* Reach I, and what lies behind wildcards there, which may match nothing. */
static void reach(struct states *s, uint64_t *bits, size_t i)
{
    set_bit(bits, i);
    while (i < s->pattern.n && is_wild(s->pattern.p[i]))
        set_bit(bits, ++i);
}

static void start(struct states *s, struct view pattern)
{
    s->pattern = pattern;
    s->words = pattern.n / 64 + 1;
    memset(s->few, 0, sizeof s->few);
    bool few = s->words <= sizeof s->few[0] / sizeof s->few[0][0];
    s->now = few ? s->few[0] : memory_alloc_array(s->words, sizeof *s->now);
    s->next = few ? s->few[1] : memory_alloc_array(s->words, sizeof *s->next);
    reach(s, s->now, 0);
}

static void stop(struct states *s)
{
    bool few = s->words <= sizeof s->few[0] / sizeof s->few[0][0];
    if (few)
        return;
    memory_free(s->now);
    memory_free(s->next);
}

/* The name goes on with C.  False: nothing matches any more. */
static bool step(struct states *s, char c, char delimiter, bool any_case)
{
    bool some = false;
    memset(s->next, 0, s->words * sizeof *s->next);
    for (size_t i = 0; i < s->pattern.n; i++) {
        if (!get_bit(s->now, i))
            continue;
        char want = s->pattern.p[i];
        bool same = want == c || (any_case && ascii_lower(want) == ascii_lower(c));
        if (want == '*' || (want == '%' && c != delimiter))
            reach(s, s->next, i);
        else if (!is_wild(want) && same)
            reach(s, s->next, i + 1);
        else
            continue;
        some = true;
    }
    uint64_t *now = s->now;
    s->now = s->next;
    s->next = now;
    return some;
}

/* Is byte I of NAME part of a first level that is INBOX? */
static size_t inbox_length(struct view name, char delimiter)
{
    struct view first = view_sub(name, 0, view_find(name, delimiter));
    return view_eq_case(first, VIEW("INBOX")) ? first.n : 0;
}

static bool walk(struct states *s, struct view name, char delimiter)
{
    size_t inbox = inbox_length(name, delimiter);
    for (size_t i = 0; i < name.n; i++)
        if (!step(s, name.p[i], delimiter, i < inbox))
            return false;
    return true;
}

/* Can the pattern go on behind the name with the delimiter and more? */
static bool may_go_on(struct states *s, char delimiter)
{
    if (!step(s, delimiter, delimiter, false))
        return false;
    for (size_t i = 0; i < s->pattern.n; i++)
        if (get_bit(s->now, i))
            return true; /* something, or a wildcard, is still to come */
    return false;
}

enum imap_match imap_list_match(struct view pattern, struct view name, char delimiter)
{
    struct states s;
    enum imap_match match = IMAP_MATCH_NO;
    start(&s, pattern);
    if (walk(&s, name, delimiter)) {
        if (get_bit(s.now, pattern.n))
            match = IMAP_MATCH_YES;
        else if (may_go_on(&s, delimiter))
            match = IMAP_MATCH_PARENT;
    }
    stop(&s);
    return match;
}

bool imap_list_match_below(struct view pattern, struct view name, char delimiter)
{
    struct states s;
    start(&s, pattern);
    bool below = walk(&s, name, delimiter) && may_go_on(&s, delimiter);
    stop(&s);
    return below;
}
