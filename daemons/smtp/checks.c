/* checks - smtp_header_checks and its kin: edits on the way out (header_checks(5))
 *
 * The client may drop, replace, prepend and log; it cannot refuse what was
 * accepted.
 */
#include "client.h"

#include "base/log.h"

static void log_match(const struct job *j, const char *word, const char *what,
                      struct view text, struct view comment)
{
    log_info("%s: %s: %s %.*s%s%.*s", j->delivery->id.text, word, what,
             VIEW_FMT(view_sub(text, 0, 60)), view_is_empty(comment) ? "" : ": ",
             VIEW_FMT(comment));
}

/* Do what RULE says; false drops the line. */
static bool act(struct job *j, const char *what, struct view text, struct view rule,
                struct arena *arena, struct view *out)
{
    struct view action = rule, argument = VIEW_NONE;
    size_t space = view_find_any(rule, VIEW(" \t"));
    if (space != VIEW_NPOS) {
        action = view_sub(rule, 0, space);
        argument = view_trim_space(view_from(rule, space));
    }
    if (view_eq_case(action, VIEW("WARN")))
        log_match(j, "warning", what, text, argument);
    else if (view_eq_case(action, VIEW("INFO")))
        log_match(j, "info", what, text, argument);
    else if (view_eq_case(action, VIEW("IGNORE")))
        return false;
    else if (view_eq_case(action, VIEW("STRIP"))) {
        log_match(j, "strip", what, text, argument);
        return false;
    } else if (view_eq_case(action, VIEW("REPLACE"))) {
        log_match(j, "replace", what, text, argument);
        *out = arena_dup(arena, argument);
    } else if (view_eq_case(action, VIEW("PREPEND"))) {
        log_match(j, "prepend", what, text, argument);
        *out = arena_printf(arena, "%.*s\n%.*s", VIEW_FMT(argument), VIEW_FMT(text));
    } else if (!view_eq_case(action, VIEW("DUNNO")) && !view_eq_case(action, VIEW("OK")))
        log_warning("%s: unsupported command in %s check: %.*s", j->delivery->id.text,
                    what, VIEW_FMT(rule));
    return true;
}

bool checks_apply(struct job *j, struct maps *maps, const char *what, struct view text,
                  struct arena *arena, struct view *out, bool *failed)
{
    struct view rule;
    struct error e = ERROR_INIT;
    *out = text;
    if (maps_is_empty(maps))
        return true;
    switch (maps_get(maps, text, arena, &rule, &e)) {
    case TABLE_FOUND:
        return act(j, what, text, view_trim_space(rule), arena, out);
    case TABLE_ERROR:
        log_warning("%s: smtp %s checks lookup error", j->delivery->id.text, what);
        *failed = true;
        return true;
    case TABLE_NOT_FOUND:
    default:
        return true;
    }
}
