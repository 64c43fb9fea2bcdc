/* checks_address - restrictions on sender and recipient addresses, and relay control */
#include "access/internal.h"

#include "base/log.h"
#include "format/address.h"
#include "net/dns.h"

#define DNS_TIMEOUT (60 * CLOCK_SECOND)

/* Has the address a domain with a dot, or a literal? */
static bool is_fully_qualified(struct view address)
{
    struct view local, domain;
    if (view_is_empty(address))
        return true;
    if (!address_split(address, &local, &domain) || view_is_empty(domain))
        return view_eq_case(address, VIEW("postmaster"));
    if (domain.p[0] == '[')
        return host_literal_is_valid(domain, NULL);
    return hostname_is_valid_utf8(domain) && view_has(domain, '.');
}

static enum access_says reject_non_fqdn(struct access_run *run, struct view address,
                                        enum access_stage about)
{
    if (is_fully_qualified(address))
        return SAYS_DUNNO;
    return access_refuse(run, (int)conf_int(run->access->conf, P_non_fqdn_reject_code),
                         "5.5.2", "<%.*s>: %s rejected: need fully-qualified address",
                         VIEW_FMT(address), access_reply_class(about));
}

enum access_says ask_reject_non_fqdn_sender(struct access_run *run,
                                            const struct restriction *r)
{
    (void)r;
    return run->subject->has_sender
               ? reject_non_fqdn(run, run->subject->sender, ACCESS_SENDER)
               : SAYS_DUNNO;
}

enum access_says ask_reject_non_fqdn_recipient(struct access_run *run,
                                               const struct restriction *r)
{
    (void)r;
    return reject_non_fqdn(run, run->subject->recipient, ACCESS_RECIPIENT);
}

/* Refuse a domain for which no mail host can be found. */
static enum access_says reject_unknown_domain(struct access_run *run, struct view address,
                                              enum access_stage about)
{
    struct view local, domain;
    if (!address_split(address, &local, &domain) || view_is_empty(domain) ||
        domain.p[0] == '[')
        return SAYS_DUNNO;
    struct resolved to;
    if (resolve_address(run->access->rewrite, VIEW_NONE, address, run->arena, &to,
                        &run->error) != OK)
        return access_refuse(run, 451, "4.3.0", "<%.*s>: Temporary lookup failure",
                             VIEW_FMT(address));
    if (to.class != CLASS_DEFAULT)
        return SAYS_DUNNO;

    struct dns_mx mx;
    struct dns_addresses addresses;
    enum dns_result got =
        dns_lookup_mx(run->arena, domain, DNS_TIMEOUT, &mx, &run->error);
    if (got == DNS_NODATA)
        got = dns_lookup_addresses(run->arena, domain, DNS_WANT_IPV4 | DNS_WANT_IPV6,
                                   DNS_TIMEOUT, &addresses, &run->error);
    const char *class = access_reply_class(about);
    int code = (int)conf_int(run->access->conf, P_unknown_address_reject_code);
    switch (got) {
    case DNS_OK:
        return SAYS_DUNNO;
    case DNS_POLICY:
        return access_refuse(
            run, about == ACCESS_SENDER ? 550 : 556,
            about == ACCESS_SENDER ? "5.7.27" : "5.1.10",
            "<%.*s>: %s rejected: Domain %.*s does not accept mail (nullMX)",
            VIEW_FMT(address), class, VIEW_FMT(domain));
    case DNS_TEMPFAIL:
        return access_tempfail(run, P_unknown_address_tempfail_action,
                               about == ACCESS_SENDER ? "4.1.8" : "4.1.2",
                               arena_printf(run->arena,
                                            "<%.*s>: %s rejected: Domain not found",
                                            VIEW_FMT(address), class)
                                   .p);
    case DNS_NODATA:
    case DNS_NXDOMAIN:
    case DNS_INVALID:
    default:
        return access_refuse(run, code, about == ACCESS_SENDER ? "4.1.8" : "4.1.2",
                             "<%.*s>: %s rejected: Domain not found", VIEW_FMT(address),
                             class);
    }
}

enum access_says ask_reject_unknown_sender(struct access_run *run,
                                           const struct restriction *r)
{
    (void)r;
    return run->subject->has_sender && !view_is_empty(run->subject->sender)
               ? reject_unknown_domain(run, run->subject->sender, ACCESS_SENDER)
               : SAYS_DUNNO;
}

enum access_says ask_reject_unknown_recipient(struct access_run *run,
                                              const struct restriction *r)
{
    (void)r;
    return reject_unknown_domain(run, run->subject->recipient, ACCESS_RECIPIENT);
}

enum access_says ask_reject_multi_recipient_bounce(struct access_run *run,
                                                   const struct restriction *r)
{
    (void)r;
    const struct access_subject *s = run->subject;
    if (!s->has_sender || !view_is_empty(s->sender) || s->recipients < 2 ||
        run->stage < ACCESS_DATA)
        return SAYS_DUNNO;
    return access_refuse(
        run, (int)conf_int(run->access->conf, P_multi_recipient_bounce_reject_code),
        "5.5.3", "<%.*s>: %s rejected: Multi-recipient bounce",
        VIEW_FMT(access_about_name(run)), access_about_class(run));
}

/* Is ADDRESS listed among those that we know for its class? */
static enum access_says reject_unlisted(struct access_run *run, struct view address,
                                        enum access_stage about)
{
    const char *class = access_reply_class(about);
    struct recipient_check found;
    struct view whole = address, local, domain, origin;
    origin = conf_view(run->access->conf, P_myorigin);
    if (!address_split(address, &local, &domain) && address.n > 0 &&
        conf_bool(run->access->conf, P_append_at_myorigin))
        whole =
            arena_printf(run->arena, "%.*s@%.*s", VIEW_FMT(address), VIEW_FMT(origin));
    enum result result =
        recipients_check(run->access->recipients, whole, run->arena, &found, &run->error);
    if (result == TEMPFAIL)
        return access_refuse(run, 451, "4.3.0", "<%.*s>: Temporary lookup failure",
                             VIEW_FMT(address));
    if (found.known)
        return SAYS_DUNNO;
    return access_refuse(run, found.code, about == ACCESS_SENDER ? "5.1.0" : found.status,
                         "<%.*s>: %s rejected: %.*s", VIEW_FMT(address), class,
                         VIEW_FMT(found.text));
}

enum access_says ask_reject_unlisted_sender(struct access_run *run,
                                            const struct restriction *r)
{
    (void)r;
    const struct access_subject *s = run->subject;
    if (!s->has_sender || view_is_empty(s->sender) || run->sender_checked)
        return SAYS_DUNNO;
    run->sender_checked = true;
    return reject_unlisted(run, s->sender, ACCESS_SENDER);
}

enum access_says ask_reject_unlisted_recipient(struct access_run *run,
                                               const struct restriction *r)
{
    (void)r;
    if (run->recipient_checked || view_is_empty(run->subject->recipient))
        return SAYS_DUNNO;
    run->recipient_checked = true;
    return reject_unlisted(run, run->subject->recipient, ACCESS_RECIPIENT);
}

enum destination {
    DESTINATION_OURS,
    DESTINATION_FOREIGN,
    DESTINATION_ROUTED, /* ours, but the local part names another way */
    DESTINATION_TEMPFAIL
};

/* Is the recipient's domain one that we take mail for, without another routing operator
 * in the local part (percent, bang, source route)? */
static enum destination classify(struct access_run *run)
{
    struct resolved to;
    struct view recipient = run->subject->recipient;
    if (resolve_address(run->access->rewrite, run->subject->sender, recipient, run->arena,
                        &to, &run->error) != OK)
        return DESTINATION_TEMPFAIL;
    if (to.class == CLASS_DEFAULT)
        return to.is_routed ? DESTINATION_ROUTED : DESTINATION_FOREIGN;
    if (to.is_routed && !conf_bool(run->access->conf, P_allow_untrusted_routing))
        return DESTINATION_ROUTED;
    return DESTINATION_OURS;
}

bool access_is_for_us(struct access_run *run)
{
    return view_is_empty(run->subject->recipient) || classify(run) == DESTINATION_OURS;
}

enum access_says ask_permit_auth_destination(struct access_run *run,
                                             const struct restriction *r)
{
    switch (classify(run)) {
    case DESTINATION_OURS:
        return access_permit(run, r->text, ACCESS_RECIPIENT, NULL);
    case DESTINATION_TEMPFAIL:
        return access_defer_if_reject(run, "4.3.0", "<%.*s>: Temporary lookup failure",
                                      VIEW_FMT(run->subject->recipient));
    case DESTINATION_FOREIGN:
    case DESTINATION_ROUTED:
    default:
        return SAYS_DUNNO;
    }
}

static enum access_says unauth_destination(struct access_run *run, int code,
                                           const char *status)
{
    struct view recipient = run->subject->recipient;
    if (view_is_empty(recipient))
        return SAYS_DUNNO;
    switch (classify(run)) {
    case DESTINATION_OURS:
        return SAYS_DUNNO;
    case DESTINATION_TEMPFAIL:
        return access_refuse(run, 451, "4.3.0", "<%.*s>: Temporary lookup failure",
                             VIEW_FMT(recipient));
    case DESTINATION_FOREIGN:
    case DESTINATION_ROUTED:
    default:
        return access_refuse(run, code, status, "<%.*s>: Relay access denied",
                             VIEW_FMT(recipient));
    }
}

enum access_says ask_reject_unauth_destination(struct access_run *run,
                                               const struct restriction *r)
{
    (void)r;
    return unauth_destination(
        run, (int)conf_int(run->access->conf, P_relay_domains_reject_code), "5.7.1");
}

enum access_says ask_defer_unauth_destination(struct access_run *run,
                                              const struct restriction *r)
{
    (void)r;
    return unauth_destination(run, 454, "4.7.1");
}

/* A word of old: as reject_unauth_destination, but what is ours is permitted. */
enum access_says ask_check_relay_domains(struct access_run *run,
                                         const struct restriction *r)
{
    struct view recipient = run->subject->recipient;
    if (view_is_empty(recipient))
        return SAYS_DUNNO;
    log_warning("support for restriction \"%.*s\" will be removed from %s; use \"%s\" "
                "instead",
                VIEW_FMT(r->text), "Postfix", "reject_unauth_destination");
    if (classify(run) == DESTINATION_OURS)
        return access_permit(run, r->text, ACCESS_RECIPIENT, NULL);
    return access_refuse(run,
                         (int)conf_int(run->access->conf, P_relay_domains_reject_code),
                         "5.7.1", "<%.*s>: %s rejected: Relay access denied",
                         VIEW_FMT(recipient), access_reply_class(ACCESS_RECIPIENT));
}

/* Is HOST one of this machine's names or addresses?  May suspend. */
static bool is_this_host(struct access_run *run, struct view host)
{
    struct dns_addresses found;
    if (rewrite_is_local_domain(run->access->rewrite, host, &run->error) == MATCH_YES)
        return true;
    if (dns_lookup_addresses(run->arena, host, DNS_WANT_IPV4 | DNS_WANT_IPV6, DNS_TIMEOUT,
                             &found, &run->error) != DNS_OK)
        return false;
    for (size_t i = 0; i < found.n; i++) {
        char text[NET_ADDRESS_TEXT], literal[NET_ADDRESS_TEXT + 8];
        const struct net_address *a = &found.items[i].address;
        (void)snprintf(literal, sizeof literal, "[%s%s]",
                       net_address_family(a) == AF_INET6 ? "IPv6:" : "",
                       net_address_text(a, text));
        if (rewrite_is_local_domain(run->access->rewrite, view_of(literal),
                                    &run->error) == MATCH_YES)
            return true;
    }
    return false;
}

/* Has one of the best MX hosts an address in permit_mx_backup_networks? */
static bool primary_is_trusted(struct access_run *run, const struct dns_mx *mx)
{
    struct dns_addresses found;
    for (size_t i = 0; i < mx->n && mx->hosts[i].preference == mx->hosts[0].preference;
         i++) {
        if (dns_lookup_addresses(run->arena, mx->hosts[i].name,
                                 DNS_WANT_IPV4 | DNS_WANT_IPV6, DNS_TIMEOUT, &found,
                                 &run->error) != DNS_OK)
            continue;
        for (size_t k = 0; k < found.n; k++) {
            char text[NET_ADDRESS_TEXT];
            if (match_client(run->access->mx_backup_networks, VIEW("unknown"),
                             view_of(net_address_text(&found.items[k].address, text)),
                             &run->error) == MATCH_YES)
                return true;
        }
    }
    return false;
}

/* S015: are we a backup MX of the recipient's domain (for a primary in
 * permit_mx_backup_networks, when that is set)? */
enum access_says ask_permit_mx_backup(struct access_run *run, const struct restriction *r)
{
    enum destination where = classify(run);
    if (where == DESTINATION_OURS)
        return access_permit(run, r->text, ACCESS_RECIPIENT, NULL);
    struct view recipient = run->subject->recipient, local, domain;
    struct dns_mx mx;
    if (where == DESTINATION_TEMPFAIL || where == DESTINATION_ROUTED ||
        !address_split(recipient, &local, &domain) || view_is_empty(domain) ||
        domain.p[0] == '[')
        return SAYS_DUNNO;
    enum dns_result got =
        dns_lookup_mx(run->arena, domain, DNS_TIMEOUT, &mx, &run->error);
    if (got == DNS_TEMPFAIL)
        return access_defer_if_reject(
            run, "4.4.4",
            "<%.*s>: %s rejected: Unable to look up mail exchanger information: %s",
            VIEW_FMT(recipient), access_reply_class(ACCESS_RECIPIENT),
            "Host not found, try again");
    if (got == DNS_NODATA || got == DNS_NXDOMAIN)
        return is_this_host(run, domain)
                   ? access_permit(run, r->text, ACCESS_RECIPIENT, NULL)
                   : SAYS_DUNNO;
    bool listed = false;
    for (size_t i = 0; got == DNS_OK && i < mx.n && !listed; i++)
        listed = is_this_host(run, mx.hosts[i].name);
    if (!listed || (!match_is_empty(run->access->mx_backup_networks) &&
                    !primary_is_trusted(run, &mx)))
        return SAYS_DUNNO;
    return access_permit(run, r->text, ACCESS_RECIPIENT, NULL);
}
