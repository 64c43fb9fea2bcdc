/* transaction - one message over one connection: MAIL, RCPT, DATA or BDAT
 *
 * With PIPELINING all commands of a group leave together (RFC 2920), at most
 * GROUP recipients at a time so that neither side fills its buffers while the
 * other does not read.  With CHUNKING a small message follows in the same
 * group (RFC 3030): one round trip for the whole.
 */
#include "client.h"

#include "base/log.h"

#define GROUP    100
#define BDAT_MAX ((size_t)64 * 1024)

/* One recipient that is offered. */
struct offered {
    struct delivery_recipient *recipient;
    struct view address; /* for the wire */
    bool is_accepted, is_answered;
};

/* How far an exchange has come. */
struct exchange {
    struct job *job;
    struct connection *k;
    struct view sender; /* for the wire */
    struct offered *list;
    size_t n, accepted;
    bool mail_refused, content_sent, chunking;
    struct content_plan plan;
    struct str chunk; /* the whole content, for BDAT */
    struct error error;
};

static int64_t timeout_of(const struct exchange *x, enum parameter smtp,
                          enum parameter lmtp)
{
    const struct client *c = x->job->client;
    return conf_time(c->conf, c->lmtp ? lmtp : smtp);
}
#define TIMEOUT(x, name) timeout_of((x), P_smtp_##name, P_lmtp_##name)

static bool offers(const struct exchange *x, unsigned keyword)
{
    return (x->k->features.keywords & keyword) != 0;
}

static bool is_probe(const struct exchange *x)
{
    return delivery_is_probe(x->job->delivery);
}

/* Probes end at RCPT, or after DATA was answered (smtp_address_verify_target). */
static bool probes_data(const struct exchange *x)
{
    const struct client *c = x->job->client;
    return view_eq(conf_view(c->conf, PARAMETER(c, address_verify_target)), VIEW("data"));
}

static bool is_ok(const struct exchange *x)
{
    return smtp_reply_class(&x->k->reply) == 2;
}

static bool read_reply(struct exchange *x, int64_t timeout, const char *doing)
{
    return connection_read(x->k, timeout, doing, &x->error);
}

/* The reply at hand ends recipient O well.  The peer reports success itself when it has
 * DSN; else we say "relayed" for it, or "delivered" where LMTP is the last hop. */
static void succeed(struct exchange *x, struct offered *o)
{
    const struct client *c = x->job->client;
    struct delivery *d = x->job->delivery;
    struct delivery_recipient *r = o->recipient;
    const struct smtp_reply *reply = &x->k->reply;
    struct str text = STR_INIT(SMTP_REPLY_TEXT_MAX);
    (void)smtp_reply_join(str_view(&reply->text), &text);
    r->remote_mta = arena_dup(d->arena, x->k->name);
    r->diagnostic_type = VIEW("smtp");
    r->diagnostic = arena_dup(d->arena, str_view(&text));
    delivery_sent(d, r, reply->status[0] == '2' ? reply->status : "2.0.0",
                  arena_dup(d->arena, x->k->relay), "%s", str_cstr(&text));
    o->is_answered = true;
    bool is_final =
        c->flags & FLAG_FINAL || (c->lmtp && conf_bool(c->conf, P_lmtp_assume_final));
    if (r->outcome == OUTCOME_SENT && !is_probe(x) && offers(x, EHLO_DSN))
        r->outcome = OUTCOME_PASSED_ON;
    else if (r->outcome == OUTCOME_SENT && !is_probe(x) && !is_final)
        r->outcome = OUTCOME_RELAYED;
    str_done(&text);
}

/* --- MAIL and RCPT --- */

static void send_mail(struct exchange *x)
{
    struct str line = STR_INIT(8192);
    envelope_mail(x->job, x->k, x->sender, &line);
    connection_send(x->k, "%s", str_cstr(&line));
    str_done(&line);
}

static void send_rcpt(struct exchange *x, const struct offered *o)
{
    struct str line = STR_INIT(8192);
    envelope_rcpt(x->job, x->k, &o->recipient->in, o->address, &line);
    connection_send(x->k, "%s", str_cstr(&line));
    str_done(&line);
}

/* The reply refuses COMMAND for one recipient. */
static void refuse(struct exchange *x, struct offered *o, const char *command)
{
    o->is_answered = true;
    failure_reply(x->job, x->k, o->recipient, command);
}

/* The reply refuses COMMAND and with it all that were offered and not refused before. */
static void refuse_all(struct exchange *x, const char *command, bool accepted_only)
{
    struct arena *a = x->job->delivery->arena;
    struct delivery_recipient **list = arena_alloc_array(a, x->n + 1, sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (!x->list[i].is_accepted && accepted_only)
            continue;
        list[n++] = x->list[i].recipient;
        x->list[i].is_answered = true;
    }
    failure_reply_all(x->job, x->k, list, n, command);
}

static bool read_mail(struct exchange *x)
{
    if (!read_reply(x, TIMEOUT(x, mail_timeout), "sending MAIL FROM"))
        return false;
    x->mail_refused = !is_ok(x);
    if (x->mail_refused)
        refuse_all(x, "MAIL FROM", false);
    return true;
}

static bool read_rcpt(struct exchange *x, struct offered *o)
{
    if (!read_reply(x, TIMEOUT(x, rcpt_timeout), "sending RCPT TO"))
        return false;
    if (x->mail_refused)
        return true;
    if (!is_ok(x)) {
        refuse(x, o, "RCPT TO");
        return true;
    }
    o->is_accepted = true;
    x->accepted++;
    if (is_probe(x) && !probes_data(x))
        succeed(x, o);
    return true;
}

/* --- content --- */

/* The content behind the recipients, in the same group. */
static void send_content_command(struct exchange *x)
{
    if (is_probe(x) && !probes_data(x))
        return;
    x->content_sent = true;
    if (!x->chunking) {
        connection_send(x->k, "DATA");
        return;
    }
    connection_send(x->k, "BDAT %zu LAST", x->chunk.n);
    stream_write(x->k->stream, str_view(&x->chunk));
}

/* SMTP answers once for all recipients, LMTP once for each (RFC 2033 4.2). */
static bool read_final(struct exchange *x)
{
    bool lmtp = x->job->client->lmtp, have_reply = false;
    for (size_t i = 0; i < x->n; i++) {
        struct offered *o = &x->list[i];
        if (!o->is_accepted)
            continue;
        if ((lmtp || !have_reply) &&
            !read_reply(x, TIMEOUT(x, data_done_timeout),
                        "sending end of data -- message may be sent more than once"))
            return false;
        if (is_ok(x))
            succeed(x, o);
        else if (lmtp)
            refuse(x, o, "end of DATA");
        else if (!have_reply)
            refuse_all(x, "end of DATA", true);
        have_reply = true;
    }
    return true;
}

/* Nobody wants the content that the peer is ready to take. */
static bool end_unwanted(struct exchange *x)
{
    if (x->job->client->lmtp) { /* as many replies as recipients: none would come */
        x->k->broken = true;
        return true;
    }
    stream_write(x->k->stream, VIEW(".\r\n"));
    return read_reply(x, TIMEOUT(x, data_done_timeout), "sending end of data");
}

/* A probe has seen what it wanted to know; the peer still waits for content. */
static bool end_probe(struct exchange *x)
{
    for (size_t i = 0; i < x->n; i++) {
        if (x->list[i].is_accepted)
            succeed(x, &x->list[i]);
    }
    x->k->broken = true;
    return true;
}

/* DATA was answered: send the content, or, when nobody wants it, only the end. */
static bool finish_data(struct exchange *x)
{
    if (!read_reply(x, TIMEOUT(x, data_init_timeout), "sending DATA command"))
        return false;
    bool go_ahead = smtp_reply_class(&x->k->reply) == 3;
    if (x->accepted == 0)
        return !go_ahead || end_unwanted(x);
    if (!go_ahead) {
        refuse_all(x, "DATA", true);
        return true;
    }
    if (is_probe(x))
        return end_probe(x);
    stream_set_timeout(x->k->stream, TIMEOUT(x, data_xfer_timeout));
    return content_send(x->job, x->k, x->plan, &x->error) && read_final(x);
}

static bool finish_bdat(struct exchange *x)
{
    return x->accepted > 0 ? read_final(x)
                           : read_reply(x, TIMEOUT(x, data_done_timeout), "sending BDAT");
}

/* --- the whole --- */

/* MAIL, all RCPT and, when they fit in one go, DATA or BDAT. */
static bool offer_pipelined(struct exchange *x)
{
    send_mail(x);
    for (size_t from = 0; from < x->n && !x->mail_refused; from += GROUP) {
        size_t to = from + GROUP < x->n ? from + GROUP : x->n;
        for (size_t i = from; i < to; i++)
            send_rcpt(x, &x->list[i]);
        if (to == x->n)
            send_content_command(x);
        if (from == 0 && !read_mail(x))
            return false;
        for (size_t i = from; i < to; i++) {
            if (!read_rcpt(x, &x->list[i]))
                return false;
        }
    }
    return true;
}

/* One command, one reply. */
static bool offer_in_turn(struct exchange *x)
{
    send_mail(x);
    if (!read_mail(x))
        return false;
    for (size_t i = 0; i < x->n && !x->mail_refused && !x->k->broken; i++) {
        send_rcpt(x, &x->list[i]);
        if (!read_rcpt(x, &x->list[i]))
            return false;
    }
    if (x->accepted > 0 && !x->k->broken)
        send_content_command(x);
    return true;
}

/* Nothing was sent or all was refused: back to the beginning, for the next user.  What
 * goes wrong here is no matter of this message. */
static void reset(struct exchange *x)
{
    struct error ignored = ERROR_INIT;
    connection_send(x->k, "RSET");
    if (!connection_read(x->k, TIMEOUT(x, rset_timeout), "sending final RSET",
                         &ignored) ||
        !is_ok(x))
        x->k->broken = true;
}

/* Did a 421 end the session before all were answered? */
static bool is_cut_short(struct exchange *x)
{
    bool all = true;
    for (size_t i = 0; i < x->n; i++)
        all = all && x->list[i].is_answered;
    if (!x->k->broken || all)
        return false;
    connection_lost(x->k, STREAM_EOF, "sending RCPT TO", &x->error);
    return true;
}

/* False: the connection was lost, and error says how. */
static bool converse(struct exchange *x)
{
    bool pipelining = offers(x, EHLO_PIPELINING);
    x->plan = content_plan_for(x->job, x->k);
    if (pipelining && offers(x, EHLO_CHUNKING) && !x->job->client->lmtp && !is_probe(x) &&
        x->n <= GROUP && x->job->delivery->content_size <= BDAT_MAX / 2)
        x->chunking = content_render(x->job, x->plan, &x->chunk);
    if (!xforward_run(x->job, x->k, &x->error))
        return false;
    if (!(pipelining ? offer_pipelined(x) : offer_in_turn(x)))
        return false;
    if (x->content_sent && !(x->chunking ? finish_bdat(x) : finish_data(x)))
        return false;
    if (is_cut_short(x))
        return false;
    if (!x->k->broken && (x->accepted == 0 || !x->content_sent))
        reset(x);
    return true;
}

/* Can this host take the message at all? */
static bool host_is_able(struct exchange *x)
{
    struct job *j = x->job;
    uint64_t size = j->delivery->content_size;
    if (envelope_needs_utf8(j) && !offers(x, EHLO_SMTPUTF8)) {
        error_set(&x->error, "5.6.7",
                  "SMTPUTF8 is required, but was not offered by host %.*s",
                  VIEW_FMT(x->k->display));
        return false;
    }
    if (offers(x, EHLO_SIZE) && x->k->features.size > 0 && size > x->k->features.size) {
        error_set(&x->error, "5.3.4",
                  "message size %llu exceeds size limit %llu of server %.*s",
                  (unsigned long long)size, (unsigned long long)x->k->features.size,
                  VIEW_FMT(x->k->display));
        return false;
    }
    return envelope_quote(j, j->sender, &x->sender, &x->error);
}

/* The recipients that have no outcome yet, as they go over the wire.  May suspend. */
static void collect_open(struct exchange *x)
{
    struct delivery *d = x->job->delivery;
    struct error e = ERROR_INIT;
    x->list = arena_alloc_array(d->arena, d->n_recipients + 1, sizeof *x->list);
    for (size_t i = 0; i < d->n_recipients; i++) {
        struct delivery_recipient *r = &d->recipients[i];
        struct offered *o = &x->list[x->n];
        struct view address;
        if (r->outcome != OUTCOME_NONE)
            continue;
        o->recipient = r;
        if (generic_map(x->job->client, d->arena, r->in.address, &address, &e) == OK &&
            envelope_quote(x->job, address, &o->address, &e))
            x->n++;
        else
            failure_recipient(x->job, r, &e);
    }
}

/* The connection ended in the middle. */
static void note_loss(struct exchange *x)
{
    struct job *j = x->job;
    x->k->broken = true;
    /* A kept connection that ended in the meantime says nothing about the host. */
    j->stale = x->k->reused && x->k->replies == 0 && !x->k->timed_out;
    if (j->stale || open_recipients(j) == 0)
        return;
    if (strcmp(x->error.status, "4.3.0") == 0) /* our own trouble */
        failure_message(j, x->k, &x->error);
    else
        failure_host(j, x->k, &x->error);
}

bool transaction_run(struct job *j, struct connection *k)
{
    struct exchange *x = ARENA_NEW(j->delivery->arena, struct exchange);
    *x = (struct exchange){.job = j, .k = k, .chunk = STR_INIT(BDAT_MAX)};
    collect_open(x);
    if (x->n > 0 && !host_is_able(x))
        failure_message(j, k, &x->error);
    else if (x->n > 0 && !converse(x))
        note_loss(x);
    str_done(&x->chunk);
    return !k->broken;
}
