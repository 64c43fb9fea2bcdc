/* rbl - DNS lists of bad and of good hosts and domains (RFC 5782)
 *
 * reject_rbl_client and its kin ask for the reversed address, the rhsbl forms for a
 * domain, below the list's zone; "=127.0.0.[2..11]" says which answers count.  A list
 * that does not answer refuses nobody.
 */
#include "access/rbl_private.h"

#include "base/log.h"
#include "format/address.h"
#include "net/dns.h"

#define DNS_TIMEOUT (60 * CLOCK_SECOND)
#define REASON_MAX  500

/* "4.3.2.1." for 1.2.3.4, 32 nibbles for IPv6; empty when TEXT is no address. */
static struct view reversed(struct arena *a, struct view text)
{
    struct net_address address;
    struct str out = STR_INIT(128);
    if (!net_address_parse(text, 0, &address))
        return VIEW_NONE;
    if (net_address_family(&address) == AF_INET) {
        const uint8_t *p = (const uint8_t *)&address.in.sin_addr;
        str_addf(&out, "%u.%u.%u.%u.", p[3], p[2], p[1], p[0]);
    } else {
        for (int i = 15; i >= 0; i--) {
            unsigned byte = address.in6.sin6_addr.s6_addr[i];
            str_addf(&out, "%x.%x.", byte & 15, byte >> 4);
        }
    }
    struct view result = arena_dup(a, str_view(&out));
    str_done(&out);
    return result;
}

/* A list as the restriction names it. */
struct rbl_list {
    struct view zone, pattern; /* pattern empty: every answer counts */
};

static struct rbl_list list_of(struct view argument)
{
    struct rbl_list l;
    (void)view_cut(argument, '=', &l.zone, &l.pattern);
    l.zone = view_trim_space(l.zone);
    l.pattern = view_trim_space(l.pattern);
    return l;
}

/* Is NAME ("4.3.2.1." or "domain.") on the list?  May suspend. */
static enum dns_result look_up(struct access_run *run, const struct rbl_list *l,
                               struct view name)
{
    struct dns_addresses found;
    struct view query =
        arena_printf(run->arena, "%.*s%.*s", VIEW_FMT(name), VIEW_FMT(l->zone));
    enum dns_result got =
        dns_lookup_addresses(run->arena, query, DNS_WANT_IPV4 | DNS_WANT_NO_HOSTS,
                             DNS_TIMEOUT, &found, &run->error);
    if (got == DNS_INVALID || got == DNS_POLICY)
        return DNS_NXDOMAIN;
    if (got != DNS_OK || view_is_empty(l->pattern))
        return got;
    for (size_t i = 0; i < found.n; i++) {
        char text[NET_ADDRESS_TEXT];
        if (rbl_pattern_matches(l->pattern,
                                view_of(net_address_text(&found.items[i].address, text))))
            return DNS_OK;
    }
    return DNS_NXDOMAIN;
}

/* What the list has to say about NAME. */
static struct view reason(struct access_run *run, const struct rbl_list *l,
                          struct view name)
{
    struct dns_texts texts;
    struct view query =
        arena_printf(run->arena, "%.*s%.*s", VIEW_FMT(name), VIEW_FMT(l->zone));
    if (dns_lookup_txt(run->arena, query, DNS_TIMEOUT, &texts, &run->error) != DNS_OK ||
        texts.n == 0)
        return VIEW_NONE;
    struct view text = view_sub(texts.items[0], 0, REASON_MAX);
    struct str clean = STR_INIT(REASON_MAX);
    for (size_t i = 0; i < text.n; i++)
        str_add_char(&clean, ascii_is_print(text.p[i]) ? text.p[i] : '?');
    struct view result = arena_dup(run->arena, str_view(&clean));
    str_done(&clean);
    return result;
}

/* A failing list is told once per question, and passed over. */
static void log_failure(struct access_run *run, const struct rbl_list *l,
                        struct view name)
{
    log_warning("%.*s%.*s: RBL lookup error: %s", VIEW_FMT(name), VIEW_FMT(l->zone),
                run->error.text);
}

static enum access_says refuse_listed(struct access_run *run, struct view argument,
                                      struct view name, struct view what,
                                      const char *class, enum access_stage about)
{
    struct rbl_list l = list_of(argument);
    struct view owned = VIEW_NONE;
    if (view_is_empty(name))
        return SAYS_DUNNO;
    if (!view_ends(name, VIEW("."))) {
        owned = arena_printf(run->arena, "%.*s.", VIEW_FMT(name));
        name = owned;
    }
    switch (look_up(run, &l, name)) {
    case DNS_OK:
        break;
    case DNS_TEMPFAIL:
        log_failure(run, &l, name);
        return SAYS_DUNNO;
    case DNS_NODATA:
    case DNS_NXDOMAIN:
    case DNS_INVALID:
    case DNS_POLICY:
    default:
        return SAYS_DUNNO;
    }
    const struct rbl_answer answer = {.run = run,
                                      .list = l.zone,
                                      .what = what,
                                      .reason = reason(run, &l, name),
                                      .class = class,
                                      .about = about};
    return rbl_refuse(&answer);
}

enum access_says ask_reject_rbl(struct access_run *run, const struct restriction *r)
{
    struct view address = run->subject->client_address;
    return refuse_listed(run, r->argument, reversed(run->arena, address), address,
                         access_reply_class(ACCESS_CLIENT), ACCESS_CLIENT);
}

/* The zones of maps_rbl_domains, one after the other. */
enum access_says ask_reject_maps_rbl(struct access_run *run, const struct restriction *r)
{
    struct view rest = conf_view(run->access->conf, P_maps_rbl_domains), zone;
    struct view address = run->subject->client_address;
    enum access_says says = SAYS_DUNNO;
    log_warning("support for restriction \"%.*s\" will be removed from %s; use "
                "\"reject_rbl_client domain-name\" instead",
                VIEW_FMT(r->text), "Postfix");
    while (says == SAYS_DUNNO && conf_list_next(&rest, &zone))
        says = refuse_listed(run, zone, reversed(run->arena, address), address,
                             access_reply_class(ACCESS_CLIENT), ACCESS_CLIENT);
    return says;
}

/* The domain that a list of domains can know: no literal, no number. */
static struct view askable_domain(struct view name)
{
    struct view local, domain;
    if (address_split(name, &local, &domain) && !view_is_empty(domain))
        name = domain;
    if (view_is_empty(name) || name.p[0] == '[' || name.p[0] == '#' ||
        view_eq(name, VIEW("unknown")) || ipv4_is_valid(name) || !view_has(name, '.'))
        return VIEW_NONE;
    return name;
}

enum access_says ask_reject_rhsbl(struct access_run *run, const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    const struct {
        const char *name;
        struct view what;
        enum access_stage about;
        const char *class; /* NULL: that of the stage */
    } kinds[] = {
        {"reject_rhsbl_client", s->client_name, ACCESS_CLIENT, NULL},
        {"reject_rhsbl_reverse_client", s->reverse_name, ACCESS_CLIENT,
         ACCESS_UNVERIFIED_CLIENT},
        {"reject_rhsbl_helo", s->helo_name, ACCESS_HELO, NULL},
        {"reject_rhsbl_sender", s->has_sender ? s->sender : VIEW_NONE, ACCESS_SENDER,
         NULL},
        {"reject_rhsbl_recipient", s->recipient, ACCESS_RECIPIENT, NULL},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(r->type->name, kinds[i].name) == 0)
            return refuse_listed(
                run, r->argument, askable_domain(kinds[i].what), kinds[i].what,
                kinds[i].class ? kinds[i].class : access_reply_class(kinds[i].about),
                kinds[i].about);
    }
    return SAYS_DUNNO;
}

/* A list of good ones never opens the relay, and its failure softens refusals. */
static enum access_says permit_listed(struct access_run *run, const struct restriction *r,
                                      struct view name, struct view what)
{
    struct rbl_list l = list_of(r->argument);
    if (view_is_empty(name))
        return SAYS_DUNNO;
    if (!view_ends(name, VIEW(".")))
        name = arena_printf(run->arena, "%.*s.", VIEW_FMT(name));
    switch (look_up(run, &l, name)) {
    case DNS_OK:
        return access_is_for_us(run)
                   ? access_permit(run, view_of(r->type->name), ACCESS_CLIENT, NULL)
                   : SAYS_DUNNO;
    case DNS_TEMPFAIL:
        return access_defer_if_reject(run, "4.7.1", "<%.*s>: %s rejected: %s",
                                      VIEW_FMT(what), access_reply_class(ACCESS_CLIENT),
                                      "Service unavailable");
    case DNS_NODATA:
    case DNS_NXDOMAIN:
    case DNS_INVALID:
    case DNS_POLICY:
    default:
        return SAYS_DUNNO;
    }
}

enum access_says ask_permit_dnswl(struct access_run *run, const struct restriction *r)
{
    struct view address = run->subject->client_address;
    return permit_listed(run, r, reversed(run->arena, address), address);
}

enum access_says ask_permit_rhswl(struct access_run *run, const struct restriction *r)
{
    struct view name = run->subject->client_name;
    return permit_listed(run, r, askable_domain(name), name);
}
