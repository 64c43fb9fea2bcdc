/* parameter - find parameters by name
 *
 * The table is ordered by name, so a name is found by halving.
 */
#include "conf/parameter.h"

#include <assert.h>

bool parameter_find(struct view name, enum parameter *out)
{
    size_t low = 0, high = P_COUNT;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = view_cmp(name, view_of(parameter_table[middle].name));
        if (order == 0) {
            *out = (enum parameter)middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

struct view parameter_suffix(enum parameter p)
{
    assert(parameter_table[p].fallback != P_COUNT);
    return view_from(view_of(parameter_table[p].name), sizeof("transport_") - 1);
}

bool parameter_find_template(struct view name, enum parameter *out,
                             struct view *transport)
{
    enum parameter known;
    size_t best = 0;

    if (parameter_find(name, &known))
        return false;
    for (enum parameter p = 0; p < P_COUNT; p++) {
        if (parameter_table[p].fallback == P_COUNT)
            continue;
        struct view suffix = parameter_suffix(p);
        if (suffix.n > best && name.n > suffix.n + 1 && view_ends(name, suffix) &&
            name.p[name.n - suffix.n - 1] == '_') {
            best = suffix.n;
            *out = p;
            *transport = view_sub(name, 0, name.n - suffix.n - 1);
        }
    }
    return best > 0;
}

enum parameter parameter_template_of(enum parameter p)
{
    for (enum parameter t = 0; t < P_COUNT; t++)
        if (parameter_table[t].fallback == p)
            return t;
    return P_COUNT;
}
