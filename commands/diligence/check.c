/* check - the words check, check domain, check reputation: lib/check's findings in the
 * log
 *
 * Each finding is one line "file:line: what; what to do".  The exit status is 1 when the
 * system, or a service, could not start; warnings alone give 0, as with Postfix.
 */
#include "check/check.h"

#include "base/log.h"
#include "diligence.h"
#include "history.h"

static void ask(const struct control *c, bool quick, struct view in_force,
                struct arena *a, struct check_findings *out)
{
    struct check_request request = {.directory = c->directory,
                                    .programs = instance_libexec(c->conf),
                                    .quick = quick,
                                    .owners = c->owner.is_root,
                                    .in_force = in_force};

    check_configuration(&request, a, out);
}

static void tell(const struct check_finding *f, struct arena *a)
{
    struct view text = check_finding_text(f, a);

    if (f->severity == CHECK_NOTE)
        log_info("%.*s", VIEW_FMT(text));
    else if (f->severity == CHECK_WARNING)
        log_warning("%.*s", VIEW_FMT(text));
    else
        log_error("%.*s", VIEW_FMT(text));
}

bool configuration_check(const struct control *c)
{
    struct arena *a = arena_new();
    struct check_findings findings;

    ask(c, false, VIEW_NONE, a, &findings);
    for (size_t i = 0; i < findings.n; i++)
        tell(&findings.items[i], a);
    bool ok = findings.errors == 0;
    arena_free(a);
    return ok;
}

size_t configuration_errors(const struct control *c)
{
    struct arena *a = arena_new();
    struct check_findings findings;
    struct str in_force = STR_INIT(HISTORY_TEXT_MAX);

    history_in_force(c, &in_force);
    ask(c, true, str_view(&in_force), a, &findings);
    for (size_t i = 0; i < findings.n; i++)
        if (findings.items[i].severity == CHECK_ERROR)
            tell(&findings.items[i], a);
    size_t errors = findings.errors;
    str_done(&in_force);
    arena_free(a);
    return errors;
}

int check(struct control *c)
{
    struct error e = ERROR_INIT;

    if (c->argc == 2 && strcmp(c->argv[0], "domain") == 0 && !c->is_broken)
        return check_domain(c, c->argv[1]);
    if (c->argc > 0 && strcmp(c->argv[0], "reputation") == 0 && !c->is_broken)
        return check_reputation(c, c->argv + 1);
    if (c->argc > 0)
        log_fatal("usage: check, check domain NAME, or check reputation [ADDRESS]...");
    if (!c->is_broken) {
        if (!directories_create(c, &e))
            log_fatal("unable to create missing queue directories: %s", error_cstr(&e));
        directories_check(c);
        commands_check(c);
        leftovers_check(c);
    }
    return configuration_check(c) ? 0 : 1;
}
