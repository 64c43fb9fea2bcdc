/* type_regexp - regexp: tables, POSIX regular expressions
 *
 * Extended syntax and blind to case unless flags say otherwise.  Source: regexp_table(5).
 */
#include "base/memory.h"
#include "table/rules.h"

#include <regex.h>

struct compiled {
    regex_t regex;
    size_t groups; /* with the whole */
};

/* "i", "m" and "x" switch; false when FLAG is none of them. */
static bool switch_flag(char flag, int *options)
{
    switch (flag) {
    case 'i':
        *options ^= REG_ICASE;
        return true;
    case 'm':
        *options ^= REG_NEWLINE;
        return true;
    case 'x':
        *options ^= REG_EXTENDED;
        return true;
    default:
        return false;
    }
}

static bool take_regexp(struct view *rest, struct arena *a, void **compiled,
                        size_t *groups, struct error *e)
{
    int options = REG_EXTENDED | REG_ICASE, failed;
    struct view pattern, flags;
    char why[200];

    if (!rules_take_delimited(rest, &pattern, &flags, e))
        return false;
    for (size_t i = 0; i < flags.n; i++)
        if (!switch_flag(flags.p[i], &options)) {
            error_set(e, "4.3.5", "unknown regexp option \"%c\"", flags.p[i]);
            return false;
        }
    if (view_has(pattern, '\0')) {
        error_set(e, "4.3.5", "NUL byte in pattern");
        return false;
    }
    struct compiled *c = NEW(struct compiled);
    failed = regcomp(&c->regex, arena_cstr(a, pattern), options);
    if (failed != 0) {
        regerror(failed, &c->regex, why, sizeof why);
        error_set(e, "4.3.5", "error in regexp: %s", why);
        memory_free(c);
        return false;
    }
    *groups = c->regex.re_nsub;
    c->groups = c->regex.re_nsub + 1;
    if (c->groups > RULES_GROUPS_MAX)
        c->groups = RULES_GROUPS_MAX;
    *compiled = c;
    return true;
}

/* regexec keeps to the length that it is told, but checkers of memory want the NUL. */
static void prepare_text(struct rules_subject *s, struct arena *a)
{
    s->text = arena_dup(a, s->text);
}

static bool match_regexp(const void *compiled, struct rules_subject *s)
{
    const struct compiled *c = compiled;
    regmatch_t found[RULES_GROUPS_MAX];

    /* REG_STARTEND: the subject has a length, not a NUL. */
    found[0] = (regmatch_t){0, (regoff_t)s->text.n};
    if (regexec(&c->regex, s->text.p, c->groups, found, REG_STARTEND) != 0)
        return false;
    s->n_groups = c->groups;
    for (size_t i = 0; i < c->groups; i++)
        s->groups[i] = found[i].rm_so < 0
                           ? VIEW_NONE
                           : view_sub(s->text, (size_t)found[i].rm_so,
                                      (size_t)(found[i].rm_eo - found[i].rm_so));
    return true;
}

static void free_regexp(void *compiled)
{
    struct compiled *c = compiled;

    regfree(&c->regex);
    memory_free(c);
}

const struct rules_engine rules_engine_regexp = {
    .name = "regexp map",
    .take = take_regexp,
    .substitutes = true,
    .prepare = prepare_text,
    .match = match_regexp,
    .free = free_regexp,
};

static bool open_regexp(struct table *t, struct error *e)
{
    return rules_open(t, &rules_engine_regexp, e);
}

const struct table_type table_type_regexp = {
    .name = "regexp",
    .is_pattern = true,
    .keeps_case = true,
    .open = open_regexp,
    .close = rules_close,
    .get = rules_table_get,
};
