/* hello - the greeting, EHLO, HELO or LHLO, encryption and login (RFC 5321 3.1, 3.2; RFC
 * 2033)
 */
#include "client.h"

#include "base/log.h"
#include "table/match.h"

/* *E: "host x refused to talk to me: 554 ...".  SKIP: a hard refusal is no more than a
 * reason to try the next host. */
static enum hello refused(struct connection *k, bool skip, struct error *e)
{
    struct str said = STR_INIT(SMTP_REPLY_TEXT_MAX);
    (void)smtp_reply_join(str_view(&k->reply.text), &said);
    int class = smtp_reply_class(&k->reply);
    char status[12];
    if (class == 5 && !skip)
        (void)snprintf(status, sizeof status, "%s",
                       k->reply.status[0] == '5' ? k->reply.status : "5.0.0");
    else
        (void)snprintf(status, sizeof status, "4%s",
                       k->reply.status[0] ? k->reply.status + 1 : ".0.0");
    error_set(e, status, "host %.*s refused to talk to me: %s", VIEW_FMT(k->display),
              str_cstr(&said));
    str_done(&said);
    return HELLO_REFUSED;
}

static bool is_own_name(const struct job *j, struct view name)
{
    return view_eq_case(name, conf_view(j->client->conf, P_myhostname));
}

/* The greeting: "220 name ESMTP ...". */
static bool read_greeting(struct job *j, struct connection *k)
{
    struct view rest = view_from(str_view(&k->reply.text), 4), word;
    bool esmtp = false;
    for (unsigned i = 0; view_token(&rest, VIEW(" \t\n"), &word); i++) {
        if (i == 0 && j->may_loop && is_own_name(j, word))
            log_warning("host %.*s greeted me with my own hostname %.*s",
                        VIEW_FMT(k->relay),
                        VIEW_FMT(conf_view(j->client->conf, P_myhostname)));
        else if (view_eq_case(word, VIEW("ESMTP")))
            esmtp = true;
    }
    return esmtp;
}

static unsigned discarded_keywords(struct job *j, struct connection *k)
{
    struct client *c = j->client;
    struct view list = VIEW_NONE;
    struct error e = ERROR_INIT;
    char text[NET_ADDRESS_TEXT];
    if (maps_is_empty(c->discard_by_address))
        return c->discard;
    struct view address = view_of(net_address_text(&k->address, text));
    switch (maps_get(c->discard_by_address, address, k->arena, &list, &e)) {
    case TABLE_FOUND:
        return ehlo_discard_parse(list, NULL);
    case TABLE_ERROR:
        log_warning("%s: %s map lookup error for %.*s", k->queue_id,
                    c->lmtp ? "lmtp_discard_lhlo_keyword_address_maps"
                            : "smtp_discard_ehlo_keyword_address_maps",
                    VIEW_FMT(address));
        return ~0u;
    case TABLE_NOT_FOUND:
    default:
        return c->discard;
    }
}

/* The keywords of the reply, less those that we are not to see. */
static void take_features(struct job *j, struct connection *k)
{
    struct view text = arena_dup(k->arena, str_view(&k->reply.text));
    ehlo_reply_parse(text, &k->features);
    unsigned hidden = discarded_keywords(j, k);
    unsigned found = k->features.keywords & hidden;
    k->features.keywords &= ~hidden;
    if (!found || hidden & EHLO_SILENT_DISCARD)
        return;
    struct str names = STR_INIT(512);
    for (unsigned bit = 1; bit && bit < EHLO_SILENT_DISCARD; bit <<= 1)
        if (found & bit)
            str_addf(&names, " %s", ehlo_keyword_name(bit));
    log_info("%s: discarding EHLO keywords:%s", k->queue_id, str_cstr(&names));
    str_done(&names);
}

static bool say(struct job *j, struct connection *k, const char *verb, const char *doing,
                struct error *e)
{
    const struct conf *c = j->client->conf;
    bool lmtp = j->client->lmtp;
    connection_send(k, "%s %.*s", verb,
                    VIEW_FMT(conf_view(c, lmtp ? P_lmtp_lhlo_name : P_smtp_helo_name)));
    return connection_read(
        k, conf_time(c, lmtp ? P_lmtp_lhlo_timeout : P_smtp_helo_timeout), doing, e);
}

/* The peer calls itself what we are called: with the best MX that is a loop, a lesser one
 * may have learned better by the next time. */
static enum hello check_loop(struct job *j, struct connection *k, struct view name,
                             struct error *e)
{
    if (!j->may_loop || !is_own_name(j, name))
        return HELLO_OK;
    log_warning("host %.*s replied to HELO/EHLO with my own hostname %.*s",
                VIEW_FMT(k->relay), VIEW_FMT(conf_view(j->client->conf, P_myhostname)));
    error_set(e, k->is_best ? "5.4.6" : "4.4.6", "mail for %.*s loops back to myself",
              VIEW_FMT(j->delivery->nexthop));
    return HELLO_REFUSED;
}

static enum hello introduce_lmtp(struct job *j, struct connection *k, struct error *e)
{
    if (!say(j, k, "LHLO", "performing the LHLO handshake", e))
        return HELLO_LOST;
    if (smtp_reply_class(&k->reply) != 2)
        return refused(k, false, e);
    take_features(j, k);
    return HELLO_OK;
}

static enum hello introduce(struct job *j, struct connection *k, bool try_esmtp,
                            struct error *e)
{
    if (try_esmtp) {
        if (!say(j, k, "EHLO", "performing the EHLO handshake", e))
            return HELLO_LOST;
        if (smtp_reply_class(&k->reply) == 2) {
            take_features(j, k);
            return check_loop(j, k, k->features.name, e);
        }
        if (k->broken)
            return refused(k, false, e);
    }
    if (!say(j, k, "HELO", "performing the HELO handshake", e))
        return HELLO_LOST;
    if (smtp_reply_class(&k->reply) != 2)
        return refused(k, false, e);
    struct view rest = view_from(str_view(&k->reply.text), 4), name = VIEW_NONE;
    (void)view_token(&rest, VIEW(" \t\n"), &name);
    return check_loop(j, k, name, e);
}

/* Greet, encrypt, and greet again: what was announced in clear does not count. */
static enum hello introduce_safely(struct job *j, struct connection *k, bool try_esmtp,
                                   struct error *e)
{
    bool lmtp = j->client->lmtp, was_on = tls_is_on(&k->tls);
    enum hello said = lmtp ? introduce_lmtp(j, k, e) : introduce(j, k, try_esmtp, e);
    if (said == HELLO_OK)
        said = starttls_run(k, e);
    if (said != HELLO_OK || tls_is_on(&k->tls) == was_on)
        return said;
    said = lmtp ? introduce_lmtp(j, k, e) : introduce(j, k, true, e);
    if (said == HELLO_OK && stream_has_input(k->stream) &&
        conf_bool(j->client->conf, PARAMETER(j->client, tls_block_early_mail_reply))) {
        error_set(e, "4.7.0", "unexpected server message"); /* CVE-2009-3555 */
        k->broken = true;
        return HELLO_REFUSED;
    }
    return said;
}

enum hello hello_exchange(struct job *j, struct connection *k, struct error *e)
{
    const struct conf *c = j->client->conf;
    bool lmtp = j->client->lmtp;
    int64_t limit = conf_time(c, lmtp ? P_lmtp_lhlo_timeout : P_smtp_helo_timeout);
    if (conf_bool(c, PARAMETER(j->client, tls_wrappermode))) {
        enum hello wrapped = starttls_wrap(k, e);
        if (wrapped != HELLO_OK)
            return wrapped;
    }
    if (!connection_read(k, limit, "receiving the initial server greeting", e))
        return HELLO_LOST;
    if (smtp_reply_class(&k->reply) != 2)
        return refused(k, conf_bool(c, PARAMETER(j->client, skip_5xx_greeting)), e);
    bool esmtp = read_greeting(j, k);
    bool try_esmtp = !conf_bool(c, P_smtp_never_send_ehlo) &&
                     (esmtp || conf_bool(c, P_smtp_always_send_ehlo));
    enum hello said = introduce_safely(j, k, try_esmtp, e);
    return said == HELLO_OK ? auth_run(j, k, e) : said;
}
