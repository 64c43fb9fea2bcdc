/* starttls - encryption, by the command (RFC 3207) or from the first byte
 *
 * What the client said in clear counts for nothing afterwards: it greets anew, and
 * input that came before the handshake is thrown away unread, so that nobody on the
 * way can put words into its mouth.
 */
#include "base/log.h"
#include "limits.h"
#include "session.h"
#include "setup.h"
#include "transaction.h"

/* --- set-up --- */

/* smtpd_tls_security_level, or the older pair of switches. */
static enum smtpd_tls_level level_of(const struct conf *c)
{
    struct view word = view_trim_space(conf_view(c, P_smtpd_tls_security_level));
    enum tls_level level;
    if (conf_bool(c, P_smtpd_tls_wrappermode))
        return SMTPD_TLS_ENCRYPT;
    if (word.n == 0)
        return conf_bool(c, P_smtpd_enforce_tls) ? SMTPD_TLS_ENCRYPT
               : conf_bool(c, P_smtpd_use_tls)   ? SMTPD_TLS_MAY
                                                 : SMTPD_TLS_NONE;
    if (!tls_level_parse(word, &level))
        log_fatal("Invalid TLS level \"%.*s\"", VIEW_FMT(word));
    if (level == TLS_LEVEL_NONE)
        return SMTPD_TLS_NONE;
    if (level == TLS_LEVEL_MAY)
        return SMTPD_TLS_MAY;
    if (level != TLS_LEVEL_ENCRYPT)
        log_warning("smtpd_tls_security_level: unsupported TLS level \"%.*s\", using "
                    "\"encrypt\"",
                    VIEW_FMT(word));
    return SMTPD_TLS_ENCRYPT;
}

void smtpd_tls_setup(struct smtpd *d)
{
    const struct conf *c = d->conf;
    struct error e = ERROR_INIT;
    if (d->standalone) /* no right to read keys */
        return;
    d->tls_level = level_of(c);
    d->tls_wrapper = conf_bool(c, P_smtpd_tls_wrappermode);
    if (d->tls_level == SMTPD_TLS_NONE)
        return;
    d->require_certificate = conf_bool(c, P_smtpd_tls_req_ccert);
    if (d->require_certificate && d->tls_level != SMTPD_TLS_ENCRYPT) {
        log_warning("Can't require client certs unless TLS is required");
        d->require_certificate = false;
    }
    d->ask_certificate = d->require_certificate || conf_bool(c, P_smtpd_tls_ask_ccert);
    d->tls_loglevels = maps_open(c, conf_view(c, P_smtpd_tls_loglevel_maps), TABLE_FOLD);
    d->tls = tls_server_new(c, &e);
    if (!d->tls)
        log_warning("%s", e.text);
    tls_tickets_share(c);
}

void smtpd_tls_free(struct smtpd *d)
{
    tls_server_free(d->tls);
    if (d->tls_loglevels)
        maps_close(d->tls_loglevels);
}

/* --- a session --- */

/* Policy sees what is known of the encryption. */
static void tell_policy(struct session *s)
{
    struct access_subject *f = &s->facts;
    const struct tls_facts *t = &s->tls;
    f->tls = true;
    f->tls_protocol = t->protocol;
    f->tls_cipher = t->cipher;
    f->tls_keysize = (unsigned)t->bits;
    f->tls_sni = t->server_name;
    f->ccert_trusted = t->peer >= TLS_PEER_TRUSTED;
    f->ccert_fingerprint = t->fingerprint;
    f->ccert_pubkey_fingerprint = t->key_fingerprint;
    if (f->ccert_trusted) { /* names that nobody vouches for say nothing */
        f->ccert_subject = t->subject;
        f->ccert_issuer = t->issuer;
    }
}

/* RFC 3207 4.2: the session begins anew. */
static void forget_the_past(struct session *s)
{
    transaction_end(s);
    s->facts.helo_name = VIEW_NONE;
    s->facts.protocol = VIEW("SMTP");
    s->facts.pipelined = false;
    session_forget_login(s);
    s->esmtp = false;
    s->ehlo_hidden = 0;
}

/* smtpd_tls_req_ccert: the next command gets this for an answer. */
static void check_certificate(struct session *s)
{
    if (!s->server->require_certificate || s->tls.peer >= TLS_PEER_TRUSTED)
        return;
    s->certificate_refusal = s->tls.peer == TLS_PEER_ANONYMOUS
                                 ? "No client certificate presented"
                                 : "Client certificate not trusted";
    log_info("NOQUEUE: abort: TLS from %.*s: %s", VIEW_FMT(s->facts.client_display),
             s->certificate_refusal);
}

bool session_start_tls(struct session *s)
{
    struct smtpd *d = s->server;
    const struct conf *c = d->conf;
    struct tls_accept how = {
        .peer = s->facts.client_display,
        .service = VIEW("smtpd"),
        .ask_certificate = d->ask_certificate,
        .mandatory = d->tls_level == SMTPD_TLS_ENCRYPT,
        .loglevel = tls_loglevel(c, &tls_role_server, d->tls_loglevels,
                                 s->facts.client_name, s->facts.client_address)};
    stream_drop_input(s->stream);
    stream_set_timeout(s->stream, conf_time(c, P_smtpd_starttls_timeout));
    if (!tls_accept(d->tls, s->stream, &how, s->arena, &s->tls)) {
        s->tls = (struct tls_facts){.asked = false};
        return false;
    }
    stream_set_timeout(s->stream, conf_time(c, P_smtpd_timeout));
    forget_the_past(s);
    tell_policy(s);
    check_certificate(s);
    if (!s->tls.resumed && !limits_allow_new_tls(s))
        s->closing = true;
    return true;
}

static bool is_offered(const struct session *s)
{
    return s->server->tls_level != SMTPD_TLS_NONE && !(s->ehlo_hidden & EHLO_STARTTLS);
}

bool session_offers_tls(const struct session *s)
{
    return is_offered(s) && !tls_is_on(&s->tls);
}

bool verb_starttls(struct session *s, const struct command *c)
{
    if (!view_is_empty(c->args)) {
        reply_error(s, "501 5.5.4 Syntax: STARTTLS");
        return false;
    }
    if (tls_is_on(&s->tls)) {
        reply_error(s, "554 5.5.1 Error: TLS already active");
        return false;
    }
    if (!is_offered(s)) {
        reply_error(s, "502 5.5.1 Error: command not implemented");
        return false;
    }
    if (!s->server->tls) {
        reply_error_about(s, NOTICE_RESOURCE,
                          "454 4.7.0 TLS not available due to local problem");
        return false;
    }
    if (!limits_allow_starttls(s))
        return false;
    reply(s, "220 2.0.0 Ready to start TLS");
    enum stream_result sent = stream_flush(s->stream);
    if (sent == STREAM_OK && session_start_tls(s))
        return true;
    if (sent == STREAM_OK)
        sent = STREAM_EOF;
    connection_failed(s, sent);
    return false;
}
