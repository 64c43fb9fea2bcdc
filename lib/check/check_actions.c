/* check_actions - results of access tables and header checks
 *
 * A result that nobody knows is told with the one that is near.  Sources: access(5),
 * header_checks(5).
 */
#include "access/access.h"
#include "check/check_private.h"

struct action {
    const char *name;
    bool in_access, in_headers;
};

static const struct action actions[] = {
    {"OK", true, false},
    {"RELAY", true, false},
    {"SKIP", true, false},
    {"DUNNO", true, true},
    {"REJECT", true, true},
    {"DEFER", true, false},
    {"DEFER_IF_PERMIT", true, false},
    {"DEFER_IF_REJECT", true, false},
    {"WARN", true, true},
    {"INFO", true, true},
    {"HOLD", true, true},
    {"DISCARD", true, true},
    {"FILTER", true, true},
    {"REDIRECT", true, true},
    {"BCC", true, true},
    {"PREPEND", true, true},
    {"IGNORE", false, true},
    {"REPLACE", false, true},
    {"STRIP", false, true},
    {"PASS", false, true},
};
enum { ACTIONS = sizeof actions / sizeof actions[0], MOST_NAMES = 200 };

static bool fits(const struct action *a, enum table_role role)
{
    return role == ROLE_ACCESS ? a->in_access : a->in_headers;
}

/* "450 try later", "554", "1" (any number permits). */
static bool is_number(struct view word)
{
    for (size_t i = 0; i < word.n; i++)
        if (!ascii_is_digit(word.p[i]) && word.p[i] != '.')
            return false;
    return word.n > 0;
}

/* A restriction, a class or a table may stand in the place of an action. */
static bool is_restriction(const struct check *k, struct view word)
{
    struct view classes = conf_view(k->conf, P_smtpd_restriction_classes), class;

    if (view_has(word, ':') || view_starts(word, VIEW("check_")))
        return true;
    for (size_t i = 0; access_restriction_name(i); i++)
        if (view_eq_case(word, view_of(access_restriction_name(i))))
            return true;
    while (conf_list_next(&classes, &class))
        if (view_eq(class, word))
            return true;
    return false;
}

static struct view nearest_action(enum table_role role, struct view word)
{
    struct view names[ACTIONS];
    size_t n = 0;

    for (size_t i = 0; i < ACTIONS; i++)
        if (fits(&actions[i], role))
            names[n++] = view_of(actions[i].name);
    return check_nearest(word, names, n);
}

/* Is WORD known? */
static bool is_known(const struct check *k, enum table_role role, struct view word)
{
    for (size_t i = 0; i < ACTIONS; i++)
        if (fits(&actions[i], role) && view_eq_case(word, view_of(actions[i].name)))
            return true;
    return role == ROLE_ACCESS && (is_number(word) || is_restriction(k, word));
}

void check_action(struct check *k, enum table_role role, const char *path, unsigned line,
                  struct view text)
{
    struct view rest = text, word;

    if (!view_token(&rest, VIEW(", \t\r\n"), &word))
        return;
    if (!is_known(k, role, word)) {
        struct view near = nearest_action(role, word);
        const char *manual = role == ROLE_ACCESS ? "access(5)" : "header_checks(5)";
        if (near.n > 0)
            check_found(k, CHECK_WARNING, path, line,
                        "unknown action \"%.*s\"; did you mean %.*s?", VIEW_FMT(word),
                        VIEW_FMT(near));
        else
            check_found(k, CHECK_WARNING, path, line,
                        "unknown action \"%.*s\"; see %s for those that exist",
                        VIEW_FMT(word), manual);
        return;
    }
    if (view_eq_case(word, VIEW("FILTER")))
        check_transport(k, path, line, VIEW("FILTER"), view_trim_space(rest));
}
