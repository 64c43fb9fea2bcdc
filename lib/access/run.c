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
#include "run/trail.h"

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

struct view access_about_name(const struct access_run *run)
{
    return run->table_class ? run->table_name : access_reply_name(run, run->about);
}

const char *access_about_class(const struct access_run *run)
{
    return run->table_class ? run->table_class : access_reply_class(run->about);
}

/* " from=<external form>". */
static void add_address(struct str *line, const char *label, struct view address)
{
    str_addf(line, "%s=<", label);
    (void)address_quote_821(address, line);
    str_add_char(line, '>');
}

/* Envelope and HELO, as far as they are known. */
static void add_facts(struct str *line, const struct access_subject *s)
{
    if (s->has_sender)
        add_address(line, " from", s->sender);
    if (!view_is_empty(s->recipient))
        add_address(line, " to", s->recipient);
    if (!view_is_empty(s->protocol))
        str_addf(line, " proto=%.*s", VIEW_FMT(s->protocol));
    if (!view_is_empty(s->helo_name))
        str_addf(line, " helo=<%.*s>", VIEW_FMT(s->helo_name));
    if (!view_is_empty(s->sasl_username))
        str_addf(line, " sasl_username=<%.*s>", VIEW_FMT(s->sasl_username));
}

static struct view shown_id(const struct access_subject *s)
{
    return view_is_empty(s->queue_id) ? VIEW("NOQUEUE") : s->queue_id;
}

void access_log_proxy(const struct access_subject *s, const char *action,
                      struct view text)
{
    struct str line = STR_INIT(4096);
    str_addf(&line, "%s: %s: %.*s;", action, s->where, VIEW_FMT(text));
    add_facts(&line, s);
    log_info("%s", str_cstr(&line));
    str_done(&line);
}

void access_log_event(const struct access_subject *s, const char *action,
                      struct view text)
{
    struct str line = STR_INIT(4096);
    str_addf(&line, "%.*s: %s: %s from %.*s: %.*s;", VIEW_FMT(shown_id(s)), action,
             s->command, VIEW_FMT(s->client_display), VIEW_FMT(text));
    add_facts(&line, s);
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

/* Under warn_if_reject a refusal is a line in the log; under score_if_reject it adds to
 * the score as well. */
static enum access_says only_warn(struct access_run *run, struct view reply)
{
    run->memory->score += run->points;
    run->points = 0;
    access_log(run, "reject_warning", reply);
    return SAYS_DUNNO;
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
    if (run->warn_depth > 0)
        return only_warn(run, refusal.reply);
    if (run->memory->defer_if_reject && refusal.code / 100 == 5)
        refusal = run->memory->reject_outcome;
    refusal.effects = run->outcome->effects;
    *run->outcome = refusal;
    access_log(run, "reject", refusal.reply);
    return SAYS_REFUSE;
}

/* Remember a refusal for the case that all is permitted. */
static enum access_says defer_if_permit(struct access_run *run, int code,
                                        const char *status, struct view text)
{
    struct access_outcome soft = {.effects = NULL};
    set_refusal(run, &soft, code, status, text);
    if (run->warn_depth > 0) {
        (void)only_warn(run, soft.reply);
    } else if (!run->memory->defer_if_permit) {
        run->memory->defer_if_permit = true;
        run->memory->permit_outcome = soft;
    }
    return SAYS_DUNNO;
}

enum access_says access_defer_if_permit(struct access_run *run, const char *status,
                                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct view text = arena_vprintf(run->arena, format, args);
    va_end(args);
    return defer_if_permit(run, (int)conf_int(run->access->conf, P_defer_code), status,
                           text);
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

enum access_says access_tempfail_code(struct access_run *run, enum parameter action,
                                      int code, const char *status, const char *text)
{
    if (view_eq(conf_view(run->access->conf, action), VIEW("defer")))
        return access_refuse(run, code, status, "%s", text);
    return defer_if_permit(run, code, status, view_of(text));
}

enum access_says access_tempfail(struct access_run *run, enum parameter action,
                                 const char *status, const char *text)
{
    return access_tempfail_code(run, action, 450, status, text);
}

enum access_says access_permit(struct access_run *run, struct view name,
                               enum access_stage about, const char *table)
{
    if (match_is_empty(run->access->logged_permits) ||
        match_string(run->access->logged_permits, name, &run->error) != MATCH_YES)
        return SAYS_PERMIT;
    struct view text =
        arena_printf(run->arena, "action=%.*s for %s=%.*s %s%s", VIEW_FMT(name),
                     access_reply_class(about), VIEW_FMT(access_reply_name(run, about)),
                     table ? "from " : "", table ? table : "");
    access_log(run, run->warn_depth > 0 ? "permit_warning" : "permit", text);
    return SAYS_PERMIT;
}

/* A status about the other address, or about any address where none is meant, becomes
 * what fits: postconf(5), default_rbl_reply. */
void access_fix_status(char status[12], enum access_stage about)
{
    static const struct {
        const char *recipient, *sender;
    } pairs[] = {{".1.3", ".1.7"}, {".1.2", ".1.8"}, {".1.1", ".1.7"},
                 {".1.4", ".1.0"}, {".1.5", ".1.0"}, {".1.6", ".1.0"}};
    bool is_recipient = about == ACCESS_RECIPIENT || about == ACCESS_RELAY;
    const char *fixed = NULL;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0] && !fixed; i++) {
        if (about == ACCESS_SENDER && strcmp(status + 1, pairs[i].recipient) == 0)
            fixed = pairs[i].sender;
        else if (is_recipient && strcmp(status + 1, pairs[i].sender) == 0 &&
                 strcmp(pairs[i].sender, ".1.0") != 0)
            fixed = pairs[i].recipient;
        else if (!is_recipient && about != ACCESS_SENDER &&
                 (strcmp(status + 1, pairs[i].recipient) == 0 ||
                  strcmp(status + 1, pairs[i].sender) == 0))
            fixed = ".0.0";
    }
    if (fixed)
        memcpy(status + 1, fixed, strlen(fixed) + 1);
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

static bool sets_warning(const struct restriction *r)
{
    return r->type &&
           (r->type->ask == ask_warn_if_reject || r->type->ask == ask_score_if_reject);
}

void access_tell(struct access_run *run, struct view list, struct view restriction,
                 struct view argument, enum access_says says)
{
    static const char *const words[] = {
        [SAYS_DUNNO] = "dunno", [SAYS_PERMIT] = "permit", [SAYS_REFUSE] = "reject"};
    if (!trail_is_set())
        return;
    trail_tell(&(struct trail_step){
        .kind = TRAIL_RESTRICTION,
        .where = list,
        .asked = arena_printf(run->arena, "%.*s%s%.*s", VIEW_FMT(restriction),
                              argument.n ? " " : "", VIEW_FMT(argument)),
        .answer = view_of(words[says]),
        .reply = says == SAYS_REFUSE ? run->outcome->reply : VIEW_NONE});
}

static void tell(struct access_run *run, const struct restriction_list *l,
                 const struct restriction *r, enum access_says says)
{
    struct view name = r->type ? view_of(r->type->name) : r->text;
    access_tell(run, l->title, name, r->argument, says);
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
        tell(run, l, r, says);
        if (run->warn_depth >= run->depth && !sets_warning(r))
            run->warn_depth = 0;
    }
    run->depth--;
    return says;
}

enum access_says ask_permit(struct access_run *run, const struct restriction *r)
{
    return access_permit(run, r->text, run->about, NULL);
}

enum access_says ask_reject(struct access_run *run, const struct restriction *r)
{
    (void)r;
    struct view name = access_about_name(run);
    return access_refuse(run, (int)conf_int(run->access->conf, P_reject_code), "5.7.1",
                         "<%.*s>: %s rejected: Access denied", VIEW_FMT(name),
                         access_about_class(run));
}

enum access_says ask_defer(struct access_run *run, const struct restriction *r)
{
    (void)r;
    struct view name = access_about_name(run);
    return access_refuse(run, (int)conf_int(run->access->conf, P_defer_code), "4.3.2",
                         "<%.*s>: %s rejected: Try again later", VIEW_FMT(name),
                         access_about_class(run));
}

enum access_says ask_defer_if_permit(struct access_run *run, const struct restriction *r)
{
    (void)r;
    struct view name = access_about_name(run);
    return access_defer_if_permit(run, "4.7.0",
                                  "<%.*s>: %s rejected: defer_if_permit requested",
                                  VIEW_FMT(name), access_about_class(run));
}

enum access_says ask_defer_if_reject(struct access_run *run, const struct restriction *r)
{
    (void)r;
    struct view name = access_about_name(run);
    return access_defer_if_reject(run, "4.7.0",
                                  "<%.*s>: %s rejected: defer_if_reject requested",
                                  VIEW_FMT(name), access_about_class(run));
}

/* The next restriction, with all that it contains, refuses nobody. */
enum access_says ask_warn_if_reject(struct access_run *run, const struct restriction *r)
{
    (void)r;
    if (run->warn_depth == 0)
        run->warn_depth = run->depth;
    run->points = 0;
    return SAYS_DUNNO;
}

/* S213: as warn_if_reject, and the refusal adds to a score that reject_score judges. */
enum access_says ask_score_if_reject(struct access_run *run, const struct restriction *r)
{
    (void)ask_warn_if_reject(run, r);
    run->points = r->number;
    return SAYS_DUNNO;
}

enum access_says ask_reject_score(struct access_run *run, const struct restriction *r)
{
    if (run->memory->score < r->number)
        return SAYS_DUNNO;
    return access_refuse(run, (int)conf_int(run->access->conf, P_reject_code), "5.7.1",
                         "<%.*s>: %s rejected: score %lld",
                         VIEW_FMT(access_about_name(run)), access_about_class(run),
                         (long long)run->memory->score);
}

enum access_says ask_sleep(struct access_run *run, const struct restriction *r)
{
    if (!run->subject->rehearsal)
        (void)fiber_sleep(r->number * CLOCK_SECOND);
    return SAYS_DUNNO;
}
