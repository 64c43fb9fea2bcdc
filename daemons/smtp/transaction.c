/* transaction - one message over one connection: MAIL, RCPT, DATA or BDAT
 *
 * With PIPELINING all commands of a group leave together (RFC 2920), at most
 * GROUP recipients at a time so that neither side fills its buffers while the
 * other does not read.  With CHUNKING a small message follows in the same
 * group (RFC 3030): one round trip for the whole.
 */
#include "client.h"

#include "base/log.h"
#include "format/address.h"
#include "format/xtext.h"

#define GROUP    100
#define BDAT_MAX ((size_t)64 * 1024)

/* How far an exchange has come. */
struct exchange {
    struct job *job;
    struct connection *k;
    struct delivery_recipient **open; /* recipients to offer */
    size_t n;
    size_t accepted;
    bool *is_accepted;
    bool mail_refused;
    struct content_plan plan;
    struct str chunk; /* the whole content, for BDAT */
    bool chunking, content_sent;
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

/* The external form for the wire. */
static struct view quoted(struct exchange *x, struct view address)
{
    struct str out = STR_INIT(ADDRESS_QUOTED_MAX);
    (void)address_quote_821(address, &out);
    struct view result = arena_dup(x->job->delivery->arena, str_view(&out));
    str_done(&out);
    return result;
}

static void send_mail(struct exchange *x)
{
    const struct delivery *d = x->job->delivery;
    const struct envelope *env = &d->envelope;
    struct str line = STR_INIT(4096);
    str_addf(&line, "MAIL FROM:<%.*s>", VIEW_FMT(quoted(x, x->job->sender)));
    if (offers(x, EHLO_SIZE))
        str_addf(&line, " SIZE=%llu", (unsigned long long)d->content_size);
    if (offers(x, EHLO_8BITMIME) && (env->flags & MESSAGE_8BIT))
        str_add(&line, VIEW(" BODY=8BITMIME"));
    if (offers(x, EHLO_SMTPUTF8) && (env->flags & MESSAGE_SMTPUTF8))
        str_add(&line, VIEW(" SMTPUTF8"));
    if (offers(x, EHLO_DSN) && env->ret != DSN_RET_NONE)
        str_add(&line, env->ret == DSN_RET_FULL ? VIEW(" RET=FULL") : VIEW(" RET=HDRS"));
    if (offers(x, EHLO_DSN) && !view_is_empty(env->envid))
        str_addf(&line, " ENVID=%.*s", VIEW_FMT(env->envid));
    connection_send(x->k, "%s", str_cstr(&line));
    str_done(&line);
}

static void add_notify(struct str *line, unsigned notify)
{
    static const struct {
        unsigned bit;
        const char *name;
    } words[] = {{NOTIFY_NEVER, "NEVER"},
                 {NOTIFY_SUCCESS, "SUCCESS"},
                 {NOTIFY_FAILURE, "FAILURE"},
                 {NOTIFY_DELAY, "DELAY"}};
    const char *separator = " NOTIFY=";
    for (size_t i = 0; i < 4; i++) {
        if (notify & words[i].bit) {
            str_addf(line, "%s%s", separator, words[i].name);
            separator = ",";
        }
    }
}

/* ORCPT as received; else made from the original recipient when somebody wants reports.
 */
static void add_orcpt(struct exchange *x, struct str *line, const struct recipient *r)
{
    if (!view_is_empty(r->orcpt)) {
        str_addf(line, " ORCPT=%.*s", VIEW_FMT(r->orcpt));
        return;
    }
    if (view_is_empty(r->original) || r->notify == 0)
        return;
    str_add(line, VIEW(" ORCPT=rfc822;"));
    (void)xtext_encode(quoted(x, r->original), VIEW("+="), line);
}

static bool send_rcpt(struct exchange *x, struct delivery_recipient *r)
{
    struct view address;
    if (generic_map(x->job->client, x->job->delivery->arena, r->in.address, &address,
                    &x->error) != OK)
        return false;
    struct str line = STR_INIT(8192);
    str_addf(&line, "RCPT TO:<%.*s>", VIEW_FMT(quoted(x, address)));
    if (offers(x, EHLO_DSN)) {
        add_orcpt(x, &line, &r->in);
        add_notify(&line, r->in.notify);
    }
    connection_send(x->k, "%s", str_cstr(&line));
    str_done(&line);
    return true;
}

static bool read_mail(struct exchange *x)
{
    x->job->doing = "sending MAIL FROM";
    if (!connection_read(x->k, TIMEOUT(x, mail_timeout), x->job->doing, &x->error))
        return false;
    if (smtp_reply_class(&x->k->reply) == 2)
        return true;
    x->mail_refused = true;
    failure_reply_all(x->job, x->k, "MAIL FROM");
    return true;
}

static bool read_rcpt(struct exchange *x, size_t i)
{
    x->job->doing = "sending RCPT TO";
    if (!connection_read(x->k, TIMEOUT(x, rcpt_timeout), x->job->doing, &x->error))
        return false;
    if (x->mail_refused)
        return true;
    if (smtp_reply_class(&x->k->reply) != 2) {
        failure_reply(x->job, x->k, x->open[i], "RCPT TO");
        return true;
    }
    x->is_accepted[i] = true;
    x->accepted++;
    if (delivery_is_probe(x->job->delivery)) {
        struct str text = STR_INIT(2048);
        (void)smtp_reply_join(str_view(&x->k->reply.text), &text);
        delivery_sent(x->job->delivery, x->open[i], "2.1.5",
                      arena_dup(x->job->delivery->arena, x->k->relay), "%s",
                      str_cstr(&text));
        str_done(&text);
    }
    return true;
}

/* The content behind the recipients, in the same group. */
static void send_content_command(struct exchange *x)
{
    if (delivery_is_probe(x->job->delivery))
        return;
    if (!x->chunking) {
        connection_send(x->k, "DATA");
        return;
    }
    connection_send(x->k, "BDAT %zu LAST", x->chunk.n);
    stream_write(x->k->stream, str_view(&x->chunk));
}

/* MAIL, all RCPT and, when they fit in one go, DATA or BDAT. */
static bool offer_pipelined(struct exchange *x)
{
    send_mail(x);
    for (size_t from = 0; from < x->n; from += GROUP) {
        size_t to = from + GROUP < x->n ? from + GROUP : x->n;
        for (size_t i = from; i < to; i++) {
            if (!send_rcpt(x, x->open[i]))
                return false;
        }
        if (to == x->n) {
            send_content_command(x);
            x->content_sent = !delivery_is_probe(x->job->delivery);
        }
        if (from == 0 && !read_mail(x))
            return false;
        for (size_t i = from; i < to; i++) {
            if (!read_rcpt(x, i))
                return false;
        }
    }
    return true;
}

/* One command, one reply. */
static bool offer_in_turn(struct exchange *x)
{
    send_mail(x);
    if (!read_mail(x) || x->mail_refused)
        return !x->k->broken && x->mail_refused;
    for (size_t i = 0; i < x->n && !x->k->broken; i++) {
        if (!send_rcpt(x, x->open[i]) || !read_rcpt(x, i))
            return false;
    }
    if (x->accepted > 0 && !delivery_is_probe(x->job->delivery)) {
        send_content_command(x);
        x->content_sent = true;
    }
    return true;
}

/* How success counts for DSN: the peer reports itself, or we must say "relayed". */
static enum outcome success_outcome(const struct exchange *x)
{
    if (x->job->client->lmtp)
        return OUTCOME_SENT;
    return offers(x, EHLO_DSN) ? OUTCOME_PASSED_ON : OUTCOME_RELAYED;
}

/* The reply at hand tells of recipient I. */
static void final_reply(struct exchange *x, size_t i)
{
    struct delivery_recipient *r = x->open[i];
    struct delivery *d = x->job->delivery;
    if (smtp_reply_class(&x->k->reply) != 2) {
        failure_reply(x->job, x->k, r, "end of DATA");
        return;
    }
    struct str text = STR_INIT(4096);
    (void)smtp_reply_join(str_view(&x->k->reply.text), &text);
    const char *status = x->k->reply.status[0] == '2' ? x->k->reply.status : "2.0.0";
    r->remote_mta = arena_dup(d->arena, x->k->name);
    r->diagnostic_type = VIEW("smtp");
    r->diagnostic = arena_dup(d->arena, str_view(&text));
    delivery_sent(d, r, status, arena_dup(d->arena, x->k->relay), "%s", str_cstr(&text));
    if (r->outcome == OUTCOME_SENT)
        r->outcome = success_outcome(x);
    str_done(&text);
}

/* SMTP answers once for all recipients, LMTP once for each (RFC 2033 4.2). */
static bool read_final(struct exchange *x)
{
    int64_t limit = TIMEOUT(x, data_done_timeout);
    bool lmtp = x->job->client->lmtp;
    bool have_reply = false;
    x->job->doing = "sending end of data -- message may be sent more than once";
    for (size_t i = 0; i < x->n; i++) {
        if (!x->is_accepted[i])
            continue;
        if ((lmtp || !have_reply) &&
            !connection_read(x->k, limit, x->job->doing, &x->error))
            return false;
        have_reply = true;
        final_reply(x, i);
    }
    return true;
}

/* DATA was answered: send the content, or, when nobody wants it, only the end. */
static bool finish_data(struct exchange *x)
{
    x->job->doing = "sending DATA command";
    if (!connection_read(x->k, TIMEOUT(x, data_init_timeout), x->job->doing, &x->error))
        return false;
    bool go_ahead = smtp_reply_class(&x->k->reply) == 3;
    if (x->accepted == 0) {
        if (!go_ahead)
            return true;
        stream_write(x->k->stream, VIEW(".\r\n"));
        return connection_read(x->k, TIMEOUT(x, data_done_timeout), x->job->doing,
                               &x->error);
    }
    if (!go_ahead) {
        for (size_t i = 0; i < x->n; i++) {
            if (x->is_accepted[i])
                failure_reply(x->job, x->k, x->open[i], "DATA");
        }
        return true;
    }
    x->job->doing = "sending message body";
    stream_set_timeout(x->k->stream, TIMEOUT(x, data_xfer_timeout));
    enum stream_result result = content_send(x->job, x->k, x->plan);
    if (result != STREAM_OK) {
        x->k->broken = true;
        if (error_is_set(&x->job->content_error))
            x->error = x->job->content_error;
        else if (result == STREAM_TIMEOUT)
            error_set(&x->error, "4.4.2", "conversation with %.*s timed out while %s",
                      VIEW_FMT(x->k->display), x->job->doing);
        else
            error_set(&x->error, "4.4.2", "lost connection with %.*s while %s",
                      VIEW_FMT(x->k->display), x->job->doing);
        return false;
    }
    return read_final(x);
}

static bool finish_bdat(struct exchange *x)
{
    if (x->accepted > 0)
        return read_final(x);
    x->job->doing = "sending BDAT";
    return connection_read(x->k, TIMEOUT(x, data_done_timeout), x->job->doing, &x->error);
}

/* Nothing was sent or all was refused: back to the beginning, for the next user. */
static bool reset(struct exchange *x)
{
    x->job->doing = "sending final RSET";
    connection_send(x->k, "RSET");
    return connection_read(x->k, TIMEOUT(x, rset_timeout), x->job->doing, &x->error);
}

/* Does the message itself, not only the client that sent it, need SMTPUTF8? */
static bool needs_utf8(const struct job *j)
{
    const struct delivery *d = j->delivery;
    if (!(d->envelope.flags & MESSAGE_SMTPUTF8))
        return false;
    if (!view_is_ascii(j->sender))
        return true;
    for (size_t i = 0; i < d->n_recipients; i++) {
        if (!view_is_ascii(d->recipients[i].in.address))
            return true;
    }
    return content_header_is_8bit(j);
}

/* Can this host take the message at all? */
static bool host_is_able(struct exchange *x)
{
    struct job *j = x->job;
    uint64_t size = j->delivery->content_size;
    if (needs_utf8(j) && !offers(x, EHLO_SMTPUTF8)) {
        error_set(&x->error, "5.6.7",
                  "SMTPUTF8 is required, but was not offered by host %.*s",
                  VIEW_FMT(x->k->display));
        failure_all(j, x->k, &x->error);
        return false;
    }
    if (offers(x, EHLO_SIZE) && x->k->features.size > 0 && size > x->k->features.size) {
        error_set(&x->error, "5.3.4",
                  "message size %llu exceeds size limit %llu of server %.*s",
                  (unsigned long long)size, (unsigned long long)x->k->features.size,
                  VIEW_FMT(x->k->display));
        failure_all(j, x->k, &x->error);
        return false;
    }
    return true;
}

static void collect_open(struct exchange *x)
{
    struct delivery *d = x->job->delivery;
    x->open = arena_alloc_array(d->arena, d->n_recipients + 1, sizeof(void *));
    x->is_accepted = arena_alloc_array(d->arena, d->n_recipients + 1, sizeof(bool));
    for (size_t i = 0; i < d->n_recipients; i++) {
        if (d->recipients[i].outcome == OUTCOME_NONE)
            x->open[x->n++] = &d->recipients[i];
    }
}

static bool converse(struct exchange *x)
{
    bool pipelining = offers(x, EHLO_PIPELINING);
    x->plan = content_plan_for(x->job, x->k);
    if (pipelining && offers(x, EHLO_CHUNKING) && !x->job->client->lmtp &&
        x->n <= GROUP && x->job->delivery->content_size <= BDAT_MAX / 2)
        x->chunking = content_render(x->job, x->plan, &x->chunk);
    if (!(pipelining ? offer_pipelined(x) : offer_in_turn(x)))
        return x->mail_refused && !x->k->broken;
    if (x->content_sent && !(x->chunking ? finish_bdat(x) : finish_data(x)))
        return false;
    return x->accepted > 0 && x->content_sent ? true : !x->k->broken && reset(x);
}

bool transaction_run(struct job *j, struct connection *k)
{
    struct exchange x = {.job = j, .k = k, .chunk = STR_INIT(BDAT_MAX)};
    collect_open(&x);
    bool usable = !host_is_able(&x) || converse(&x);
    str_done(&x.chunk);
    if (!usable && error_is_set(&x.error)) {
        k->broken = true;
        /* A kept connection that ended in the meantime says nothing about the host. */
        j->stale = k->reused && k->replies == 0;
        if (!j->stale)
            failure_all(j, k, &x.error);
    }
    return usable && !k->broken;
}
