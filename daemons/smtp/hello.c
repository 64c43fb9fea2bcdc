/* hello - the greeting, and EHLO, HELO or LHLO (RFC 5321 3.1, 3.2; RFC 2033)
 */
#include "client.h"

#include "base/log.h"

/* Text of E: "host x refused to talk to me: 554 ...". */
static enum hello refused(struct connection *k, struct error *e)
{
    struct str said = STR_INIT(2048);
    (void)smtp_reply_join(str_view(&k->reply.text), &said);
    char class = smtp_reply_class(&k->reply) == 5 ? '5' : '4';
    char status[12] = "";
    (void)snprintf(status, sizeof status, "%s",
                   k->reply.status[0] ? k->reply.status
                   : class == '5'     ? "5.0.0"
                                      : "4.0.0");
    error_set(e, status, "host %.*s refused to talk to me: %s", VIEW_FMT(k->display),
              str_cstr(&said));
    str_done(&said);
    return HELLO_REFUSED;
}

static bool is_own_name(const struct job *j, struct view name)
{
    return view_eq_case(name, conf_view(j->client->conf, P_myhostname));
}

/* The peer has our own name: with the best MX that is a loop. */
static enum hello loops_back(struct job *j, struct connection *k, struct error *e)
{
    log_warning("host %.*s greeted me with my own hostname %.*s", VIEW_FMT(k->display),
                VIEW_FMT(conf_view(j->client->conf, P_myhostname)));
    if (!k->is_best || j->client->lmtp)
        return HELLO_OK;
    error_set(e, "5.4.6", "mail for %.*s loops back to myself",
              VIEW_FMT(j->delivery->nexthop));
    return HELLO_REFUSED;
}

/* The second word of "220 name ESMTP". */
static struct view greeting_name(const struct connection *k)
{
    struct view rest = view_from(str_view(&k->reply.text), 4), name = VIEW_NONE;
    (void)view_token(&rest, VIEW(" \t\n"), &name);
    return name;
}

static unsigned discarded_keywords(struct job *j, struct connection *k)
{
    struct client *c = j->client;
    struct view list;
    struct error e = ERROR_INIT;
    char text[NET_ADDRESS_TEXT];
    if (maps_is_empty(c->discard_by_address))
        return c->discard;
    struct view address = view_of(net_address_text(&k->address, text));
    switch (maps_get(c->discard_by_address, address, k->arena, &list, &e)) {
    case TABLE_FOUND:
        return ehlo_discard_parse(list, NULL);
    case TABLE_ERROR:
        log_warning("%s", e.text);
        return ~0u;
    case TABLE_NOT_FOUND:
    default:
        return c->discard;
    }
}

static void take_features(struct job *j, struct connection *k)
{
    struct view text = arena_dup(k->arena, str_view(&k->reply.text));
    ehlo_reply_parse(text, &k->features);
    k->features.keywords &= ~discarded_keywords(j, k);
}

static bool say(struct job *j, struct connection *k, const char *verb, const char *doing,
                struct error *e)
{
    const struct conf *c = j->client->conf;
    connection_send(
        k, "%s %.*s", verb,
        VIEW_FMT(conf_view(c, j->client->lmtp ? P_lmtp_lhlo_name : P_smtp_helo_name)));
    int64_t limit =
        conf_time(c, j->client->lmtp ? P_lmtp_lhlo_timeout : P_smtp_helo_timeout);
    return connection_read(k, limit, doing, e);
}

static enum hello introduce(struct job *j, struct connection *k, bool try_esmtp,
                            struct error *e)
{
    if (j->client->lmtp) {
        if (!say(j, k, "LHLO", "performing the LHLO handshake", e))
            return HELLO_LOST;
        if (smtp_reply_class(&k->reply) != 2)
            return refused(k, e);
        take_features(j, k);
        return HELLO_OK;
    }
    if (try_esmtp) {
        if (!say(j, k, "EHLO", "performing the EHLO handshake", e))
            return HELLO_LOST;
        if (smtp_reply_class(&k->reply) == 2) {
            take_features(j, k);
            return is_own_name(j, k->features.name) ? loops_back(j, k, e) : HELLO_OK;
        }
        if (k->broken)
            return refused(k, e);
    }
    if (!say(j, k, "HELO", "performing the HELO handshake", e))
        return HELLO_LOST;
    return smtp_reply_class(&k->reply) == 2 ? HELLO_OK : refused(k, e);
}

enum hello hello_exchange(struct job *j, struct connection *k, struct error *e)
{
    const struct conf *c = j->client->conf;
    int64_t limit =
        conf_time(c, j->client->lmtp ? P_lmtp_lhlo_timeout : P_smtp_helo_timeout);
    if (!connection_read(k, limit, "receiving the initial server greeting", e))
        return HELLO_LOST;
    if (smtp_reply_class(&k->reply) != 2)
        return refused(k, e);
    if (!j->client->lmtp && is_own_name(j, greeting_name(k))) {
        enum hello verdict = loops_back(j, k, e);
        if (verdict != HELLO_OK)
            return verdict;
    }
    bool offers = view_find_view(str_view(&k->reply.text), VIEW("ESMTP")) != VIEW_NPOS;
    bool try_esmtp = !conf_bool(c, P_smtp_never_send_ehlo) &&
                     (offers || conf_bool(c, P_smtp_always_send_ehlo));
    return introduce(j, k, try_esmtp, e);
}
