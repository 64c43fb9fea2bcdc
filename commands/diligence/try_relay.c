/* try_relay - does the server forward mail of strangers to strangers?
 *
 * Recipients in all the forms that have fooled servers: routes, the percent sign, the
 * bang, quotes, names behind names.  Nothing is sent: RSET follows each answer.  A client
 * that mynetworks trusts learns nothing, so XCLIENT makes us a stranger where the server
 * allows it.
 */
#include "try.h"

#include "base/arena.h"
#include "net/address.h"

#include <stdio.h>
#include <sysexits.h>

/* example.com exists, so rules about unknown domains stay out of it; 192.0.2.1 is
 * nobody's (RFC 5737). */
#define FOREIGN  "example.com"
#define STRANGER "192.0.2.1"

struct probe {
    const char *name;
    const char *sender; /* @O: our domain, @I: our address */
    const char *recipient;
};

static const struct probe probes[] = {
    {"foreign recipient", "someone@" FOREIGN, "relay-test@" FOREIGN},
    {"empty sender", "", "relay-test@" FOREIGN},
    {"our own sender", "postmaster@@O", "relay-test@" FOREIGN},
    {"sender without domain", "postmaster", "relay-test@" FOREIGN},
    {"sender at our address", "postmaster@[@I]", "relay-test@" FOREIGN},
    {"percent", "someone@" FOREIGN, "relay-test%" FOREIGN "@@O"},
    {"percent at our address", "someone@" FOREIGN, "relay-test%" FOREIGN "@[@I]"},
    {"percent alone", "someone@" FOREIGN, "relay-test%" FOREIGN},
    {"quotes", "someone@" FOREIGN, "\"relay-test@" FOREIGN "\""},
    {"quotes and our domain", "someone@" FOREIGN, "\"relay-test@" FOREIGN "\"@@O"},
    {"quoted percent", "someone@" FOREIGN, "\"relay-test%" FOREIGN "\"@@O"},
    {"bang", "someone@" FOREIGN, FOREIGN "!relay-test"},
    {"bang and our domain", "someone@" FOREIGN, FOREIGN "!relay-test@@O"},
    {"bang at our address", "someone@" FOREIGN, FOREIGN "!relay-test@[@I]"},
    {"route", "someone@" FOREIGN, "@@O:relay-test@" FOREIGN},
    {"route by our address", "someone@" FOREIGN, "@[@I]:relay-test@" FOREIGN},
    {"two domains", "someone@" FOREIGN, "relay-test@" FOREIGN "@@O"},
    {"our domain first", "someone@" FOREIGN, "relay-test@@O@" FOREIGN},
};
enum { PROBES = sizeof probes / sizeof probes[0] };

/* Our side of the connection, and the server's. */
static bool ends(const struct try *t, struct net_address *own, struct net_address *peer)
{
    struct sockaddr_storage s;
    socklen_t n = sizeof s;
    int fd = stream_fd(t->stream);

    if (getsockname(fd, (struct sockaddr *)&s, &n) < 0)
        return false;
    net_address_set(own, (struct sockaddr *)&s, n);
    n = sizeof s;
    if (getpeername(fd, (struct sockaddr *)&s, &n) < 0)
        return false;
    net_address_set(peer, (struct sockaddr *)&s, n);
    return true;
}

/* @O and @I in TEMPLATE become our domain and the server's ADDRESS. */
static const char *fill(const struct try *t, const char *template,
                        const struct net_address *address)
{
    char text[NET_ADDRESS_TEXT];
    struct str out = STR_INIT(1024);
    struct view rest = view_of(template);
    struct view domain = conf_view(t->control->conf, P_mydomain);
    size_t at;

    while ((at = view_find(rest, '@')) != VIEW_NPOS) {
        struct view behind = view_from(rest, at);
        bool is_domain = view_starts(behind, VIEW("@O"));
        bool is_address = view_starts(behind, VIEW("@I"));
        str_add(&out, view_sub(rest, 0, is_domain || is_address ? at : at + 1));
        if (is_domain)
            str_add(&out, domain);
        else if (is_address)
            str_addf(&out, "%s%s", net_address_family(address) == AF_INET6 ? "IPv6:" : "",
                     net_address_text(address, text));
        rest = view_from(behind, is_domain || is_address ? 2 : 1);
    }
    str_add(&out, rest);
    const char *filled = arena_cstr(t->arena, str_view(&out));
    str_done(&out);
    return filled;
}

/* Do the networks of mynetworks have ADDRESS? */
static bool is_trusted(const struct try *t, const struct net_address *address)
{
    struct view rest = conf_view(t->control->conf, P_mynetworks), word;
    struct net_network network;

    while (conf_list_next(&rest, &word))
        if (net_network_parse(word, &network, NULL) && net_network_has(&network, address))
            return true;
    return false;
}

/* Be a client from elsewhere. */
static bool become_stranger(struct try *t, const struct net_address *own)
{
    if (t->offers_xclient)
        return try_say(t, "XCLIENT", "XCLIENT ADDR=" STRANGER " NAME=[UNAVAILABLE]") &&
               smtp_reply_class(&t->reply) == 2 && try_introduce(t);
    if (t->has_server || !is_trusted(t, own))
        return true;
    printf("no test: this host is one of mynetworks, which may relay; run it on a host "
           "elsewhere (diligence try --relay HOST), or allow XCLIENT from here: "
           "smtpd_authorized_xclient_hosts\n");
    return false;
}

/* False when the connection is lost. */
static bool probe(struct try *t, const struct probe *p, const struct net_address *peer)
{
    const char *recipient = fill(t, p->recipient, peer);

    if (!try_say(t, "MAIL", "MAIL FROM:<%s>", fill(t, p->sender, peer)))
        return false;
    if (smtp_reply_class(&t->reply) == 2 &&
        !try_say(t, "RCPT", "RCPT TO:<%s>", recipient))
        return false;
    bool is_open = smtp_reply_class(&t->reply) == 2;
    /* 454 is what defer_unauth_destination says to relaying; other 4xx say nothing. */
    bool is_unknown = smtp_reply_class(&t->reply) == 4 && t->reply.code != 454;
    printf("%s: %s: <%s> %d\n",
           is_open      ? "FAIL"
           : is_unknown ? "not now"
                        : "pass",
           p->name, recipient, t->reply.code);
    if (is_open)
        t->status = EX_SOFTWARE;
    else if (is_unknown && t->status == 0)
        t->status = EX_TEMPFAIL;
    return try_say(t, "RSET", "RSET");
}

void try_relay(struct try *t)
{
    struct net_address own, peer;
    size_t n = 0;

    if (!ends(t, &own, &peer) || !become_stranger(t, &own)) {
        t->status = EX_TEMPFAIL;
        return;
    }
    while (n < PROBES && probe(t, &probes[n], &peer))
        n++;
    if (n < PROBES) {
        printf("no end: the server closed the connection after %zu probes of %d\n", n,
               (int)PROBES);
        t->status = t->status == EX_SOFTWARE ? EX_SOFTWARE : EX_TEMPFAIL;
    } else if (t->status == 0) {
        printf("no relay: all %d probes are refused\n", (int)PROBES);
    } else if (t->status == EX_SOFTWARE) {
        printf("a recipient is accepted: either the server forwards mail of strangers, "
               "or it has such a mailbox (see diligence lookup)\n");
    }
    if (t->status == EX_SOFTWARE)
        t->status = 1;
}
