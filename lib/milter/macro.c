/* macro - see macro.h
 */
#include "milter/macro.h"

#include "run/trail.h"

bool milter_macro_of_address(struct rewrite *r, struct view address, struct view part,
                             struct str *value)
{
    struct resolved where;
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    const struct trail *trail = trail_set(NULL); /* it decides nothing by itself */
    bool known = resolve_address(r, VIEW_NONE, address, a, &where, &e) == OK;
    trail_set(trail);
    if (known && view_eq(part, VIEW("addr}")))
        str_set(value, where.recipient);
    else if (known && view_eq(part, VIEW("host}")))
        str_set(value, where.nexthop);
    else if (known && view_eq(part, VIEW("mailer}")))
        str_set(value, where.transport);
    arena_free(a);
    return known;
}

const struct view *milter_macro_find(const struct milter_macro *known, size_t n,
                                     struct view name)
{
    for (size_t i = 0; i < n; i++)
        if (view_eq(name, view_of(known[i].name)))
            return &known[i].value;
    return NULL;
}
