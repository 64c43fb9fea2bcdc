/* dialogue - greet one server, encrypt, say goodbye
 */
#include "finger.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/dial.h"
#include "smtp/ehlo.h"
#include "smtp/reply.h"

#define LINE_MAX_BYTES 2048

/* A conversation under way. */
struct talk {
    struct finger *finger;
    struct stream *stream;
    struct smtp_reply reply;
    struct view peer, name; /* "host[address]:port", the host */
    struct view helo;       /* what the server calls itself */
};

static bool failed(const struct talk *t, enum stream_result r, const char *doing)
{
    log_info("%s while %s", stream_strerror(t->stream, r), doing);
    return false;
}

/* Read one reply; false when the connection is lost or it is no reply. */
static bool hear(struct talk *t, const char *doing)
{
    struct view line;
    int ending;
    smtp_reply_clear(&t->reply);
    for (;;) {
        enum stream_result r =
            stream_read_line(t->stream, LINE_MAX_BYTES, &line, &ending);
        if (r != STREAM_OK)
            return failed(t, r, doing);
        if (!t->finger->quiet)
            log_info("< %.*s", VIEW_FMT(line));
        switch (smtp_reply_line(&t->reply, line)) {
        case SMTP_REPLY_DONE:
            return true;
        case SMTP_REPLY_TOO_LONG:
            log_info("endless reply while %s", doing);
            return false;
        case SMTP_REPLY_MORE:
            break;
        }
    }
}

static bool say(struct talk *t, const char *line, const char *doing)
{
    if (!t->finger->quiet)
        log_info("> %s", line);
    stream_printf(t->stream, "%s\r\n", line);
    return hear(t, doing);
}

static bool is_good(const struct talk *t, const char *what)
{
    if (smtp_reply_class(&t->reply) == 2)
        return true;
    log_info("%s rejected: %d", what, t->reply.code);
    return false;
}

/* EHLO or LHLO; *KEYWORDS gets what is offered. */
static bool introduce(struct talk *t, unsigned *keywords)
{
    struct ehlo_reply features;
    struct finger *f = t->finger;
    const char *line =
        arena_cstr(f->arena, arena_printf(f->arena, "%s %s", f->lmtp ? "LHLO" : "EHLO",
                                          conf_cstr(f->conf, P_myhostname)));
    *keywords = 0;
    if (!say(t, line, "sending EHLO") || !is_good(t, f->lmtp ? "LHLO" : "EHLO"))
        return false;
    ehlo_reply_parse(arena_dup(f->arena, str_view(&t->reply.text)), &features);
    *keywords = features.keywords;
    t->helo = features.name;
    return true;
}

static bool encrypt(struct talk *t, const struct tls_policy *policy,
                    const struct tls_dane *dane, bool *resumed)
{
    struct finger *f = t->finger;
    struct net_endpoint to;
    struct tls_facts facts;
    struct error e = ERROR_INIT;
    struct str chain = STR_INIT((size_t)1 << 20);
    bool is_endpoint = net_endpoint_parse(view_of(f->destination), &to) && !to.unix_path;
    const struct tls_connect how = {
        .peer = t->peer,
        .host = t->name,
        .nexthop = is_endpoint ? to.host : conf_view(f->conf, P_myhostname),
        .helo = t->helo,
        .policy = policy,
        .dane = dane,
        .loglevel = f->loglevel};
    stream_drop_input(t->stream);
    if (!tls_connect(f->tls, t->stream, &how, f->arena, &facts))
        return false;
    *resumed = facts.resumed;
    if (f->shows_chain && tls_peer_chain(t->stream, f->conf, &chain))
        fputs(str_cstr(&chain), stdout);
    str_done(&chain);
    if (!tls_policy_accepts(policy, &facts, &e))
        log_info("%.*s: %s", VIEW_FMT(t->peer), e.text);
    return true;
}

static bool greet(struct talk *t, const struct tls_policy *policy,
                  const struct tls_dane *dane, bool *resumed)
{
    unsigned keywords;
    bool wants = policy->level > TLS_LEVEL_NONE;
    struct finger *f = t->finger;
    if (f->wrapper && !encrypt(t, policy, dane, resumed))
        return false;
    stream_set_timeout(t->stream, f->connect_timeout);
    if (!hear(t, "reading server greeting") || !is_good(t, "greeting"))
        return false;
    stream_set_timeout(t->stream, f->command_timeout);
    if (!introduce(t, &keywords))
        return false;
    if (f->wrapper || !wants)
        return true;
    if (!(keywords & EHLO_STARTTLS)) {
        log_info("%.*s: STARTTLS is not offered", VIEW_FMT(t->peer));
        return !tls_policy_is_mandatory(policy);
    }
    return say(t, "STARTTLS", "sending STARTTLS") && is_good(t, "STARTTLS") &&
           encrypt(t, policy, dane, resumed) && introduce(t, &keywords);
}

bool finger_host(struct finger *f, const struct host *h, const struct tls_policy *policy,
                 const struct tls_dane *dane, bool *resumed)
{
    char text[NET_ADDRESS_TEXT];
    struct error e = ERROR_INIT;
    bool is_unix = net_address_family(&h->address) == AF_UNIX;
    struct talk t = {.finger = f, .name = h->name};
    (void)net_address_text(&h->address, text);
    t.peer = is_unix ? arena_printf(f->arena, "%.*s[%s]", VIEW_FMT(h->name), text)
                     : arena_printf(f->arena, "%.*s[%s]:%u", VIEW_FMT(h->name), text,
                                    (unsigned)net_address_port(&h->address));
    int fd = dial(&h->address, NULL, clock_in(f->connect_timeout), &e);
    if (fd < 0) {
        log_info("connect to %.*s: %s", VIEW_FMT(t.peer),
                 e.saved_errno ? strerror(e.saved_errno) : e.text);
        return false;
    }
    if (!f->quiet)
        log_info("Connected to %.*s", VIEW_FMT(t.peer));
    t.stream = stream_open_fd(fd);
    stream_set_timeout(t.stream, f->command_timeout);
    smtp_reply_init(&t.reply);
    bool good = greet(&t, policy, dane, resumed);
    if (good)
        (void)say(&t, "QUIT", "sending QUIT command");
    tls_bye(t.stream);
    stream_close(t.stream);
    smtp_reply_done(&t.reply);
    return good;
}
