/* checks_client - restrictions on the client and on its HELO name */
#include "access/internal.h"

#include "base/log.h"
#include "format/address.h"
#include "net/dns.h"

#define DNS_TIMEOUT (60 * CLOCK_SECOND)

bool access_client_is_trusted(struct access *a, const struct access_subject *s)
{
    struct error e = ERROR_INIT;
    return match_client(a->mynetworks, s->client_name, s->client_address, &e) ==
           MATCH_YES;
}

enum access_says ask_permit_mynetworks(struct access_run *run,
                                       const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    switch (match_client(run->access->mynetworks, s->client_name, s->client_address,
                         &run->error)) {
    case MATCH_YES:
        return access_permit(run, r ? r->text : VIEW("permit_mynetworks"), ACCESS_CLIENT,
                             NULL);
    case MATCH_ERROR:
        return access_defer_if_reject(run, "4.3.0", "<%.*s>: Temporary lookup failure",
                                      VIEW_FMT(s->client_display));
    case MATCH_NO:
    default:
        return SAYS_DUNNO;
    }
}

bool access_client_is_own(struct access *a, const struct access_subject *s)
{
    struct net_address client;
    size_t n;
    const struct conf_interface *own = conf_interfaces(a->conf, &n);
    if (!net_address_parse(s->client_address, 0, &client))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (net_address_eq(&own[i].address, &client))
            return true;
    }
    return false;
}

enum access_says ask_permit_inet_interfaces(struct access_run *run,
                                            const struct restriction *r)
{
    return access_client_is_own(run->access, run->subject)
               ? access_permit(run, r->text, ACCESS_CLIENT, NULL)
               : SAYS_DUNNO;
}

enum access_says ask_permit_sasl(struct access_run *run, const struct restriction *r)
{
    return view_is_empty(run->subject->sasl_username)
               ? SAYS_DUNNO
               : access_permit(run, r->text, ACCESS_CLIENT, NULL);
}

enum access_says ask_reject_unknown_client(struct access_run *run,
                                           const struct restriction *r)
{
    (void)r;
    const struct access_subject *s = run->subject;
    if (s->name_status == ACCESS_NAME_OK)
        return SAYS_DUNNO;
    int code = s->name_status == ACCESS_NAME_PERMFAIL
                   ? (int)conf_int(run->access->conf, P_unknown_client_reject_code)
                   : 450;
    return access_refuse(run, code, "4.7.25",
                         "Client host rejected: cannot find your hostname, [%.*s]",
                         VIEW_FMT(s->client_address));
}

/* The name leads somewhere else than to the client. */
enum access_says ask_reject_unknown_forward(struct access_run *run,
                                            const struct restriction *r)
{
    return run->subject->reverse_name_status == ACCESS_NAME_OK
               ? ask_reject_unknown_client(run, r)
               : SAYS_DUNNO;
}

enum access_says ask_reject_unknown_reverse(struct access_run *run,
                                            const struct restriction *r)
{
    (void)r;
    const struct access_subject *s = run->subject;
    if (s->reverse_name_status == ACCESS_NAME_OK)
        return SAYS_DUNNO;
    int code = s->reverse_name_status == ACCESS_NAME_PERMFAIL
                   ? (int)conf_int(run->access->conf, P_unknown_client_reject_code)
                   : 450;
    return access_refuse(
        run, code, "4.7.1",
        "Client host rejected: cannot find your reverse hostname, [%.*s]",
        VIEW_FMT(s->client_address));
}

static bool is_literal(struct view helo)
{
    return helo.n > 0 && helo.p[0] == '[';
}

static enum access_says refuse_name(struct access_run *run, enum parameter code,
                                    const char *text)
{
    return access_refuse(run, (int)conf_int(run->access->conf, code), "5.5.2",
                         "<%.*s>: Helo command rejected: %s",
                         VIEW_FMT(run->subject->helo_name), text);
}

/* HELO [192.0.2.1]. */
static enum access_says check_literal(struct access_run *run)
{
    return host_literal_is_valid(run->subject->helo_name, NULL)
               ? SAYS_DUNNO
               : refuse_name(run, P_invalid_hostname_reject_code, "invalid ip address");
}

/* One trailing dot is forgiven. */
static struct view without_dot(struct view helo)
{
    return view_ends(helo, VIEW(".")) ? view_sub(helo, 0, helo.n - 1) : helo;
}

enum access_says ask_reject_invalid_helo(struct access_run *run,
                                         const struct restriction *r)
{
    (void)r;
    struct view name = without_dot(run->subject->helo_name);
    if (view_is_empty(run->subject->helo_name))
        return SAYS_DUNNO;
    if (is_literal(name))
        return check_literal(run);
    return hostname_is_valid_utf8(name) || ipv4_is_valid(name) || ipv6_is_valid(name)
               ? SAYS_DUNNO
               : refuse_name(run, P_invalid_hostname_reject_code, "Invalid name");
}

enum access_says ask_reject_non_fqdn_helo(struct access_run *run,
                                          const struct restriction *r)
{
    (void)r;
    struct view name = without_dot(run->subject->helo_name);
    if (view_is_empty(run->subject->helo_name))
        return SAYS_DUNNO;
    if (is_literal(name))
        return check_literal(run);
    return hostname_is_valid_utf8(name) && view_has(name, '.')
               ? SAYS_DUNNO
               : refuse_name(run, P_non_fqdn_reject_code,
                             "need fully-qualified hostname");
}

enum access_says ask_reject_unknown_helo(struct access_run *run,
                                         const struct restriction *r)
{
    (void)r;
    struct view helo = run->subject->helo_name;
    if (view_is_empty(helo))
        return SAYS_DUNNO;
    if (is_literal(helo))
        return check_literal(run);
    struct dns_mx mx;
    struct dns_addresses addresses;
    enum dns_result got = dns_lookup_mx(run->arena, helo, DNS_TIMEOUT, &mx, &run->error);
    if (got == DNS_NODATA)
        got = dns_lookup_addresses(run->arena, helo, DNS_WANT_IPV4 | DNS_WANT_IPV6,
                                   DNS_TIMEOUT, &addresses, &run->error);
    if (got == DNS_OK || got == DNS_POLICY)
        return SAYS_DUNNO;
    const char *text =
        arena_printf(run->arena, "<%.*s>: Helo command rejected: Host not found",
                     VIEW_FMT(helo))
            .p;
    if (got == DNS_TEMPFAIL)
        return access_tempfail(run, P_unknown_helo_hostname_tempfail_action, "4.7.1",
                               text);
    return access_refuse(run,
                         (int)conf_int(run->access->conf, P_unknown_hostname_reject_code),
                         "4.7.1", "%s", text);
}

/* HELO with a bare address (an old name; new configurations have no use for it). */
enum access_says ask_permit_naked_ip(struct access_run *run, const struct restriction *r)
{
    struct view helo = run->subject->helo_name;
    if (!view_is_empty(helo))
        log_warning("restriction %.*s is deprecated. Use permit_mynetworks or "
                    "permit_sasl_authenticated instead",
                    VIEW_FMT(r->text));
    return ipv4_is_valid(helo) || ipv6_is_valid(helo)
               ? access_permit(run, r->text, ACCESS_HELO, NULL)
               : SAYS_DUNNO;
}

/* DNS gave GOT of the name in HELO: refuse it because of WHY. */
static enum access_says refuse_helo(struct access_run *run, enum dns_result got,
                                    const char *why)
{
    const struct conf *c = run->access->conf;
    const char *text = arena_printf(run->arena, "<%.*s>: Helo command rejected: %s",
                                    VIEW_FMT(run->subject->helo_name), why)
                           .p;
    if (got == DNS_TEMPFAIL)
        return access_tempfail(run, P_unknown_helo_hostname_tempfail_action, "4.7.1",
                               text);
    return access_refuse(run, (int)conf_int(c, P_unknown_hostname_reject_code), "4.7.1",
                         "%s", text);
}

/* S211: the name in HELO must have MX records of its own. */
enum access_says ask_reject_helo_without_mx(struct access_run *run,
                                            const struct restriction *r)
{
    (void)r;
    struct view helo = run->subject->helo_name;
    struct dns_mx mx;
    if (view_is_empty(helo) || is_literal(helo))
        return SAYS_DUNNO;
    enum dns_result got = dns_lookup_mx(run->arena, helo, DNS_TIMEOUT, &mx, &run->error);
    if (got == DNS_OK)
        return SAYS_DUNNO;
    return refuse_helo(run, got, "no mail exchanger");
}

/* S212: one of the addresses of the name in HELO must be the client's. */
enum access_says ask_reject_helo_mismatch(struct access_run *run,
                                          const struct restriction *r)
{
    (void)r;
    const struct access_subject *s = run->subject;
    struct dns_addresses found;
    struct net_address client;
    struct view inner = s->helo_name;
    if (view_is_empty(inner) || !net_address_parse(s->client_address, 0, &client))
        return SAYS_DUNNO;
    if (is_literal(inner) && !host_literal_is_valid(inner, &inner))
        return refuse_name(run, P_invalid_hostname_reject_code, "invalid ip address");
    enum dns_result got =
        dns_lookup_addresses(run->arena, inner, DNS_WANT_IPV4 | DNS_WANT_IPV6,
                             DNS_TIMEOUT, &found, &run->error);
    for (size_t i = 0; got == DNS_OK && i < found.n; i++) {
        if (net_address_eq(&found.items[i].address, &client))
            return SAYS_DUNNO;
    }
    struct view why =
        arena_printf(run->arena, "not the name of [%.*s]", VIEW_FMT(s->client_address));
    return refuse_helo(run, got, why.p);
}

enum access_says ask_reject_unauth_pipelining(struct access_run *run,
                                              const struct restriction *r)
{
    (void)r;
    if (!run->subject->pipelined)
        return SAYS_DUNNO;
    struct view name = access_about_name(run);
    return access_refuse(run, 503, "5.5.0",
                         "<%.*s>: %s rejected: Improper use of SMTP command pipelining",
                         VIEW_FMT(name), access_about_class(run));
}
