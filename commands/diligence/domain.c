/* domain - does DNS lead mail for a domain to this host, and back?
 *
 * Usage: diligence check domain NAME.  Looks at the MX of the domain, the addresses of
 * $myhostname and the names of our addresses, says of each whether it points here, and
 * prints the records to add.  Exit status 0 when all do, 1 when something is missing, 75
 * when DNS gives no answer.
 */
#include "diligence.h"
#include "net/dns.h"

#include <stdio.h>
#include <sysexits.h>

#define TIMEOUT (20 * CLOCK_SECOND)

struct check {
    const struct control *control;
    struct view domain, host; /* host: $myhostname */
    struct arena *arena;
    bool missing, no_answer;
};

static void say_ok(const char *what, struct view of, const char *is, struct view value)
{
    printf("%s of %.*s %s %.*s: ok\n", what, VIEW_FMT(of), is, VIEW_FMT(value));
}

/* Count a failed look-up; is the answer a plain "not there"? */
static bool is_absent(struct check *k, enum dns_result result, const struct error *e)
{
    k->missing = true;
    if (result != DNS_TEMPFAIL)
        return true;
    k->no_answer = true;
    printf("no answer: %s\n", e->text);
    return false;
}

/* --- addresses --- */

static bool is_own(const struct check *k, const struct net_address *a)
{
    const struct net_address *own;

    for (size_t i = 0; (own = own_address(k->control, i)); i++) {
        if (net_address_eq(own, a))
            return true;
    }
    return false;
}

static void print_address_records(const struct check *k)
{
    const struct net_address *own;
    char text[NET_ADDRESS_TEXT];

    for (size_t i = 0; (own = own_address(k->control, i)); i++)
        printf("  add: %.*s. IN %s %s\n", VIEW_FMT(k->host),
               net_address_family(own) == AF_INET6 ? "AAAA" : "A",
               net_address_text(own, text));
}

/* Do the addresses of our host name lead here? */
static void check_addresses(struct check *k)
{
    struct dns_addresses found;
    struct error e = ERROR_INIT;
    char text[NET_ADDRESS_TEXT];
    enum dns_result result = dns_lookup_addresses(
        k->arena, k->host, DNS_WANT_IPV4 | DNS_WANT_IPV6 | DNS_WANT_NO_HOSTS, TIMEOUT,
        &found, &e);

    if (result != DNS_OK) {
        if (is_absent(k, result, &e)) {
            printf("%.*s has no address\n", VIEW_FMT(k->host));
            print_address_records(k);
        }
        return;
    }
    for (size_t i = 0; i < found.n; i++) {
        const char *shown = net_address_text(&found.items[i].address, text);
        if (is_own(k, &found.items[i].address)) {
            say_ok("address", k->host, "is", view_of(shown));
            continue;
        }
        k->missing = true;
        printf("address of %.*s is %s, which is not ours (see inet_interfaces and "
               "proxy_interfaces)\n",
               VIEW_FMT(k->host), shown);
        print_address_records(k);
    }
}

/* --- MX --- */

static void print_mx_record(const struct check *k)
{
    printf("  add: %.*s. IN MX 10 %.*s.\n", VIEW_FMT(k->domain), VIEW_FMT(k->host));
}

/* Does HOST of the MX have an address of ours? */
static bool leads_here(const struct check *k, const struct dns_mx_host *host)
{
    struct dns_addresses found = host->additional;
    struct error e = ERROR_INIT;

    if (view_eq_case(host->name, k->host))
        return true;
    if (found.n == 0 &&
        dns_lookup_addresses(k->arena, host->name, DNS_WANT_IPV4 | DNS_WANT_IPV6, TIMEOUT,
                             &found, &e) != DNS_OK)
        return false;
    for (size_t i = 0; i < found.n; i++) {
        if (is_own(k, &found.items[i].address))
            return true;
    }
    return false;
}

static void check_mx(struct check *k)
{
    struct dns_mx mx;
    struct error e = ERROR_INIT;
    enum dns_result result = dns_lookup_mx(k->arena, k->domain, TIMEOUT, &mx, &e);

    if (result != DNS_OK) {
        if (is_absent(k, result, &e)) {
            printf("%.*s has no MX\n", VIEW_FMT(k->domain));
            print_mx_record(k);
        }
        return;
    }
    for (size_t i = 0; i < mx.n; i++) {
        if (leads_here(k, &mx.hosts[i])) {
            say_ok("MX", k->domain, "names", mx.hosts[i].name);
            return;
        }
    }
    k->missing = true;
    printf("no MX of %.*s names this host\n", VIEW_FMT(k->domain));
    print_mx_record(k);
}

/* --- PTR --- */

static void check_ptr(struct check *k, const struct net_address *address)
{
    char text[NET_ADDRESS_TEXT];
    struct error e = ERROR_INIT;
    struct view name, shown = view_of(net_address_text(address, text));
    enum dns_result result = dns_lookup_ptr(k->arena, address, TIMEOUT, &name, &e);

    if (result == DNS_OK && view_eq_case(name, k->host)) {
        say_ok("PTR", shown, "is", name);
        return;
    }
    if (result == DNS_OK) {
        k->missing = true;
        printf("PTR of %.*s is %.*s, not %.*s\n", VIEW_FMT(shown), VIEW_FMT(name),
               VIEW_FMT(k->host));
    } else if (!is_absent(k, result, &e)) {
        return;
    } else {
        printf("%.*s has no PTR\n", VIEW_FMT(shown));
    }
    struct view reverse =
        reverse_name(k->arena, address,
                     net_address_family(address) == AF_INET6 ? VIEW("ip6.arpa")
                                                             : VIEW("in-addr.arpa"));
    printf("  add: %.*s. IN PTR %.*s.\n", VIEW_FMT(reverse), VIEW_FMT(k->host));
}

static void check_fiber(void *arg)
{
    struct check *k = arg;
    const struct net_address *own;

    check_mx(k);
    check_addresses(k);
    for (size_t i = 0; (own = own_address(k->control, i)); i++)
        check_ptr(k, own);
}

int check_domain(const struct control *c, const char *domain)
{
    struct check k = {.control = c,
                      .domain = view_of(domain),
                      .host = conf_view(c->conf, P_myhostname),
                      .arena = arena_new()};

    network_run(c, check_fiber, &k);
    arena_free(k.arena);
    if (k.no_answer)
        return EX_TEMPFAIL;
    return k.missing ? 1 : 0;
}
