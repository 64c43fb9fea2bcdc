/* failure - the best error of each recipient
 *
 * A hard refusal ends a recipient; a soft one is remembered, and the recipient
 * goes on to the next host.  What is told in the end is what says most about that
 * very recipient: a reply to it, else what befell the message, else why no host
 * could be reached.  (With soft_bounce hard refusals are tried elsewhere too.)
 */
#include "client.h"

#include "base/log.h"

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

/* Apply V to R, which is open. */
static void judge(struct job *j, struct delivery_recipient *r, const struct verdict *v)
{
    struct soft_failure *f = &j->failures[r - j->delivery->recipients];
    if (is_final(j, &v->error)) {
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
