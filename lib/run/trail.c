/* trail - what the running fiber consulted; see trail.h */
#include "run/trail.h"

#include "run/fiber_internal.h"

#include <stddef.h>

const struct trail *trail_set(const struct trail *trail)
{
    struct fiber *f = fiber_self();
    const struct trail *before = f ? f->trail : NULL;
    if (f)
        f->trail = trail;
    return before;
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

/* Foreign bytes, fit for a terminal. */
static void add_clean(struct str *out, struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        str_add_char(out, (unsigned char)v.p[i] < ' ' || v.p[i] == 127 ? '?' : v.p[i]);
}

static void describe_verdict(const struct trail_step *step, struct str *out)
{
    add_clean(out, step->where);
    str_add_cstr(out, ": ");
    add_clean(out, step->asked);
    str_add_cstr(out, ": ");
    add_clean(out, step->answer);
    if (step->reply.n) {
        str_add_cstr(out, ": ");
        add_clean(out, step->reply);
    }
}

void trail_describe(const struct trail_step *step, struct str *out)
{
    if (step->kind == TRAIL_RESTRICTION) {
        describe_verdict(step, out);
        return;
    }
    str_addf(out, "%s ", trail_kind_name(step->kind));
    add_clean(out, step->where);
    if (step->line)
        str_addf(out, ":%u", step->line);
    str_add_cstr(out, ": ");
    add_clean(out, step->asked);
    str_add_cstr(out, " -> ");
    add_clean(out, step->answer.n ? step->answer : VIEW("nothing"));
}

const char *trail_kind_name(enum trail_kind kind)
{
    static const char *const names[TRAIL_KINDS] = {[TRAIL_RESTRICTION] = "restriction",
                                                   [TRAIL_LIST] = "list",
                                                   [TRAIL_TABLE] = "table",
                                                   [TRAIL_DNS] = "dns",
                                                   [TRAIL_POLICY] = "policy",
                                                   [TRAIL_MILTER] = "milter"};
    return names[kind];
}
