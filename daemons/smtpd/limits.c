/* limits - how many sessions a client may have, and how often it may do what
 *
 * The anvil program counts for all processes (smtpd_client_connection_count_limit and its
 * kin); a session that is counted holds a connection to it.  Clients of
 * smtpd_client_event_limit_exceptions are not counted.
 */
#include "limits.h"

#include "access/anvil.h"
#include "base/log.h"

static bool is_over(uint64_t value, const struct session *s, enum parameter limit)
{
    int64_t most = conf_int(s->server->conf, limit);
    return most > 0 && value > (uint64_t)most;
}

static bool refuse_client(struct session *s, const char *what, uint64_t value,
                          const char *text)
{
    reply_error_about(s, NOTICE_POLICY, "421 4.7.0 %.*s Error: %s from %.*s",
                      VIEW_FMT(conf_view(s->server->conf, P_myhostname)), text,
                      VIEW_FMT(s->facts.client_address));
    log_warning("Connection %s limit exceeded: %llu from %.*s for service %s", what,
                (unsigned long long)value, VIEW_FMT(s->facts.client_display),
                s->server->service_name);
    return false;
}

void limits_register(struct session *s)
{
    const struct smtpd *d = s->server;
    struct error e = ERROR_INIT;
    if (d->standalone || s->may_xclient || !d->limit_exceptions ||
        match_client(d->limit_exceptions, s->facts.client_name, s->facts.client_address,
                     &e) == MATCH_YES)
        return;
    struct view client =
        anvil_client(s->arena, s->facts.client_address,
                     (unsigned)conf_int(d->conf, P_smtpd_client_ipv4_prefix_length),
                     (unsigned)conf_int(d->conf, P_smtpd_client_ipv6_prefix_length));
    s->anvil =
        anvil_connect(d->conf, view_of(d->service_name), client, &s->anvil_connected);
}

bool limits_begin(struct session *s)
{
    const struct anvil_counts *counts = &s->anvil_connected;
    if (!s->anvil)
        return true;
    if (is_over(counts->count, s, P_smtpd_client_connection_count_limit))
        return refuse_client(s, "concurrency", counts->count, "too many connections");
    if (is_over(counts->rate, s, P_smtpd_client_connection_rate_limit))
        return refuse_client(s, "rate", counts->rate, "too many connections");
    return true;
}

void limits_end(struct session *s)
{
    if (s->anvil)
        ipc_close(s->anvil);
    if (s->user_anvil)
        ipc_close(s->user_anvil);
    s->anvil = s->user_anvil = NULL;
}

bool limits_allow(struct session *s, enum anvil_event event)
{
    static const struct {
        enum parameter limit;
        const char *code, *reply, *what;
    } events[ANVIL_EVENTS] = {
        [ANVIL_MESSAGE] = {P_smtpd_client_message_rate_limit, "450 4.7.1",
                           "too much mail", "Message delivery request"},
        [ANVIL_RECIPIENT] = {P_smtpd_client_recipient_rate_limit, "450 4.7.1",
                             "too many recipients", "Recipient address"},
        [ANVIL_AUTH] = {P_smtpd_client_auth_rate_limit, "450 4.7.1",
                        "too many AUTH commands", "AUTH command"},
    };
    struct anvil_counts counts;
    if (!s->anvil || conf_int(s->server->conf, events[event].limit) == 0 ||
        !anvil_count(s->anvil, event, &counts) ||
        !is_over(counts.rate, s, events[event].limit))
        return true;
    reply_error_about(s, NOTICE_POLICY, "%s Error: %s from %.*s", events[event].code,
                      events[event].reply, VIEW_FMT(s->facts.client_address));
    log_warning("%s rate limit exceeded: %llu from %.*s for service %s",
                events[event].what, (unsigned long long)counts.rate,
                VIEW_FMT(s->facts.client_display), s->server->service_name);
    return false;
}

static bool has_too_many_handshakes(struct session *s, enum anvil_event event,
                                    struct anvil_counts *counts)
{
    return s->anvil &&
           conf_int(s->server->conf, P_smtpd_client_new_tls_session_rate_limit) > 0 &&
           anvil_count(s->anvil, event, counts) &&
           is_over(counts->rate, s, P_smtpd_client_new_tls_session_rate_limit);
}

bool limits_allow_starttls(struct session *s)
{
    struct anvil_counts counts;
    if (!has_too_many_handshakes(s, ANVIL_NEW_TLS_REPORT, &counts))
        return true;
    reply_error_about(s, NOTICE_POLICY,
                      "454 4.7.0 Error: too many new TLS sessions from %.*s",
                      VIEW_FMT(s->facts.client_display));
    return false;
}

bool limits_allow_new_tls(struct session *s)
{
    struct anvil_counts counts;
    if (!has_too_many_handshakes(s, ANVIL_NEW_TLS, &counts))
        return true;
    reply_error_about(s, NOTICE_POLICY,
                      "421 4.7.0 %.*s Error: too many new TLS sessions from %.*s",
                      VIEW_FMT(conf_view(s->server->conf, P_myhostname)),
                      VIEW_FMT(s->facts.client_display));
    log_warning("New TLS session rate limit exceeded: %llu from %.*s for service %s",
                (unsigned long long)counts.rate, VIEW_FMT(s->facts.client_display),
                s->server->service_name);
    return false;
}
