/* failure - the best error of each recipient
 *
 * A hard refusal ends a recipient; a soft one is remembered, and the recipient
 * goes on to the next host.  What is told in the end is what says most about that
 * very recipient: a reply to it, else what befell the message, else why no host
 * could be reached.  (With soft_bounce hard refusals are tried elsewhere too.)  Where it
 * is we who are not welcome, smtp_policy_fallback_transport may have better luck.
 */
#include "client.h"

#include "agent/pass.h"
#include "base/log.h"
#include "table/match.h"

enum { RANK_HOST = 1, RANK_MESSAGE, RANK_REPLY };

/* What to tell of recipients. */
struct verdict {
    struct error error;
    unsigned rank;
    struct view relay, diagnostic, remote_mta;
};

size_t open_recipients(const struct job *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->delivery->n_recipients; i++)
        n += j->delivery->recipients[i].outcome == OUTCOME_NONE;
    return n;
}

static bool is_final(const struct job *j, const struct error *e)
{
    return error_result(e) == PERMFAIL && !conf_bool(j->client->conf, P_soft_bounce);
}

/* That a host is left behind is told in the log; that there is none left shows in the
 * recipients' own lines. */
static void log_skipped(const struct job *j, const struct error *e)
{
    if (!j->last_target && !is_final(j, e))
        log_info("%s: %s", j->delivery->id.text, e->text);
}

static struct soft_failure to_failure(struct job *j, const struct verdict *v)
{
    struct soft_failure f = {.rank = v->rank,
                             .text =
                                 arena_dup(j->delivery->arena, view_of(v->error.text)),
                             .diagnostic = v->diagnostic,
                             .remote_mta = v->remote_mta,
                             .relay = v->relay};
    (void)snprintf(f.status, sizeof f.status, "%s", v->error.status);
    return f;
}

static void set_origin(struct delivery_recipient *r, struct view diagnostic,
                       struct view remote_mta)
{
    r->diagnostic = diagnostic;
    r->diagnostic_type = view_is_empty(diagnostic) ? VIEW_NONE : VIEW("smtp");
    r->remote_mta = remote_mta;
}

/* Does REPLY, with its code in front, refuse by policy?  RFC 3463 5.7.x; from hosts that
 * know no such codes 521, 554 (RFC 7504) and 571. */
static bool is_policy(struct view reply)
{
    if (reply.n < 5 || reply.p[0] != '5')
        return false;
    struct view status = view_from(reply, 4);
    if (status.n > 2 && status.p[0] == '5' && status.p[1] == '.')
        return view_starts(status, VIEW("5.7."));
    return view_starts(reply, VIEW("521")) || view_starts(reply, VIEW("554")) ||
           view_starts(reply, VIEW("571"));
}

/* The next hop behind "transport:" is where we are already. */
static bool is_fallback_itself(const struct job *j)
{
    struct view transport, nexthop;
    view_cut(conf_view(j->client->conf, P_smtp_policy_fallback_transport), ':',
             &transport, &nexthop);
    return view_eq_case(nexthop, j->delivery->nexthop);
}

/* May R go by smtp_policy_fallback_transport after V? */
static bool may_pass_on(const struct job *j, const struct delivery_recipient *r,
                        const struct verdict *v)
{
    struct view local, domain;
    struct error e = ERROR_INIT;
    return j->client->policy_fallback && is_policy(v->diagnostic) &&
           !is_fallback_itself(j) && view_rcut(r->in.address, '@', &local, &domain) &&
           match_domain(j->client->policy_fallback, domain, &e) == MATCH_YES;
}

/* Apply V to R, which is open. */
static void judge(struct job *j, struct delivery_recipient *r, const struct verdict *v)
{
    struct soft_failure *f = &j->failures[r - j->delivery->recipients];
    if (may_pass_on(j, r, v)) {
        *f = to_failure(j, v);
        f->is_of_us = true;
    } else if (is_final(j, &v->error)) {
        set_origin(r, v->diagnostic, v->remote_mta);
        delivery_failed(j->delivery, r, v->relay, &v->error);
    } else if (v->rank >= f->rank) {
        *f = to_failure(j, v);
    }
}

static void judge_all(struct job *j, const struct verdict *v)
{
    for (size_t i = 0; i < j->delivery->n_recipients; i++) {
        struct delivery_recipient *r = &j->delivery->recipients[i];
        if (r->outcome == OUTCOME_NONE)
            judge(j, r, v);
    }
}

/* A code that refuses nothing, where we were not accepted, is a hard error. */
static void quote_status(const struct smtp_reply *reply, char status[12])
{
    int class = smtp_reply_class(reply);
    if (class != 4 && class != 5)
        (void)snprintf(status, 12, "5.5.0");
    else if (reply->status[0] == '0' + class)
        (void)snprintf(status, 12, "%s", reply->status);
    else
        (void)snprintf(status, 12, "%d.0.0", class);
}

/* What the peer said in reply to COMMAND. */
static struct verdict quote_reply(struct job *j, struct connection *k,
                                  const char *command)
{
    struct arena *a = j->delivery->arena;
    struct str text = STR_INIT(SMTP_REPLY_TEXT_MAX), line = STR_INIT(SMTP_REPLY_TEXT_MAX);
    struct verdict v = {.rank = RANK_REPLY};
    char status[12];
    quote_status(&k->reply, status);
    (void)smtp_reply_said(&k->reply, k->display, view_of(command), &text);
    (void)smtp_reply_join(str_view(&k->reply.text), &line);
    error_set(&v.error, status, "%s", str_cstr(&text));
    v.relay = arena_dup(a, k->relay);
    v.remote_mta = arena_dup(a, k->name);
    v.diagnostic = arena_dup(a, str_view(&line));
    str_done(&text);
    str_done(&line);
    return v;
}

void failure_reply(struct job *j, struct connection *k, struct delivery_recipient *r,
                   const char *command)
{
    failure_reply_all(j, k, &r, 1, command);
}

void failure_reply_all(struct job *j, struct connection *k,
                       struct delivery_recipient *const *list, size_t n,
                       const char *command)
{
    struct verdict v = quote_reply(j, k, command);
    log_skipped(j, &v.error);
    for (size_t i = 0; i < n; i++) {
        if (list[i]->outcome == OUTCOME_NONE)
            judge(j, list[i], &v);
    }
}

void failure_message(struct job *j, const struct connection *k, const struct error *e)
{
    struct verdict v = {.error = *e,
                        .rank = RANK_MESSAGE,
                        .relay = arena_dup(j->delivery->arena, k->relay)};
    log_skipped(j, e);
    judge_all(j, &v);
}

void failure_recipient(struct job *j, struct delivery_recipient *r, const struct error *e)
{
    struct verdict v = {.error = *e, .rank = RANK_REPLY, .relay = VIEW("none")};
    judge(j, r, &v);
}

/* Where the peer said no, its words are the diagnostic. */
static void quote_refusal(struct job *j, const struct connection *k, struct verdict *v)
{
    int class = k ? smtp_reply_class(&k->reply) : 0;
    if (class != 4 && class != 5)
        return;
    struct str line = STR_INIT(SMTP_REPLY_TEXT_MAX);
    (void)smtp_reply_join(str_view(&k->reply.text), &line);
    v->remote_mta = arena_dup(j->delivery->arena, k->name);
    v->diagnostic = arena_dup(j->delivery->arena, str_view(&line));
    str_done(&line);
}

void failure_host(struct job *j, const struct connection *k, const struct error *e)
{
    struct verdict v = {.error = *e,
                        .rank = RANK_HOST,
                        .relay =
                            k ? arena_dup(j->delivery->arena, k->relay) : VIEW("none")};
    quote_refusal(j, k, &v);
    j->host_failed = true;
    j->last = to_failure(j, &v);
    if (k) {
        log_skipped(j, e);
        judge_all(j, &v);
    }
}

void failure_pass_on(struct job *j)
{
    struct view target = conf_view(j->client->conf, P_smtp_policy_fallback_transport);
    for (size_t i = 0; i < j->delivery->n_recipients; i++) {
        struct delivery_recipient *r = &j->delivery->recipients[i];
        const struct soft_failure *f = &j->failures[i];
        if (r->outcome != OUTCOME_NONE || !f->is_of_us)
            continue;
        log_info("%s: %.*s; to=<%.*s> goes by %.*s", j->delivery->id.text,
                 VIEW_FMT(f->text), VIEW_FMT(r->in.address), VIEW_FMT(target));
        delivery_pass(j->client->service, j->delivery, r, target, VIEW("none"));
    }
}

/* Tell qmgr that the next hop as a whole does not answer. */
static void note_dead_destination(struct job *j)
{
    struct delivery *d = j->delivery;
    if (!j->host_failed || !j->last.rank ||
        (j->last.status[0] == '5' && !conf_bool(j->client->conf, P_soft_bounce)))
        return;
    d->destination_dead = true;
    (void)snprintf(d->dead_status, sizeof d->dead_status, "%s", j->last.status);
    d->dead_text = j->last.text;
}

void failure_finish(struct job *j)
{
    static const struct soft_failure unknown = {
        .status = "4.3.0", .text = {"server unavailable or unable to receive mail", 44}};
    struct error e;
    if (open_recipients(j) == 0)
        return;
    note_dead_destination(j);
    for (size_t i = 0; i < j->delivery->n_recipients; i++) {
        struct delivery_recipient *r = &j->delivery->recipients[i];
        const struct soft_failure *f = &j->failures[i];
        if (r->outcome != OUTCOME_NONE)
            continue;
        if (f->rank <= j->last.rank)
            f = &j->last; /* newer */
        if (!f->rank)
            f = &unknown;
        e = ERROR_INIT;
        error_set(&e, f->status, "%.*s", VIEW_FMT(f->text));
        set_origin(r, f->diagnostic, f->remote_mta);
        delivery_failed(j->delivery, r, view_is_empty(f->relay) ? VIEW("none") : f->relay,
                        &e);
    }
}
