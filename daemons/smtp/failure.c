/* failure - the best error of each recipient
 *
 * A hard refusal ends a recipient; a soft one is remembered, and the recipient
 * goes on to the next host.  What is told in the end is the last soft failure of
 * that very recipient, or, when no host heard of it, why none could be reached.
 */
#include "client.h"

#include "base/log.h"

size_t open_recipients(const struct job *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->delivery->n_recipients; i++)
        n += j->delivery->recipients[i].outcome == OUTCOME_NONE;
    return n;
}

static struct soft_failure *failure_of(struct job *j, const struct delivery_recipient *r)
{
    return &j->failures[r - j->delivery->recipients];
}

static void remember(struct job *j, struct delivery_recipient *r, struct view relay,
                     const struct error *e)
{
    struct soft_failure *f = failure_of(j, r);
    f->set = true;
    f->error = *e;
    f->relay = relay;
    f->diagnostic = r->diagnostic;
    f->remote_mta = r->remote_mta;
}

/* Hard errors end R; soft ones too when no other host is left. */
static void fail(struct job *j, struct delivery_recipient *r, struct view relay,
                 const struct error *e)
{
    if (error_result(e) == PERMFAIL || j->last_target) {
        delivery_failed(j->delivery, r, relay, e);
        return;
    }
    remember(j, r, relay, e);
}

/* What the peer said, as error text and as diagnostic. */
static void quote_reply(struct job *j, struct connection *k, const char *command,
                        struct error *e, struct view *diagnostic)
{
    struct str text = STR_INIT(8192), line = STR_INIT(8192);
    (void)smtp_reply_said(&k->reply, k->display, view_of(command), &text);
    (void)smtp_reply_join(str_view(&k->reply.text), &line);
    int class = smtp_reply_class(&k->reply);
    char status[12];
    /* A reply that fits nowhere here counts as a soft failure. */
    char digit = class == 5 ? '5' : '4';
    if (k->reply.status[0] == digit)
        (void)snprintf(status, sizeof status, "%s", k->reply.status);
    else
        (void)snprintf(status, sizeof status, "%c.0.0", digit);
    error_set(e, status, "%s", str_cstr(&text));
    *diagnostic = arena_dup(j->delivery->arena, str_view(&line));
    str_done(&text);
    str_done(&line);
}

void failure_reply(struct job *j, struct connection *k, struct delivery_recipient *r,
                   const char *command)
{
    struct error e = ERROR_INIT;
    quote_reply(j, k, command, &e, &r->diagnostic);
    r->diagnostic_type = VIEW("smtp");
    r->remote_mta = arena_dup(j->delivery->arena, k->name);
    if (!j->last_target && error_result(&e) != PERMFAIL)
        log_info("%s: %s", j->delivery->id.text, e.text);
    fail(j, r, arena_dup(j->delivery->arena, k->relay), &e);
}

void failure_reply_all(struct job *j, struct connection *k, const char *command)
{
    for (size_t i = 0; i < j->delivery->n_recipients; i++) {
        struct delivery_recipient *r = &j->delivery->recipients[i];
        if (r->outcome == OUTCOME_NONE)
            failure_reply(j, k, r, command);
    }
}

void failure_all(struct job *j, const struct connection *k, const struct error *e)
{
    struct view relay = k ? arena_dup(j->delivery->arena, k->relay) : VIEW("none");
    if (!j->last_target && error_result(e) != PERMFAIL)
        log_info("%s: %s", j->delivery->id.text, e->text);
    for (size_t i = 0; i < j->delivery->n_recipients; i++) {
        struct delivery_recipient *r = &j->delivery->recipients[i];
        if (r->outcome == OUTCOME_NONE)
            fail(j, r, relay, e);
    }
}

void failure_finish(struct job *j)
{
    static const struct error unknown = {.status = "4.4.1", .text = "no host answered"};
    for (size_t i = 0; i < j->delivery->n_recipients; i++) {
        struct delivery_recipient *r = &j->delivery->recipients[i];
        const struct soft_failure *f = &j->failures[i];
        if (r->outcome != OUTCOME_NONE)
            continue;
        if (!f->set)
            f = &j->last;
        r->diagnostic = f->diagnostic;
        if (!view_is_empty(f->diagnostic))
            r->diagnostic_type = VIEW("smtp");
        r->remote_mta = f->remote_mta;
        delivery_failed(j->delivery, r, view_is_empty(f->relay) ? VIEW("none") : f->relay,
                        f->set ? &f->error : &unknown);
    }
}
