/* why - postconf --why NAME...: is a parameter obeyed, by whom, and what does its job
 *
 * Everything comes from the registry (lib/conf/parameters.tsv), but for the owners that
 * are no program of their own here.
 */
#include "postconf.h"

#include "base/log.h"
#include "conf/conf_check.h"
#include "conf/parameter.h"

/* Who does the work of Postfix's programs that have no process here. */
static const struct {
    struct view owner;
    const char *here;
} parts[] = {
    {{"cleanup(8)", 10}, "part of smtpd(8), pickup(8) and bounce(8) here"},
    {{"trivial-rewrite(8)", 18}, "part of each program that needs it here"},
    {{"flush(8)", 8}, "qmgr(8) does it here"},
    {{"oqmgr(8)", 8}, "qmgr(8) does it here"},
    {{"scache(8)", 9}, "smtp(8) keeps its sessions itself here"},
    {{"postlogd(8)", 11}, "pickup(8) does it here"},
    {{"lmtp(8)", 7}, "smtp(8), which is also called lmtp"},
    {{"global", 6}, "a matter of several programs"},
};

static const char *state_text(enum parameter_state state)
{
    switch (state) {
    case PARAMETER_HONOURED:
        return "obeyed";
    case PARAMETER_ACCEPTED:
        return "accepted without effect";
    case PARAMETER_LATER:
        break;
    }
    return "known, without effect in this release";
}

static void print_owner(const struct parameter_info *info)
{
    struct view owner = view_of(info->owner);

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (view_eq(parts[i].owner, owner)) {
            printf("    of %s: %s\n", info->owner, parts[i].here);
            return;
        }
    }
    printf("    of %s\n", info->owner);
}

/* NAME is P, or its form for TRANSPORT when that is not empty. */
static void explain(struct view name, enum parameter p, struct view transport)
{
    const struct parameter_info *info = &parameter_table[p];

    printf("%.*s: %s\n    %s\n", VIEW_FMT(name), state_text(info->state), info->meaning);
    if (!view_is_empty(transport))
        printf("    a form of %s for the service \"%.*s\"\n", info->name,
               VIEW_FMT(transport));
    if (info->fallback != P_COUNT)
        printf("    where it is not set: %s\n", parameter_table[info->fallback].name);
    print_owner(info);
}

static bool explain_name(struct view name)
{
    enum parameter p;
    struct view transport = VIEW_NONE;

    if (!parameter_find(name, &p) && !parameter_find_template(name, &p, &transport)) {
        enum parameter near = conf_nearest(name);
        if (near != P_COUNT)
            log_warning("%.*s: unknown parameter; did you mean %s?", VIEW_FMT(name),
                        parameter_table[near].name);
        else
            log_warning("%.*s: unknown parameter", VIEW_FMT(name));
        return false;
    }
    explain(name, p, transport);
    return true;
}

int show_why(char *const *names, size_t n)
{
    int status = 0;

    if (n == 0)
        log_fatal("--why needs the name of a parameter");
    for (size_t i = 0; i < n; i++)
        if (!explain_name(view_of(names[i])))
            status = 1;
    return status;
}
