/* run - ask the restrictions of a list in order; what a refusal means
 *
 * Source: SMTPD_ACCESS_README and smtpd(8): the first restriction that permits
 * or refuses ends its list; defer_if_permit and defer_if_reject wait for the
 * end; warn_if_reject turns one refusal into a log line; soft_bounce turns
 * permanent refusals into temporary ones.
 */
#include "access/internal.h"

#include "base/log.h"
#include "format/address.h"

#define MAX_DEPTH 20 /* lists inside lists and tables */

const char *access_reply_class(enum access_stage stage)
{
    static const char *const classes[ACCESS_STAGES] = {
        [ACCESS_CLIENT] = "Client host",          [ACCESS_HELO] = "Helo command",
        [ACCESS_SENDER] = "Sender address",       [ACCESS_RELAY] = "Recipient address",
        [ACCESS_RECIPIENT] = "Recipient address", [ACCESS_DATA] = "Data command",
        [ACCESS_END_OF_DATA] = "End-of-data",     [ACCESS_ETRN] = "Etrn command",
    };
    return classes[stage];
}

struct view access_reply_name(const struct access_run *run, enum access_stage stage)
{
    const struct access_subject *s = run->subject;
    switch (stage) {
    case ACCESS_CLIENT:
        return s->client_display;
    case ACCESS_HELO:
        return s->helo_name;
    case ACCESS_SENDER:
        return s->sender;
    case ACCESS_RELAY:
    case ACCESS_RECIPIENT:
        return s->recipient;
    case ACCESS_DATA:
        return VIEW("DATA");
    case ACCESS_END_OF_DATA:
        return VIEW("END-OF-MESSAGE");
    case ACCESS_ETRN:
        return s->etrn_domain;
    case ACCESS_STAGES:
    default:
        return VIEW_NONE;
    }
}

/* " from=<external form>". */
static void add_address(struct str *line, const char *label, struct view address)
{
    str_addf(line, "%s=<", label);
    (void)address_quote_821(address, line);
    str_add_char(line, '>');
}

void access_log_event(const struct access_subject *s, const char *action,
                      struct view text)
{
    struct str line = STR_INIT(4096);
    struct view id = view_is_empty(s->queue_id) ? VIEW("NOQUEUE") : s->queue_id;
    str_addf(&line, "%.*s: %s: %s from %.*s: %.*s;", VIEW_FMT(id), action, s->command,
             VIEW_FMT(s->client_display), VIEW_FMT(text));
    if (s->has_sender)
        add_address(&line, " from", s->sender);
    if (!view_is_empty(s->recipient))
        add_address(&line, " to", s->recipient);
    if (!view_is_empty(s->protocol))
        str_addf(&line, " proto=%.*s", VIEW_FMT(s->protocol));
    if (!view_is_empty(s->helo_name))
        str_addf(&line, " helo=<%.*s>", VIEW_FMT(s->helo_name));
    if (!view_is_empty(s->sasl_username))
        str_addf(&line, " sasl_username=<%.*s>", VIEW_FMT(s->sasl_username));
    log_info("%s", str_cstr(&line));
    str_done(&line);
}

void access_log(struct access_run *run, const char *action, struct view text)
{
    access_log_event(run->subject, action, text);
}

/* Fill OUT with a refusal; soft_bounce makes it a temporary one. */
static void set_refusal(struct access_run *run, struct access_outcome *out, int code,
                        const char *status, struct view text)
{
    struct access_effect *effects = out->effects;
    *out = (struct access_outcome){.refused = true, .effects = effects, .code = code};
    (void)snprintf(out->status, sizeof out->status, "%s", status);
    if (code >= 500 && code != 521 && conf_bool(run->access->conf, P_soft_bounce)) {
        out->code -= 100;
        if (out->status[0] == '5')
            out->status[0] = '4';
    }
    if ((out->code / 100 == 4) != (out->status[0] == '4'))
        out->status[0] = (char)('0' + out->code / 100);
    out->reply =
        arena_printf(run->arena, "%d %s %.*s", out->code, out->status, VIEW_FMT(text));
}

enum access_says access_refuse(struct access_run *run, int code, const char *status,
                               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct view text = arena_vprintf(run->arena, format, args);
    va_end(args);

    struct access_outcome refusal = {.effects = NULL};
    set_refusal(run, &refusal, code, status, text);
    if (run->warn_if_reject) {
        run->warn_if_reject = false;
        access_log(run, "reject_warning", refusal.reply);
        return SAYS_DUNNO;
    }
    if (run->memory->defer_if_reject && refusal.code / 100 == 5)
        refusal = run->memory->reject_outcome;
    refusal.effects = run->outcome->effects;
    *run->outcome = refusal;
    access_log(run, "reject", refusal.reply);
    return SAYS_REFUSE;
}

enum access_says access_defer_if_permit(struct access_run *run, const char *status,
                                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct view text = arena_vprintf(run->arena, format, args);
    va_end(args);
    struct access_outcome soft = {.effects = NULL};
    set_refusal(run, &soft, (int)conf_int(run->access->conf, P_defer_code), status, text);
    if (run->warn_if_reject) {
        run->warn_if_reject = false;
        access_log(run, "reject_warning", soft.reply);
    } else if (!run->memory->defer_if_permit) {
        run->memory->defer_if_permit = true;
        run->memory->permit_outcome = soft;
    }
    return SAYS_DUNNO;
}

enum access_says access_defer_if_reject(struct access_run *run, const char *status,
                                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct view text = arena_vprintf(run->arena, format, args);
    va_end(args);
    if (!run->memory->defer_if_reject) {
        run->memory->defer_if_reject = true;
        set_refusal(run, &run->memory->reject_outcome,
                    (int)conf_int(run->access->conf, P_defer_code), status, text);
    }
    return SAYS_DUNNO;
}

enum access_says access_tempfail(struct access_run *run, enum parameter action,
                                 const char *status, const char *text)
{
    const struct conf *c = run->access->conf;
    struct view what = conf_view(c, action);
    if (view_eq(what, VIEW("defer")))
        return access_refuse(run, (int)conf_int(c, P_defer_code), status, "%s", text);
    return access_defer_if_permit(run, status, "%s", text);
}

void access_add_effect(struct access_run *run, enum access_effect_kind kind,
                       struct view value)
{
    struct access_effect **end = &run->outcome->effects;
    while (*end)
        end = &(*end)->next;
    *end = ARENA_NEW(run->arena, struct access_effect);
    (*end)->kind = kind;
    (*end)->value = arena_dup(run->arena, value);
}

enum access_says access_run_list(struct access_run *run, const struct restriction_list *l)
{
    if (++run->depth > MAX_DEPTH) {
        run->depth--;
        log_warning("%.*s: restrictions nested too deeply", VIEW_FMT(l->title));
        return access_refuse(run, 451, "4.3.5", "Server configuration error");
    }
    enum access_says says = SAYS_DUNNO;
    for (size_t i = 0; i < l->n && says == SAYS_DUNNO; i++) {
        const struct restriction *r = &l->items[i];
        if (run->subject->debug)
            log_info("%.*s: restriction %.*s", VIEW_FMT(l->title), VIEW_FMT(r->text));
        else
            log_debug("%.*s: restriction %.*s", VIEW_FMT(l->title), VIEW_FMT(r->text));
        says = r->sublist ? access_run_list(run, r->sublist) : r->type->ask(run, r);
    }
    run->depth--;
    return says;
}

enum access_says ask_permit(struct access_run *run, const struct restriction *r)
{
    (void)run;
    (void)r;
    return SAYS_PERMIT;
}

enum access_says ask_reject(struct access_run *run, const struct restriction *r)
{
    (void)r;
    struct view name = access_reply_name(run, run->stage);
    return access_refuse(run, (int)conf_int(run->access->conf, P_reject_code), "5.7.1",
                         "<%.*s>: %s rejected: Access denied", VIEW_FMT(name),
                         access_reply_class(run->stage));
}

enum access_says ask_defer(struct access_run *run, const struct restriction *r)
{
    (void)r;
    struct view name = access_reply_name(run, run->stage);
    return access_refuse(run, (int)conf_int(run->access->conf, P_defer_code), "4.7.1",
                         "<%.*s>: %s rejected: Try again later", VIEW_FMT(name),
                         access_reply_class(run->stage));
}

enum access_says ask_defer_if_permit(struct access_run *run, const struct restriction *r)
{
    (void)r;
    struct view name = access_reply_name(run, run->stage);
    return access_defer_if_permit(run, "4.7.0",
                                  "<%.*s>: %s rejected: defer_if_permit requested",
                                  VIEW_FMT(name), access_reply_class(run->stage));
}

enum access_says ask_defer_if_reject(struct access_run *run, const struct restriction *r)
{
    (void)r;
    struct view name = access_reply_name(run, run->stage);
    return access_defer_if_reject(run, "4.7.0",
                                  "<%.*s>: %s rejected: defer_if_reject requested",
                                  VIEW_FMT(name), access_reply_class(run->stage));
}

enum access_says ask_warn_if_reject(struct access_run *run, const struct restriction *r)
{
    (void)r;
    run->warn_if_reject = true;
    return SAYS_DUNNO;
}

enum access_says ask_sleep(struct access_run *run, const struct restriction *r)
{
    (void)run;
    (void)fiber_sleep(r->number * CLOCK_SECOND);
    return SAYS_DUNNO;
}
