/* checks - the actions of header_checks(5) and body_checks(5), and their log lines
 */
#include "cleanup/cleanup_private.h"

#include "base/log.h"
#include "format/address.h"
#include "format/dsn_code.h"

#define LOG_CONTENT_MAX 200
#define LOG_MILTER_MAX  60

/* An action under way. */
struct action {
    struct cleanup *cleanup;
    enum check_context context;
    struct view text;     /* the header or line that matched */
    struct view argument; /* behind the action's name */
    const char *title;    /* of the table */
    struct view *replacement;
};
typedef enum check_result action_fn(struct action *a);

/* ADDRESS as info_log_address_format wants it. */
static void add_log_address(const struct cleanup *c, struct view address, struct str *out)
{
    if (c->setup->external_log)
        address_quote_822(address, out);
    else
        str_add(out, address);
}

static void add_origin(const struct cleanup *c, struct str *out)
{
    const struct envelope *env = &c->envelope;
    if (view_is_empty(env->client_name))
        str_add_cstr(out, "local");
    else
        str_addf(out, "%.*s[%.*s]", VIEW_FMT(env->client_name),
                 VIEW_FMT(env->client_address));
}

/* "ID: warning: header Subject: x from unknown[192.0.2.1]; from=<a> to=<b> proto=ESMTP
 * helo=<h>: text" */
static void log_action(struct action *a, const char *verb, struct view text)
{
    static const char *const contexts[] = {"header", "body", "content", "header"};
    const struct cleanup *c = a->cleanup;
    bool milter = a->context == CHECK_MILTER_HEADER;
    struct str line = STR_INIT(4096);
    str_addf(&line, "%s: %s%s: %s %.*s from ", cleanup_id(c),
             milter ? "milter-header-" : "", verb, contexts[a->context],
             VIEW_FMT(view_sub(a->text, 0, milter ? LOG_MILTER_MAX : LOG_CONTENT_MAX)));
    if (milter)
        str_addf(&line, "%.*s[%.*s]", VIEW_FMT(milter_client_name(c)),
                 VIEW_FMT(milter_client_address(c)));
    else
        add_origin(c, &line);
    str_add_cstr(&line, "; from=<");
    add_log_address(c, c->envelope.sender, &line);
    str_add_cstr(&line, ">");
    if (!view_is_empty(c->last_recipient)) {
        str_add_cstr(&line, " to=<");
        add_log_address(c, c->last_recipient, &line);
        str_add_cstr(&line, ">");
    }
    if (!view_is_empty(c->envelope.protocol_name))
        str_addf(&line, " proto=%.*s", VIEW_FMT(c->envelope.protocol_name));
    if (!view_is_empty(c->envelope.helo_name))
        str_addf(&line, " helo=<%.*s>", VIEW_FMT(c->envelope.helo_name));
    if (!view_is_empty(text))
        str_addf(&line, ": %.*s", VIEW_FMT(text));
    log_info_as(c->setup->tag, "%s", str_cstr(&line));
    str_done(&line);
}

void check_log_mime_fault(struct cleanup *c, enum mime_fault fault, struct view text)
{
    struct str line = STR_INIT(4096);
    str_addf(&line, "%s: reject: mime-error %s: %.*s from ", cleanup_id(c),
             mime_fault_detail(fault).text, VIEW_FMT(view_sub(text, 0, 100)));
    add_origin(c, &line);
    str_add_cstr(&line, "; from=<");
    add_log_address(c, c->envelope.sender, &line);
    str_add_cstr(&line, "> to=<");
    add_log_address(
        c, view_is_empty(c->last_recipient) ? VIEW("unknown") : c->last_recipient, &line);
    str_add_cstr(&line, ">");
    log_info_as(c->setup->tag, "%s", str_cstr(&line));
    str_done(&line);
}

/* The argument must be an address; complains and gives false otherwise. */
static bool wants_address(struct action *a, const char *what)
{
    if (view_has(a->argument, '@'))
        return true;
    log_warning_as(a->cleanup->setup->tag,
                   "bad %s \"%.*s\" in %s map -- need user@domain", what,
                   VIEW_FMT(a->argument), a->title);
    return false;
}

/* The argument must be there, and a header where a header is changed. */
static bool wants_text(struct action *a, const char *verb)
{
    const char *tag = a->cleanup->setup->tag;
    if (view_is_empty(a->argument)) {
        log_warning_as(tag, "%s action without text in %s map", verb, a->title);
        return false;
    }
    bool is_header = a->context == CHECK_HEADER || a->context == CHECK_MILTER_HEADER;
    if (!is_header || header_name_length(a->argument) > 0)
        return true;
    log_warning_as(
        tag, "bad %s header text \"%.*s\" in %s map -- need \"headername: headervalue\"",
        verb, VIEW_FMT(a->argument), a->title);
    return false;
}

static enum check_result act_reject(struct action *a)
{
    struct cleanup *c = a->cleanup;
    char status[DSN_CODE_MAX];
    struct view text = VIEW("message content rejected");
    if (view_is_empty(a->argument))
        snprintf(status, sizeof status, "5.7.1");
    else
        text = dsn_code_split(a->argument, "5.7.1", status);
    if (status[0] != '4' && status[0] != '5') {
        log_warning_as(c->setup->tag, "bad DSN action in %.*s -- need 4.x.x or 5.x.x",
                       VIEW_FMT(a->argument));
        dsn_code_set_class(status, '4');
    }
    struct view told = arena_printf(c->arena, "%s %.*s", status, VIEW_FMT(text));
    cleanup_fail(c, status[0] == '4' ? FAULT_DEFER : FAULT_CONTENT, status, text);
    c->flags &= ~(unsigned)CLEANUP_FILTER;
    log_action(a, "reject", told);
    return CHECK_KEEP;
}

static enum check_result act_warn(struct action *a)
{
    log_action(a, "warning", a->argument);
    return CHECK_KEEP;
}

static enum check_result act_info(struct action *a)
{
    log_action(a, "info", a->argument);
    return CHECK_KEEP;
}

static enum check_result act_filter(struct action *a)
{
    struct cleanup *c = a->cleanup;
    if (view_is_empty(a->argument)) {
        log_warning_as(c->setup->tag, "missing FILTER command argument in %s map",
                       a->title);
    } else if (!view_has(a->argument, ':')) {
        log_warning_as(c->setup->tag,
                       "bad FILTER command %.*s in %s -- need transport:destination",
                       VIEW_FMT(a->argument), a->title);
    } else {
        cleanup_set_filter(c, a->argument);
        log_action(a, "filter", a->argument);
    }
    return CHECK_KEEP;
}

static enum check_result act_pass(struct action *a)
{
    log_action(a, "pass", a->argument);
    a->cleanup->flags &= ~(unsigned)CLEANUP_FILTER;
    return CHECK_KEEP;
}

static enum check_result act_discard(struct action *a)
{
    log_action(a, "discard", a->argument);
    cleanup_set_discard(a->cleanup);
    return CHECK_KEEP;
}

static enum check_result act_hold(struct action *a)
{
    if (!(a->cleanup->envelope.flags & MESSAGE_HOLD) && !a->cleanup->is_discarded) {
        log_action(a, "hold", a->argument);
        a->cleanup->envelope.flags |= MESSAGE_HOLD;
    }
    return CHECK_KEEP;
}

static enum check_result act_prepend(struct action *a)
{
    if (a->context == CHECK_MILTER_HEADER) {
        log_warning_as(a->cleanup->setup->tag, "the %s prepend action is not implemented",
                       a->title);
        return CHECK_KEEP;
    }
    if (wants_text(a, "PREPEND")) {
        log_action(a, "prepend", a->argument);
        content_write_line(a->cleanup, a->argument);
    }
    return CHECK_KEEP;
}

static enum check_result act_replace(struct action *a)
{
    if (!wants_text(a, "REPLACE"))
        return CHECK_KEEP;
    log_action(a, "replace", a->argument);
    *a->replacement = arena_dup(a->cleanup->scratch, a->argument);
    return CHECK_REPLACE;
}

static enum check_result act_redirect(struct action *a)
{
    if (wants_address(a, "REDIRECT target")) {
        cleanup_set_redirect(a->cleanup, a->argument);
        log_action(a, "redirect", a->argument);
        a->cleanup->flags &= ~(unsigned)CLEANUP_FILTER;
    }
    return CHECK_KEEP;
}

static enum check_result act_bcc(struct action *a)
{
    if (wants_address(a, "BCC address")) {
        address_bag_add(&a->cleanup->bcc, a->argument, a->cleanup->arena);
        log_action(a, "bcc", a->argument);
    }
    return CHECK_KEEP;
}

static enum check_result act_strip(struct action *a)
{
    log_action(a, "strip", a->argument);
    return CHECK_DROP;
}

static enum check_result act_ignore(struct action *a)
{
    (void)a;
    return CHECK_DROP;
}

static enum check_result act_nothing(struct action *a)
{
    (void)a;
    return CHECK_KEEP;
}

static const struct {
    struct view name;
    action_fn *act;
} actions[] = {
    {{"REJECT", 6}, act_reject},   {{"WARN", 4}, act_warn},
    {{"INFO", 4}, act_info},       {{"FILTER", 6}, act_filter},
    {{"PASS", 4}, act_pass},       {{"DISCARD", 7}, act_discard},
    {{"HOLD", 4}, act_hold},       {{"PREPEND", 7}, act_prepend},
    {{"REPLACE", 7}, act_replace}, {{"REDIRECT", 8}, act_redirect},
    {{"BCC", 3}, act_bcc},         {{"STRIP", 5}, act_strip},
    {{"IGNORE", 6}, act_ignore},   {{"DUNNO", 5}, act_nothing},
    {{"OK", 2}, act_nothing},
};

enum check_result check_act(struct cleanup *c, enum check_context context,
                            struct view text, struct view value, const char *title,
                            struct view *replacement)
{
    size_t end = view_find_any(value, VIEW(" \t"));
    struct view name = end == VIEW_NPOS ? value : view_sub(value, 0, end);
    struct action a = {.cleanup = c,
                       .context = context,
                       .text = text,
                       .argument = view_trim_space(view_from(value, name.n)),
                       .title = title,
                       .replacement = replacement};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (view_eq_case(name, actions[i].name))
            return actions[i].act(&a);
    log_warning_as(c->setup->tag, "unknown command in %s map: %.*s", title,
                   VIEW_FMT(value));
    return CHECK_KEEP;
}

enum check_result check_text(struct cleanup *c, struct maps *m,
                             enum check_context context, struct view text,
                             const char *title, struct view *replacement)
{
    struct view value;
    struct error e = ERROR_INIT;
    if (view_is_empty(text))
        return CHECK_KEEP;
    switch (maps_get(m, text, c->scratch, &value, &e)) {
    case TABLE_FOUND:
        return check_act(c, context, text, value, title, replacement);
    case TABLE_ERROR:
        cleanup_table_failed(c, title, VIEW_NONE);
        return CHECK_KEEP;
    case TABLE_NOT_FOUND:
    default:
        return CHECK_KEEP;
    }
}
