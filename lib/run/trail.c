/* trail - what the running fiber consulted; see trail.h */
#include "run/trail.h"

#include "run/fiber_internal.h"

#include <stddef.h>

void trail_set(const struct trail *trail)
{
    struct fiber *f = fiber_self();
    if (f)
        f->trail = trail;
}

bool trail_is_set(void)
{
    const struct fiber *f = fiber_self();
    return f && f->trail;
}

void trail_tell(const struct trail_step *step)
{
    const struct fiber *f = fiber_self();
    if (f && f->trail)
        f->trail->told(f->trail->arg, step);
}

const char *trail_kind_name(enum trail_kind kind)
{
    static const char *const names[TRAIL_KINDS] = {[TRAIL_RESTRICTION] = "restriction",
                                                   [TRAIL_LIST] = "list",
                                                   [TRAIL_TABLE] = "table",
                                                   [TRAIL_DNS] = "dns",
                                                   [TRAIL_POLICY] = "policy"};
    return names[kind];
}
