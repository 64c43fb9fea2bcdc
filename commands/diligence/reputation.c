/* reputation - do DNS lists hold our own addresses?
 *
 * Usage: diligence check reputation [ADDRESS]...  Asks each list of
 * reputation_dnsbl_sites for each address of ours, or for those named.  Exit status 0
 * when none is listed, 1 when one is or when no address is public, 75 when a list gives
 * no answer.  RFC 5782.
 */
#include "access/rbl_pattern.h"
#include "base/log.h"
#include "diligence.h"
#include "net/dns.h"

#include <stdio.h>
#include <sysexits.h>

#define TIMEOUT (20 * CLOCK_SECOND)

struct inquiry {
    const struct control *control;
    char **named; /* addresses up to a NULL */
    struct arena *arena;
    unsigned asked, listed, unanswered;
};

/* RFC 1918, 3927, 4193, 4291, 6598: of no meaning to others. */
static bool is_private(const struct net_address *a)
{
    if (net_address_family(a) == AF_INET6) {
        const uint8_t *b = a->in6.sin6_addr.s6_addr;
        return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
    }
    const uint8_t *b = (const uint8_t *)&a->in.sin_addr;
    return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
           (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254) ||
           (b[0] == 100 && (b[1] & 0xc0) == 64);
}

/* The first of FOUND that counts as "listed" under PATTERN; NULL: none does. */
static const char *listing(const struct dns_addresses *found, struct view pattern,
                           char text[NET_ADDRESS_TEXT])
{
    for (size_t i = 0; i < found->n; i++) {
        const char *shown = net_address_text(&found->items[i].address, text);
        if (pattern.n == 0 || rbl_pattern_matches(pattern, view_of(shown)))
            return shown;
    }
    return NULL;
}

/* What the list says of the address behind NAME; empty when nothing. */
static struct view reason(const struct inquiry *q, struct view name)
{
    struct dns_texts texts;
    struct error e = ERROR_INIT;
    bool has = dns_lookup_txt(q->arena, name, TIMEOUT, &texts, &e) == DNS_OK;
    return has && texts.n > 0 ? texts.items[0] : VIEW_NONE;
}

static void ask_list(struct inquiry *q, const struct net_address *a, struct view site)
{
    struct dns_addresses found = {.n = 0};
    struct error e = ERROR_INIT;
    struct view zone, pattern;
    char text[NET_ADDRESS_TEXT], answer[NET_ADDRESS_TEXT];
    const char *shown = net_address_text(a, text);
    view_cut(site, '=', &zone, &pattern);
    struct view name = reverse_name(q->arena, a, zone);
    enum dns_result result = dns_lookup_addresses(
        q->arena, name, DNS_WANT_IPV4 | DNS_WANT_NO_HOSTS, TIMEOUT, &found, &e);

    if (result == DNS_TEMPFAIL) {
        q->unanswered++;
        printf("%s: no answer from %.*s\n", shown, VIEW_FMT(zone));
        return;
    }
    const char *listed = result == DNS_OK ? listing(&found, pattern, answer) : NULL;
    if (!listed) {
        printf("%s is not in %.*s: ok\n", shown, VIEW_FMT(zone));
        return;
    }
    struct view why = reason(q, name);
    q->listed++;
    printf("%s is in %.*s (%s%s%.*s)\n", shown, VIEW_FMT(zone), listed,
           why.n > 0 ? ": " : "", VIEW_FMT(why));
}

static void ask_lists(struct inquiry *q, const struct net_address *a)
{
    struct view sites = conf_view(q->control->conf, P_reputation_dnsbl_sites), site;
    char text[NET_ADDRESS_TEXT];

    if (is_private(a)) {
        printf("%s is a private address: others see another one\n",
               net_address_text(a, text));
        return;
    }
    q->asked++;
    while (view_token(&sites, VIEW(", \t\r\n"), &site))
        ask_list(q, a, site);
}

static void inquiry_fiber(void *arg)
{
    struct inquiry *q = arg;
    const struct net_address *own;

    for (size_t i = 0; !q->named[0] && (own = own_address(q->control, i)); i++)
        ask_lists(q, own);
    for (size_t i = 0; q->named[i]; i++) {
        struct net_address a;
        if (!net_address_parse(view_of(q->named[i]), 0, &a))
            log_fatal("check reputation: \"%s\" is no address", q->named[i]);
        ask_lists(q, &a);
    }
}

static void advise(const struct inquiry *q)
{
    struct view relay = view_trim_space(conf_view(q->control->conf, P_relayhost));

    if (q->asked == 0)
        printf("no public address is known: name one, or set proxy_interfaces\n");
    else if (q->listed > 0 && relay.n > 0)
        printf(
            "others will refuse mail that comes directly; it goes by relayhost = %.*s\n",
            VIEW_FMT(relay));
    else if (q->listed > 0)
        printf("others will refuse mail that comes directly: relayhost is needed\n");
}

int check_reputation(const struct control *c, char **arguments)
{
    struct inquiry q = {.control = c, .named = arguments, .arena = arena_new()};

    network_run(c, inquiry_fiber, &q);
    advise(&q);
    arena_free(q.arena);
    if (q.listed > 0 || q.asked == 0)
        return 1;
    return q.unanswered > 0 ? EX_TEMPFAIL : 0;
}
