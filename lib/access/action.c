/* action - the right-hand sides of access(5)
 *
 * A word that is no action is a list of restrictions, compiled on the spot:
 * "reject_unauth_destination, permit" in a table.
 */
#include "access/internal.h"

#include "base/log.h"
#include "base/number.h"
#include "format/dsn_code.h"

struct action_call {
    struct access_run *run;
    struct view word;             /* the action as written */
    struct view table, key, text; /* text: behind the action's word */
    struct view reply_name;
    const char *class;
    enum access_stage about;
};

/* "<who>: Class rejected: text", or with the generic text when there is none. */
static enum access_says refuse(const struct action_call *a, int code, const char *status,
                               const char *generic)
{
    char found[DSN_CODE_MAX];
    struct view text = dsn_code_split(a->text, status, found);
    if (view_is_empty(text))
        text = view_of(generic);
    access_fix_status(found, a->about);
    return access_refuse(a->run, code, found, "<%.*s>: %s rejected: %.*s",
                         VIEW_FMT(a->reply_name), a->class, VIEW_FMT(text));
}

static enum access_says permit(const struct action_call *a, struct view word)
{
    const char *table = arena_cstr(a->run->arena, a->table);
    return access_permit(a->run, word, a->about, table);
}

static enum access_says do_ok(const struct action_call *a)
{
    return permit(a, a->word);
}

static enum access_says do_dunno(const struct action_call *a)
{
    (void)a;
    return SAYS_DUNNO;
}

static enum access_says do_reject(const struct action_call *a)
{
    return refuse(a, (int)conf_int(a->run->access->conf, P_access_map_reject_code),
                  "5.7.1", "Access denied");
}

static enum access_says do_defer(const struct action_call *a)
{
    return refuse(a, (int)conf_int(a->run->access->conf, P_access_map_defer_code),
                  "4.7.1", "Access denied");
}

static enum access_says do_defer_if_permit(const struct action_call *a)
{
    char status[DSN_CODE_MAX];
    struct view text = dsn_code_split(a->text, "4.7.1", status);
    return access_defer_if_permit(a->run, status, "<%.*s>: %s rejected: %.*s",
                                  VIEW_FMT(a->reply_name), a->class,
                                  VIEW_FMT(text.n ? text : VIEW("Service unavailable")));
}

static enum access_says do_defer_if_reject(const struct action_call *a)
{
    char status[DSN_CODE_MAX];
    struct view text = dsn_code_split(a->text, "4.7.1", status);
    return access_defer_if_reject(a->run, status, "<%.*s>: %s rejected: %.*s",
                                  VIEW_FMT(a->reply_name), a->class,
                                  VIEW_FMT(text.n ? text : VIEW("Service unavailable")));
}

/* Log what an action does: "<who>: Class triggers FILTER x". */
static void log_triggers(const struct action_call *a, const char *word, const char *verb)
{
    struct view text =
        arena_printf(a->run->arena, "<%.*s>: %s %s%s%.*s", VIEW_FMT(a->reply_name),
                     a->class, verb, a->text.n ? " " : "", VIEW_FMT(a->text));
    access_log(a->run, word, text);
}

/* The same of an action whose text, where there is one, is all that is told. */
static void log_text(const struct action_call *a, const char *word, const char *verb)
{
    struct view text = a->text.n > 0 ? a->text : view_of(verb);
    access_log(a->run, word,
               arena_printf(a->run->arena, "<%.*s>: %s %.*s", VIEW_FMT(a->reply_name),
                            a->class, VIEW_FMT(text)));
}

static enum access_says do_warn(const struct action_call *a)
{
    access_log(a->run, "warn", a->text);
    return SAYS_DUNNO;
}

static enum access_says do_info(const struct action_call *a)
{
    access_log(a->run, "info", a->text);
    return SAYS_DUNNO;
}

static enum access_says do_hold(const struct action_call *a)
{
    log_text(a, "hold", "triggers HOLD action");
    access_add_effect(a->run, ACCESS_HOLD, a->text);
    return SAYS_DUNNO;
}

static enum access_says do_discard(const struct action_call *a)
{
    log_text(a, "discard", "triggers DISCARD action");
    access_add_effect(a->run, ACCESS_DISCARD, a->text);
    return permit(a, a->word);
}

/* An entry that cannot be obeyed is passed over, loudly. */
static enum access_says pass_over(const struct action_call *a, const char *complaint)
{
    log_warning("access table %.*s entry \"%.*s\" %s", VIEW_FMT(a->table),
                VIEW_FMT(a->key), complaint);
    return SAYS_DUNNO;
}

static enum access_says bad_entry(const struct action_call *a, const char *complaint)
{
    log_warning("access table %.*s entry \"%.*s\" %s", VIEW_FMT(a->table),
                VIEW_FMT(a->key), complaint);
    return access_refuse(a->run, 451, "4.3.5",
                         "<%.*s>: %s rejected: Server configuration error",
                         VIEW_FMT(a->reply_name), a->class);
}

static enum access_says do_filter(const struct action_call *a)
{
    if (view_is_empty(a->text))
        return pass_over(a, "has FILTER entry without value");
    if (!view_has(a->text, ':'))
        return pass_over(a, "requires transport:destination");
    log_triggers(a, "filter", "triggers FILTER");
    access_add_effect(a->run, ACCESS_FILTER, a->text);
    return SAYS_DUNNO;
}

static enum access_says do_redirect(const struct action_call *a)
{
    if (!view_has(a->text, '@'))
        return pass_over(a, "requires user@domain target");
    log_triggers(a, "redirect", "triggers REDIRECT");
    access_add_effect(a->run, ACCESS_REDIRECT, a->text);
    return SAYS_DUNNO;
}

static enum access_says do_bcc(const struct action_call *a)
{
    if (!view_has(a->text, '@'))
        return pass_over(a, "requires user@domain target");
    log_triggers(a, "bcc", "triggers BCC");
    access_add_effect(a->run, ACCESS_BCC, a->text);
    return SAYS_DUNNO;
}

static enum access_says do_prepend(const struct action_call *a)
{
    if (a->run->subject->content_received)
        return pass_over(a, "has PREPEND, which must be used before the content");
    if (!view_has(a->text, ':'))
        return pass_over(a, "requires header: text");
    access_add_effect(a->run, ACCESS_PREPEND, a->text);
    return SAYS_DUNNO;
}

static const struct {
    const char *word;
    enum access_says (*act)(const struct action_call *a);
} actions[] = {
    {"OK", do_ok},
    {"RELAY", do_ok},
    {"DUNNO", do_dunno},
    {"REJECT", do_reject},
    {"DEFER", do_defer},
    {"DEFER_IF_PERMIT", do_defer_if_permit},
    {"DEFER_IF_REJECT", do_defer_if_reject},
    {"WARN", do_warn},
    {"INFO", do_info},
    {"HOLD", do_hold},
    {"DISCARD", do_discard},
    {"FILTER", do_filter},
    {"REDIRECT", do_redirect},
    {"BCC", do_bcc},
    {"PREPEND", do_prepend},
};

/* "450 text", "554 5.7.1 text": a reply of the administrator's own. */
static bool numeric_reply(const struct action_call *a, struct view value,
                          enum access_says *says)
{
    int code;
    struct view digits = view_sub(value, 0, 3);
    if (value.n < 4 || !ascii_is_space(value.p[3]) ||
        !number_parse_int(digits, 400, 599, &code))
        return false;
    struct action_call inner = *a;
    inner.text = view_trim_space(view_from(value, 4));
    *says = refuse(&inner, code, code >= 500 ? "5.7.1" : "4.7.1", "Access denied");
    return true;
}

/* Restrictions named in the table. */
static enum access_says run_restrictions(const struct action_call *a, struct view value)
{
    struct restriction_list list;
    struct error *e = &a->run->error;
    /* Tables opened here are closed below; the names live in the evaluation's arena. */
    struct access scratch = *a->run->access;
    struct access_run *run = a->run;
    const enum access_stage about = run->about;
    const struct view name = run->table_name;
    const char *class = run->table_class;
    scratch.arena = a->run->arena;
    enum access_says says;
    if (restriction_list_compile(&scratch, a->table, value, 0, &list, e)) {
        run->about = a->about;
        run->table_name = a->reply_name;
        run->table_class = a->class;
        says = access_run_list(run, &list);
        run->about = about;
        run->table_name = name;
        run->table_class = class;
    } else {
        log_warning("access table %.*s entry \"%.*s\": %s", VIEW_FMT(a->table),
                    VIEW_FMT(a->key), e->text);
        says = access_refuse(run, 451, "4.3.5", "Server configuration error");
    }
    restriction_list_done(&list);
    return says;
}

enum access_says access_action(struct access_run *run, struct view table,
                               struct view value, struct view key, struct view reply_name,
                               const char *class, enum access_stage about)
{
    struct action_call call = {.run = run,
                               .table = table,
                               .key = key,
                               .reply_name = reply_name,
                               .class = class,
                               .about = about};
    value = view_trim_space(value);
    if (view_is_empty(value))
        return bad_entry(&call, "has an empty value");
    size_t space = view_find_any(value, VIEW(" \t"));
    struct view word = view_sub(value, 0, space);
    call.word = word;
    call.text = space == VIEW_NPOS ? VIEW_NONE : view_trim_space(view_from(value, space));
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (view_eq_case(word, view_of(actions[i].word)))
            return actions[i].act(&call);
    }
    enum access_says says;
    if (numeric_reply(&call, value, &says))
        return says;
    if (view_is_number(word))
        return permit(&call, word);
    return run_restrictions(&call, value);
}
