/* proxy_sink - mail goes through a filter before we say that we have it
 *
 * smtpd_proxy_filter: each command is put to the filter as it comes, and its answer is
 * ours.  With "speed_adjust" in smtpd_proxy_options the message is first received whole,
 * so that a slow client does not keep the filter busy.  SMTPD_PROXY_README.
 */
#include "proxy_filter.h"

#include "base/log.h"
#include "base/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#define PENDING_MAX ((size_t)64 << 20) /* bytes of RCPT commands */
#define REPLAY_MAX  65536

static bool wants_speed_adjust(const struct conf *c)
{
    struct view rest = conf_view(c, P_smtpd_proxy_options), word;
    while (conf_list_next(&rest, &word)) {
        if (view_eq_case(word, VIEW("speed_adjust")))
            return true;
        log_warning("unknown smtpd_proxy_options value \"%.*s\"", VIEW_FMT(word));
    }
    return false;
}

static void free_proxy(struct session *s)
{
    struct proxy *p = s->transaction->proxy;
    if (!p)
        return;
    proxy_close(p);
    if (p->spool >= 0)
        (void)close(p->spool);
    str_done(&p->pending);
    str_done(&p->line);
    smtp_reply_done(&p->reply);
    memory_free(p);
    s->transaction->proxy = NULL;
}

static bool proxy_open(struct session *s, struct error *e)
{
    struct transaction *t = s->transaction;
    struct proxy *p = NEW(struct proxy);
    p->conf = s->server->conf;
    p->spool = -1;
    p->speed_adjust = wants_speed_adjust(p->conf);
    str_init(&p->line, 4096);
    str_init(&p->pending, PENDING_MAX);
    smtp_reply_init(&p->reply);
    dot_writer_init(&p->dot, true, 0);
    t->proxy = p;
    if (p->speed_adjust) {
        p->spool = memfd_create("speed_adjust", MFD_CLOEXEC);
        if (p->spool < 0) {
            error_set_errno(e, "4.3.0", "memory for a message");
            free_proxy(s);
            return false;
        }
    } else if (!proxy_connect(s, p)) {
        t->refusal = arena_dup(t->arena, str_view(&p->line));
        free_proxy(s);
        return false;
    }
    transaction_log_client(s);
    return true;
}

/* Put the client's RCPT to the filter. */
static bool proxy_recipient(struct session *s, struct view address, struct view orcpt,
                            unsigned notify)
{
    struct transaction *t = s->transaction;
    struct proxy *p = t->proxy;
    (void)address;
    (void)orcpt;
    (void)notify;
    if (p->speed_adjust) {
        str_addf(&p->pending, "RCPT %.*s\n", VIEW_FMT(t->rcpt_arguments));
        if (p->pending.overflow)
            t->refusal = VIEW("452 4.5.3 Error: too many recipients");
        return !p->pending.overflow;
    }
    struct view command =
        arena_printf(t->arena, "RCPT %.*s", VIEW_FMT(t->rcpt_arguments));
    if (proxy_ask(p, '2', command))
        return true;
    t->refusal = arena_dup(t->arena, str_view(&p->line));
    return false;
}

static void emit(struct proxy *p, struct view text)
{
    if (!p->speed_adjust) {
        proxy_content(p, text);
        return;
    }
    while (text.n > 0 && !p->failed) {
        ssize_t n = write(p->spool, text.p, text.n);
        if (n <= 0) {
            log_warning("proxy speed-adjust log I/O error");
            p->failed = true;
            (void)str_set(&p->line, VIEW("451 4.3.0 Error: queue file write error"));
            return;
        }
        text = view_from(text, (size_t)n);
    }
}

static void proxy_begin(struct session *s)
{
    struct transaction *t = s->transaction;
    struct proxy *p = t->proxy;
    if (!p->speed_adjust)
        (void)proxy_ask(p, '3', VIEW("DATA"));
    for (const struct access_effect *x = t->effects; x; x = x->next) {
        if (x->kind != ACCESS_PREPEND)
            continue;
        emit(p, x->value);
        emit(p, VIEW("\n"));
    }
    received_emit(s, NULL);
}

static void proxy_line(struct session *s, struct view text, bool more)
{
    struct proxy *p = s->transaction->proxy;
    emit(p, text);
    if (!more)
        emit(p, VIEW("\n"));
}

/* speed_adjust: the whole message is here. */
static bool replay(struct session *s, struct proxy *p)
{
    struct view rest = str_view(&p->pending), command;
    if (p->failed || !proxy_connect(s, p))
        return false;
    while (view_token(&rest, VIEW("\n"), &command)) {
        if (!proxy_ask(p, '2', command))
            return false;
    }
    if (!proxy_ask(p, '3', VIEW("DATA")))
        return false;
    char *buffer = memory_alloc(REPLAY_MAX);
    ssize_t n;
    for (off_t at = 0; (n = pread(p->spool, buffer, REPLAY_MAX, at)) > 0; at += n)
        proxy_content(p, (struct view){buffer, (size_t)n});
    memory_free(buffer);
    return true;
}

/* "proxy-accept: END-OF-MESSAGE: 250 ...; from=<..> to=<..> proto=.. helo=<..>". */
static void log_verdict(const struct session *s, bool good, struct view reply)
{
    const struct transaction *t = s->transaction;
    struct access_subject facts = s->facts;
    facts.recipient = t->first_recipient;
    access_log_proxy(&facts, good ? "proxy-accept" : "proxy-reject", reply);
}

static int proxy_finish(struct session *s, struct error *e)
{
    struct transaction *t = s->transaction;
    struct proxy *p = t->proxy;
    bool good = (!p->speed_adjust || replay(s, p)) && proxy_end(p);
    t->refusal = arena_dup(t->arena, str_view(&p->line));
    log_verdict(s, good, t->refusal);
    free_proxy(s);
    (void)e;
    return good ? 250 : 451;
}

const struct sink proxy_sink = {
    .open = proxy_open,
    .recipient = proxy_recipient,
    .begin = proxy_begin,
    .line = proxy_line,
    .finish = proxy_finish,
    .abort = free_proxy,
};
