/* queue_sink - the way of a message through cleanup into the queue
 */
#include "base/log.h"
#include "transaction.h"

/* Is the client one of those whose header addresses we complete
 * (local_header_rewrite_clients)? */
static bool is_local_client(struct session *s)
{
    struct view rest = conf_view(s->server->conf, P_local_header_rewrite_clients), word;
    struct error e = ERROR_INIT;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq(word, VIEW("permit_mynetworks")) &&
            access_client_is_trusted(s->server->access, &s->facts))
            return true;
        if (view_eq(word, VIEW("permit_inet_interfaces")) &&
            access_client_is_own(s->server->access, &s->facts))
            return true;
        if (view_eq(word, VIEW("permit_sasl_authenticated")) &&
            !view_is_empty(s->facts.sasl_username))
            return true;
    }
    return s->server->local_rewrite_clients &&
           match_client(s->server->local_rewrite_clients, s->facts.client_name,
                        s->facts.client_address, &e) == MATCH_YES;
}

bool session_is_local(struct session *s)
{
    return s->forwarded.is_set && !view_is_empty(s->forwarded.source)
               ? view_eq_case(s->forwarded.source, VIEW("LOCAL"))
               : is_local_client(s);
}

static bool has_option(const struct session *s, const char *option)
{
    struct view rest = conf_view(s->server->conf, P_receive_override_options), word;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq(word, view_of(option)))
            return true;
    }
    return false;
}

static unsigned cleanup_flags(const struct session *s)
{
    unsigned flags =
        CLEANUP_EXTERNAL | CLEANUP_SMTP | cleanup_auto_utf8(s->server->conf, "smtpd");
    if (has_option(s, "no_header_body_checks"))
        flags &= ~(unsigned)CLEANUP_FILTER;
    if (has_option(s, "no_address_mappings") || s->server->direct)
        flags &= ~(unsigned)(CLEANUP_BCC | CLEANUP_MAP);
    return flags;
}

bool queue_begin_draft(struct session *s, struct draft *draft)
{
    struct transaction *t = s->transaction;
    t->draft = draft;
    s->facts.queue_id = arena_dup(t->arena, queue_id_view(draft_id(t->draft)));
    bool local = session_is_local(s);
    t->envelope.rewrite_context = local ? VIEW("local") : VIEW("remote");
    t->envelope.content_filter = conf_view(s->server->conf, P_content_filter);
    transaction_log_client(s);
    t->cleanup = cleanup_open(s->server->cleanup, t->draft, &t->envelope,
                              cleanup_flags(s) | (local ? CLEANUP_ADD_MISSING : 0));
    cleanup_set_milters(t->cleanup, s->milters, &t->milter_reply);
    cleanup_sender(t->cleanup, t->sender);
    return true;
}

static bool queue_open(struct session *s, struct error *e)
{
    struct draft *draft = draft_open(s->server->queue, e);
    return draft && queue_begin_draft(s, draft);
}

bool queue_recipient(struct session *s, struct view address, struct view orcpt,
                     unsigned notify)
{
    cleanup_recipient(s->transaction->cleanup, address, VIEW_NONE, orcpt, notify);
    return true;
}

/* What access tables asked to be done with the message. */
static void apply_effects(struct transaction *t)
{
    for (const struct access_effect *e = t->effects; e; e = e->next) {
        switch (e->kind) {
        case ACCESS_FILTER:
            cleanup_set_filter(t->cleanup, e->value);
            break;
        case ACCESS_REDIRECT:
            cleanup_set_redirect(t->cleanup, e->value);
            break;
        case ACCESS_HOLD:
            cleanup_set_hold(t->cleanup, e->value);
            break;
        case ACCESS_DISCARD:
            cleanup_set_discard(t->cleanup);
            break;
        case ACCESS_BCC:
            cleanup_recipient(t->cleanup, e->value, VIEW_NONE, VIEW_NONE, NOTIFY_NEVER);
            break;
        case ACCESS_PREPEND:
        default:
            break;
        }
    }
}

void queue_begin(struct session *s)
{
    struct transaction *t = s->transaction;
    for (const struct access_effect *e = t->effects; e; e = e->next) {
        if (e->kind == ACCESS_PREPEND)
            cleanup_prepend_header(t->cleanup, e->value);
    }
    apply_effects(t);
    t->effects = NULL;
    received_emit(s, draft_id(t->draft)->text);
    if (view_is_empty(s->facts.helo_name) &&
        conf_bool(s->server->conf, P_smtpd_missing_helo_header))
        cleanup_line(t->cleanup,
                     arena_printf(t->arena,
                                  "X-Authentication-Warning: %.*s: %.*s didn't use "
                                  "HELO protocol",
                                  VIEW_FMT(conf_view(s->server->conf, P_myhostname)),
                                  VIEW_FMT(s->facts.client_display)));
    cleanup_content_begin(t->cleanup);
}

void queue_line(struct session *s, struct view text, bool more)
{
    struct transaction *t = s->transaction;
    if (cleanup_is_doomed(t->cleanup))
        return;
    if (more || t->in_piece)
        cleanup_line_piece(t->cleanup, text, more);
    else
        cleanup_line(t->cleanup, text);
    t->in_piece = more;
}

int queue_finish(struct session *s, struct error *e)
{
    struct transaction *t = s->transaction;
    apply_effects(t); /* those of the end-of-data stage */
    struct cleanup *cleanup = t->cleanup;
    t->cleanup = NULL;
    t->draft = NULL;
    switch (cleanup_finish(cleanup, NULL, e)) {
    case CLEANUP_QUEUED:
    case CLEANUP_DISCARDED:
        return 250;
    case CLEANUP_REJECTED:
    case CLEANUP_DEFERRED:
    default:
        t->refusal = arena_dup(t->arena, str_view(&t->milter_reply));
        if (e->status[0] == '\0')
            error_set(e, "4.3.0", "Error: queue file write error");
        return cleanup_reply_code(e);
    }
}

void queue_abort(struct session *s)
{
    struct transaction *t = s->transaction;
    if (t->cleanup)
        cleanup_abort(t->cleanup);
    t->cleanup = NULL;
    t->draft = NULL;
}

const struct sink queue_sink = {
    .open = queue_open,
    .recipient = queue_recipient,
    .begin = queue_begin,
    .line = queue_line,
    .finish = queue_finish,
    .abort = queue_abort,
};
