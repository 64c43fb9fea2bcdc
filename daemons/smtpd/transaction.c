/* transaction - collect one message and bring it into the queue
 *
 * The sink is opened at the first good recipient, so a client that never finds
 * one costs nothing (smtpd_delay_open_until_valid_rcpt).
 */
#include "transaction.h"

#include "lmtp.h"
#include "milter.h"

#include "base/log.h"
#include "base/memory.h"

struct transaction *transaction_new(struct session *s, struct view sender)
{
    struct transaction *t = NEW(struct transaction);
    t->arena = arena_new();
    t->sender = sender;
    t->sink = s->server->sink;
    str_init(&t->milter_reply, 8192);
    t->envelope.arrival = clock_wall();
    s->transaction = t;
    return t;
}

void transaction_end(struct session *s)
{
    struct transaction *t = s->transaction;
    s->reply_times = 0;
    s->facts.has_sender = false;
    s->facts.sender = s->facts.recipient = s->facts.queue_id = VIEW_NONE;
    s->facts.sasl_sender = VIEW_NONE;
    s->facts.recipients = 0;
    s->facts.content_received = false;
    s->facts.size = 0;
    if (!t)
        return;
    s->facts.instance = VIEW_NONE;
    s->forwarded.is_set = false;
    if (t->open)
        t->sink->abort(s);
    milter_abort(s);
    str_done(&t->milter_reply);
    if (t->chunking)
        dot_reader_done(&t->chunks);
    arena_free(t->arena);
    memory_free(t);
    s->transaction = NULL;
}

static struct view or_else(struct view v, struct view other)
{
    return view_is_empty(v) ? other : v;
}

/* The client as it is kept with the message: the one that XFORWARD told, if it did. */
static void fill_client(const struct session *s, struct envelope *env)
{
    const struct forwarded *f = &s->forwarded;
    env->client_name = s->facts.client_name;
    env->client_address = s->facts.client_address;
    env->client_port = s->facts.client_port;
    env->helo_name = s->facts.helo_name;
    env->protocol_name = s->facts.protocol;
    env->sasl_method = s->facts.sasl_method;
    env->sasl_username = s->facts.sasl_username;
    env->sasl_sender = s->facts.sasl_sender;
    if (!f->is_set)
        return;
    env->client_name = or_else(f->name, VIEW("unknown"));
    env->client_address = or_else(f->address, VIEW("unknown"));
    env->client_port = or_else(f->port, VIEW("unknown"));
    env->helo_name = f->helo;
    env->protocol_name = or_else(f->protocol, VIEW("unknown"));
    env->log_ident = f->ident;
}

/* The client and the message that a filter's XFORWARD told of. */
static void log_forwarded(const struct session *s, struct str *line)
{
    const struct forwarded *f = &s->forwarded;
    if (!f->is_set)
        return;
    if (!view_is_empty(f->ident))
        str_addf(line, ", orig_queue_id=%.*s", VIEW_FMT(f->ident));
    if (!view_is_empty(f->name) || !view_is_empty(f->address)) {
        struct view unknown = VIEW("unknown");
        str_addf(line, ", orig_client=%.*s[%.*s]",
                 VIEW_FMT(view_is_empty(f->name) ? unknown : f->name),
                 VIEW_FMT(view_is_empty(f->address) ? unknown : f->address));
    }
}

void transaction_log_client(const struct session *s)
{
    struct str line = STR_INIT(2048);
    struct view id = or_else(s->facts.queue_id, VIEW("NOQUEUE"));
    str_addf(&line, "%.*s: client=%.*s", VIEW_FMT(id), VIEW_FMT(s->facts.client_display));
    if (!view_is_empty(s->facts.sasl_method))
        str_addf(&line, ", sasl_method=%.*s", VIEW_FMT(s->facts.sasl_method));
    if (!view_is_empty(s->facts.sasl_username))
        str_addf(&line, ", sasl_username=%.*s", VIEW_FMT(s->facts.sasl_username));
    if (!view_is_empty(s->facts.sasl_sender))
        str_addf(&line, ", sasl_sender=%.*s", VIEW_FMT(s->facts.sasl_sender));
    log_forwarded(s, &line);
    log_info("%s", str_cstr(&line));
    str_done(&line);
}

static bool open_sink(struct session *s)
{
    struct transaction *t = s->transaction;
    struct error e = ERROR_INIT;
    if (t->open)
        return true;
    t->envelope.sender = t->sender;
    fill_client(s, &t->envelope);
    if (t->sink->open(s, &e)) {
        t->open = true;
        return true;
    }
    if (!view_is_empty(t->refusal)) {
        reply_error_about(s, NOTICE_RESOURCE, "%.*s", VIEW_FMT(t->refusal));
        t->refusal = VIEW_NONE;
        return false;
    }
    log_warning("%.*s: cannot open a queue file: %s", VIEW_FMT(s->facts.client_display),
                e.text);
    reply_error_about(s, NOTICE_RESOURCE, "451 %s Error: queue file write error",
                      e.status[0] ? e.status : "4.3.0");
    return false;
}

void transaction_add_effects(struct transaction *t, struct access_effect *effects)
{
    struct access_effect **end = &t->effects;
    while (*end)
        end = &(*end)->next;
    *end = effects;
}

bool transaction_open_early(struct session *s)
{
    return conf_bool(s->server->conf, P_smtpd_delay_open_until_valid_rcpt) ||
           s->server->sink != &queue_sink || open_sink(s);
}

bool transaction_recipient(struct session *s, struct view address, struct view orcpt,
                           unsigned notify, struct access_effect *effects)
{
    struct transaction *t = s->transaction;
    if (!open_sink(s))
        return false;
    if (!t->sink->recipient(s, address, orcpt, notify)) {
        reply_error_about(s, NOTICE_POLICY, "%.*s", VIEW_FMT(t->refusal));
        t->refusal = VIEW_NONE;
        return false;
    }
    if (t->recipients++ == 0)
        t->first_recipient = address;
    transaction_add_effects(t, effects);
    return true;
}

bool transaction_may_have_content(struct session *s)
{
    struct transaction *t = s->transaction;
    struct access_outcome outcome;
    if (s->server->standalone)
        return true;
    s->facts.recipients = t->recipients;
    if (t->recipients == 1)
        s->facts.recipient = t->first_recipient;
    access_evaluate(s->server->access, ACCESS_DATA, &s->facts, NULL, t->arena, &outcome);
    s->facts.recipient = VIEW_NONE;
    if (outcome.refused) {
        reply_refusal(s, &outcome);
        return false;
    }
    transaction_add_effects(t, outcome.effects);
    return milter_data(s);
}

void transaction_begin(struct session *s)
{
    s->transaction->sink->begin(s);
    s->facts.content_received = true;
}

void transaction_line(struct session *s, struct view text, bool more)
{
    struct transaction *t = s->transaction;
    uint64_t limit = (uint64_t)conf_int(s->server->conf, P_message_size_limit);
    t->size += text.n + (more ? 0 : 2);
    if (limit > 0 && t->size > limit)
        t->too_big = true;
    if (!t->too_big)
        t->sink->line(s, text, more);
}

/* End-of-data restrictions, with all that is known now. */
static bool end_is_acceptable(struct session *s)
{
    struct transaction *t = s->transaction;
    struct access_outcome outcome;
    s->facts.command = s->facts.where = "END-OF-MESSAGE";
    if (t->too_big) {
        log_warning("%.*s: queue file size limit exceeded",
                    VIEW_FMT(view_is_empty(s->facts.queue_id) ? VIEW("NOQUEUE")
                                                              : s->facts.queue_id));
        reply_error_about(s, NOTICE_BOUNCE, "552 5.3.4 Error: message file too big");
        return false;
    }
    if (s->server->standalone)
        return true;
    s->facts.recipients = t->recipients;
    s->facts.size = t->size;
    if (t->recipients == 1)
        s->facts.recipient = t->first_recipient;
    access_evaluate(s->server->access, ACCESS_END_OF_DATA, &s->facts, NULL, t->arena,
                    &outcome);
    s->facts.recipient = VIEW_NONE;
    transaction_add_effects(t, outcome.effects);
    if (outcome.refused)
        reply_refusal(s, &outcome);
    return !outcome.refused;
}

/* Which notice a failure of the sink belongs to. */
static unsigned notice_of(int code, const struct error *e)
{
    if (code == 552 || strcmp(e->status, "5.4.0") == 0)
        return NOTICE_BOUNCE;
    return code / 100 == 5 ? NOTICE_POLICY : NOTICE_RESOURCE;
}

/* Bring it into the queue, and answer. */
static bool commit(struct session *s, struct view ok_prefix)
{
    struct transaction *t = s->transaction;
    struct error e = ERROR_INIT;
    struct view id = arena_dup(t->arena, s->facts.queue_id);
    int code = t->sink->finish(s, &e);
    t->open = false;
    if (!view_is_empty(t->refusal) && code / 100 == 2) {
        s->errors = 0;
        s->junk = 0;
        reply(s, "%.*s", VIEW_FMT(t->refusal));
        return true;
    }
    if (!view_is_empty(t->refusal)) {
        reply_error_about(s, NOTICE_POLICY, "%.*s", VIEW_FMT(t->refusal));
        return false;
    }
    if (code / 100 != 2) {
        reply_error_about(s, notice_of(code, &e), "%d %s %s", code, e.status, e.text);
        return false;
    }
    s->errors = 0;
    s->junk = 0;
    s->reply_times = 0;
    if (t->lmtp)
        lmtp_reply(s);
    else if (view_is_empty(id))
        reply(s, "250 2.0.0 %.*s: queued", VIEW_FMT(ok_prefix));
    else
        reply(s, "250 2.0.0 %.*s%s queued as %.*s", VIEW_FMT(ok_prefix),
              view_eq(ok_prefix, VIEW("Ok")) ? ":" : "", VIEW_FMT(id));
    return true;
}

void transaction_answer_all(struct session *s)
{
    s->reply_times = s->server->direct ? s->transaction->recipients : 0;
}

bool transaction_finish(struct session *s, struct view ok_prefix)
{
    s->transaction->in_content = false;
    transaction_answer_all(s);
    bool good = end_is_acceptable(s) && commit(s, ok_prefix);
    transaction_end(s);
    transcript_flush(
        s, (unsigned)conf_int(s->server->conf, P_smtpd_history_flush_threshold), NULL);
    return good;
}
