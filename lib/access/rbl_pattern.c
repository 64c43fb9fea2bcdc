/* rbl_pattern - which answers of a DNS list count: "127.0.0.[2..11;14]"
 *
 * Four parts between dots; each a number, or in [ ] numbers and ranges with ";" between.
 */
#include "access/internal.h"

#include "base/number.h"

/* "n" or "n..m"; false when malformed. */
static bool parse_range(struct view text, uint64_t *low, uint64_t *high)
{
    size_t dots = view_find_view(text, VIEW(".."));
    if (dots == VIEW_NPOS)
        return number_parse_u64(text, 0, 255, low) && ((*high = *low), true);
    return number_parse_u64(view_sub(text, 0, dots), 0, 255, low) &&
           number_parse_u64(view_from(text, dots + 2), 0, 255, high) && *low <= *high;
}

/* Does OCTET lie in one of the ranges of LIST?  False with *GOOD cleared when one is
 * malformed. */
static bool in_list(struct view list, uint64_t octet, bool *good)
{
    bool found = false, more = true;
    struct view item;
    while (more) {
        uint64_t low, high;
        more = view_cut(list, ';', &item, &list);
        if (!parse_range(item, &low, &high)) {
            *good = false;
            return false;
        }
        found = found || (octet >= low && octet <= high);
    }
    return found;
}

/* Take one part of the pattern; the dot behind it goes too. */
static struct view take_part(struct view *rest, bool *good)
{
    size_t end =
        rest->n > 0 && rest->p[0] == '[' ? view_find(*rest, ']') : view_find(*rest, '.');
    bool bracketed = rest->n > 0 && rest->p[0] == '[';
    if (bracketed && end == VIEW_NPOS) {
        *good = false;
        return VIEW_NONE;
    }
    if (end == VIEW_NPOS)
        end = rest->n;
    struct view part = bracketed ? view_sub(*rest, 1, end - 1) : view_sub(*rest, 0, end);
    *rest = view_from(*rest, bracketed ? end + 1 : end);
    if (rest->n > 0 && rest->p[0] != '.')
        *good = false;
    *rest = view_from(*rest, 1);
    if (!bracketed && !view_is_number(part))
        *good = false;
    return part;
}

static bool compare(struct view pattern, const uint64_t octets[4], bool *good)
{
    bool same = true;
    *good = !view_ends(pattern, VIEW("."));
    for (int i = 0; i < 4 && *good; i++) {
        struct view part = take_part(&pattern, good);
        if (*good)
            same = in_list(part, octets[i], good) && same;
    }
    if (!view_is_empty(pattern))
        *good = false;
    return *good && same;
}

bool rbl_pattern_is_valid(struct view pattern)
{
    bool good;
    (void)compare(pattern, (const uint64_t[4]){0}, &good);
    return good;
}

bool rbl_pattern_matches(struct view pattern, struct view address)
{
    uint64_t octets[4];
    bool good;
    for (int i = 0; i < 4; i++) {
        struct view part;
        bool more = view_cut(address, '.', &part, &address);
        if (!number_parse_u64(part, 0, 255, &octets[i]) || more != (i < 3))
            return false;
    }
    return compare(pattern, octets, &good);
}
