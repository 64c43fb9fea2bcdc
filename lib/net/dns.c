/* dns - look-ups as mail needs them: MX with addresses, addresses, PTR, TXT, NS
 *
 * dns_query.c asks, dns_packet.c reads the answer; here records become results
 * and failures become Postfix's words.  RFC 5321 5.1, RFC 7505.
 */
#include "net/dns.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/dns_files.h"
#include "net/dns_filter.h"
#include "net/dns_name.h"
#include "net/dns_query.h"
#include "run/trail.h"

/* Postfix's dns_rr_list_limit: what is beyond is dropped with a warning. */
#define RECORD_LIMIT 100

static const char *type_text(enum dns_type type)
{
    switch (type) {
    case DNS_TYPE_A:
        return "A";
    case DNS_TYPE_NS:
        return "NS";
    case DNS_TYPE_CNAME:
        return "CNAME";
    case DNS_TYPE_PTR:
        return "PTR";
    case DNS_TYPE_MX:
        return "MX";
    case DNS_TYPE_TXT:
        return "TXT";
    case DNS_TYPE_SRV:
        return "SRV";
    case DNS_TYPE_AAAA:
        return "AAAA";
    case DNS_TYPE_TLSA:
        return "TLSA";
    }
    return "?";
}

const char *dns_strresult(enum dns_result r)
{
    switch (r) {
    case DNS_OK:
        return "ok";
    case DNS_NODATA:
        return "Host found but no data record of requested type";
    case DNS_NXDOMAIN:
        return "Host not found";
    case DNS_TEMPFAIL:
        return "Host not found, try again";
    case DNS_INVALID:
        return "invalid host or domain name";
    case DNS_POLICY:
        return "does not accept mail (nullMX)";
    }
    return "?";
}

/* Set *E for the failure R of looking up NAME; gives R. */
static enum dns_result failed(enum dns_result r, struct view name, enum dns_type type,
                              struct error *e)
{
    switch (r) {
    case DNS_INVALID:
        error_set(e, "5.4.4", "Name service error for %.*s: %s", VIEW_FMT(name),
                  dns_strresult(r));
        break;
    case DNS_POLICY:
        error_set(e, "5.1.0", "Domain %.*s %s", VIEW_FMT(name), dns_strresult(r));
        break;
    case DNS_OK:
    case DNS_NODATA:
    case DNS_NXDOMAIN:
    case DNS_TEMPFAIL:
        error_set(
            e, r == DNS_TEMPFAIL ? "4.4.3" : "5.4.4",
            "Host or domain name not found. Name service error for name=%.*s type=%s: %s",
            VIEW_FMT(name), type_text(type), dns_strresult(r));
        break;
    }
    return r;
}

/* The answer came, but nothing in it is usable. */
static enum dns_result malformed(struct view name, enum dns_type type, struct error *e)
{
    error_set(
        e, "5.4.4",
        "Name service error for name=%.*s type=%s: Malformed or unexpected name server "
        "reply",
        VIEW_FMT(name), type_text(type));
    return DNS_INVALID;
}

/* What one question brought. */
struct answer {
    struct view canonical; /* the owner of the records, after CNAMEs */
    struct dns_packet packet;
    bool secure;
};

/* The values of the records, as the trail shows them. */
static void add_values(const struct answer *x, enum dns_type type, struct str *out)
{
    size_t position = 0;
    const struct dns_record *r;
    char text[NET_ADDRESS_TEXT];

    while ((r = dns_packet_next(&x->packet, &position, DNS_SECTION_ANSWER, type,
                                x->canonical))) {
        str_add_cstr(out, out->n ? ", " : "");
        if (type == DNS_TYPE_A || type == DNS_TYPE_AAAA)
            str_add_cstr(out, net_address_text(&r->address, text));
        else if (type == DNS_TYPE_MX)
            str_addf(out, "%u %.*s", r->preference, VIEW_FMT(r->target));
        else
            str_add(out, type == DNS_TYPE_TXT ? r->text : r->target);
    }
}

/* Tell who listens what came of asking for NAME. */
static void tell(struct view name, enum dns_type type, enum dns_result result,
                 const struct answer *x)
{
    struct str text = STR_INIT(2048);

    if (!trail_is_set())
        return;
    if (result == DNS_OK)
        add_values(x, type, &text);
    else
        str_add_cstr(&text, dns_strresult(result));
    trail_tell(&(struct trail_step){.kind = TRAIL_DNS,
                                    .where = view_of(type_text(type)),
                                    .asked = name,
                                    .answer = str_view(&text)});
    str_done(&text);
}

/* Wait for Q, which asked for NAME, and follow CNAMEs.  May suspend. */
static enum dns_result take_answer(struct dns_query *q, struct view name,
                                   enum dns_type type, int64_t deadline,
                                   struct answer *out, struct error *e)
{
    enum dns_result r = dns_query_wait(q, deadline, &out->packet, &out->secure);
    size_t position = 0;

    if (r != DNS_OK)
        return failed(r, name, type, e);
    if (!dns_packet_canonical(&out->packet, name, &out->canonical)) {
        error_set(e, "4.4.3", "Name server loop for %.*s", VIEW_FMT(name));
        return DNS_TEMPFAIL;
    }
    if (!dns_packet_next(&out->packet, &position, DNS_SECTION_ANSWER, type,
                         out->canonical))
        return failed(DNS_NODATA, name, type, e);
    if (dns_filter_apply(&out->packet, type, out->canonical) == 0) {
        error_set(e, "4.7.0", "DNS reply filter drops all results for name=%.*s type=%s",
                  VIEW_FMT(name), type_text(type));
        return DNS_TEMPFAIL;
    }
    return DNS_OK;
}

static enum dns_result wait_answer(struct dns_query *q, struct view name,
                                   enum dns_type type, int64_t deadline,
                                   struct answer *out, struct error *e)
{
    enum dns_result r = take_answer(q, name, type, deadline, out, e);

    tell(name, type, r, out);
    return r;
}

/* Check NAME, ask, wait.  *NAME becomes its prepared form.  May suspend. */
static enum dns_result ask(struct arena *a, struct view *name, enum dns_type type,
                           int64_t timeout, struct answer *out, struct error *e)
{
    struct view prepared;
    int64_t deadline = clock_in(timeout);

    if (!dns_name_prepare(a, *name, &prepared))
        return failed(DNS_INVALID, *name, type, e);
    *name = prepared;
    return wait_answer(dns_query_start(a, prepared, type), prepared, type, deadline, out,
                       e);
}

/* Number of records of TYPE for OWNER in SECTION, at most RECORD_LIMIT. */
static size_t count(const struct dns_packet *p, enum dns_section section,
                    enum dns_type type, struct view owner)
{
    size_t n = 0, position = 0;

    while (dns_packet_next(p, &position, section, type, owner))
        n++;
    if (n <= RECORD_LIMIT)
        return n;
    log_warning("DNS record count limit (%d) exceeded -- dropping excess record(s) after "
                "qname=%.*s qtype=%s",
                RECORD_LIMIT, VIEW_FMT(owner), type_text(type));
    return RECORD_LIMIT;
}

/* Add the addresses of OWNER to OUT, which has the room. */
static void add_addresses(const struct dns_packet *p, enum dns_section section,
                          enum dns_type type, struct view owner, size_t n,
                          struct dns_addresses *out)
{
    size_t position = 0;

    for (; n > 0; n--) {
        const struct dns_record *r = dns_packet_next(p, &position, section, type, owner);
        if (out->n == 0 || r->ttl < out->ttl)
            out->ttl = r->ttl;
        out->items[out->n++].address = r->address;
    }
}

/* Both kinds of addresses that the additional section gives for NAME. */
static void additional_addresses(struct arena *a, const struct answer *answer,
                                 struct view name, struct dns_addresses *out)
{
    const struct dns_packet *p = &answer->packet;
    size_t n4 = count(p, DNS_SECTION_ADDITIONAL, DNS_TYPE_A, name);
    size_t n6 = count(p, DNS_SECTION_ADDITIONAL, DNS_TYPE_AAAA, name);

    *out = (struct dns_addresses){.secure = answer->secure};
    if (n4 + n6 == 0)
        return;
    out->items = arena_alloc_array(a, n4 + n6, sizeof(out->items[0]));
    add_addresses(p, DNS_SECTION_ADDITIONAL, DNS_TYPE_A, name, n4, out);
    add_addresses(p, DNS_SECTION_ADDITIONAL, DNS_TYPE_AAAA, name, n6, out);
}

/* Put HOST at its place by preference, behind its equals. */
static void insert_mx(struct dns_mx *mx, struct dns_mx_host host)
{
    size_t i = mx->n++;

    for (; i > 0 && mx->hosts[i - 1].preference > host.preference; i--)
        mx->hosts[i] = mx->hosts[i - 1];
    mx->hosts[i] = host;
}

static bool is_numeric_address(struct view name)
{
    struct net_address address;

    return net_address_parse(name, 0, &address);
}

enum dns_result dns_lookup_mx(struct arena *a, struct view domain, int64_t timeout,
                              struct dns_mx *out, struct error *e)
{
    struct answer answer;
    size_t position = 0;
    bool is_null = false;

    *out = (struct dns_mx){.n = 0};
    enum dns_result r = ask(a, &domain, DNS_TYPE_MX, timeout, &answer, e);
    if (r != DNS_OK)
        return r;
    size_t n = count(&answer.packet, DNS_SECTION_ANSWER, DNS_TYPE_MX, answer.canonical);
    out->hosts = arena_alloc_array(a, n, sizeof(out->hosts[0]));
    out->secure = answer.secure;
    for (; n > 0; n--) {
        const struct dns_record *record = dns_packet_next(
            &answer.packet, &position, DNS_SECTION_ANSWER, DNS_TYPE_MX, answer.canonical);
        struct dns_mx_host host = {.name = record->target,
                                   .preference = record->preference};
        if (host.name.n == 0) {
            is_null = true;
        } else if (!dns_name_is_valid(host.name) && !is_numeric_address(host.name)) {
            log_warning(
                "malformed domain name in resource data of MX record for %.*s: %.*s",
                VIEW_FMT(answer.canonical), VIEW_FMT(host.name));
        } else {
            additional_addresses(a, &answer, host.name, &host.additional);
            insert_mx(out, host);
        }
    }
    if (out->n > 0)
        return DNS_OK;
    return is_null ? failed(DNS_POLICY, domain, DNS_TYPE_MX, e)
                   : malformed(domain, DNS_TYPE_MX, e);
}

static void insert_srv(struct dns_srv *srv, struct dns_srv_host host)
{
    size_t i = srv->n++;

    for (; i > 0 && srv->hosts[i - 1].priority > host.priority; i--)
        srv->hosts[i] = srv->hosts[i - 1];
    srv->hosts[i] = host;
}

enum dns_result dns_lookup_srv(struct arena *a, struct view name, int64_t timeout,
                               struct dns_srv *out, struct error *e)
{
    struct answer answer;
    size_t position = 0;

    *out = (struct dns_srv){.n = 0};
    enum dns_result r = ask(a, &name, DNS_TYPE_SRV, timeout, &answer, e);
    if (r != DNS_OK)
        return r;
    size_t n = count(&answer.packet, DNS_SECTION_ANSWER, DNS_TYPE_SRV, answer.canonical);
    out->hosts = arena_alloc_array(a, n, sizeof(out->hosts[0]));
    for (; n > 0; n--) {
        const struct dns_record *record =
            dns_packet_next(&answer.packet, &position, DNS_SECTION_ANSWER, DNS_TYPE_SRV,
                            answer.canonical);
        struct dns_srv_host host = {.name = record->target,
                                    .priority = record->preference,
                                    .weight = record->weight,
                                    .port = record->port};
        if (host.name.n > 0 && !dns_name_is_valid(host.name)) {
            log_warning(
                "malformed domain name in resource data of SRV record for %.*s: %.*s",
                VIEW_FMT(answer.canonical), VIEW_FMT(host.name));
            continue;
        }
        additional_addresses(a, &answer, host.name, &host.additional);
        insert_srv(out, host);
    }
    return out->n > 0 ? DNS_OK : malformed(name, DNS_TYPE_SRV, e);
}

static bool is_wanted(const struct net_address *address, unsigned want)
{
    int family = net_address_family(address);

    return (family == AF_INET && (want & DNS_WANT_IPV4)) ||
           (family == AF_INET6 && (want & DNS_WANT_IPV6));
}

/* HOST is an address itself: the answer, if of a wanted kind. */
static bool numeric_addresses(struct arena *a, struct view host, unsigned want,
                              struct dns_addresses *out)
{
    struct net_address address;

    if (!net_address_parse(host, 0, &address) || !is_wanted(&address, want))
        return false;
    out->items = ARENA_NEW(a, struct dns_address);
    out->items[0].address = address;
    out->n = 1;
    return true;
}

/* What /etc/hosts knows of HOST. */
static bool hosts_addresses(struct arena *a, struct view host, unsigned want,
                            struct dns_addresses *out)
{
    struct net_address address;
    size_t position = 0;

    if ((want & DNS_WANT_NO_HOSTS) || !dns_query_hosts())
        return false;
    if (view_ends(host, VIEW(".")))
        host = view_sub(host, 0, host.n - 1);
    while (out->n < RECORD_LIMIT &&
           dns_hosts_next(dns_query_hosts(), &position, host, &address)) {
        if (!is_wanted(&address, want))
            continue;
        if (!out->items)
            out->items = arena_alloc_array(a, RECORD_LIMIT, sizeof(out->items[0]));
        out->items[out->n++].address = address;
    }
    return out->n > 0;
}

/* The worse news counts when no address came at all: a passing failure may hide one. */
static enum dns_result no_address(const enum dns_result results[2])
{
    if (results[0] == DNS_TEMPFAIL || results[1] == DNS_TEMPFAIL)
        return DNS_TEMPFAIL;
    return results[1] != DNS_OK ? results[1] : results[0];
}

enum dns_result dns_lookup_addresses(struct arena *a, struct view host, unsigned want,
                                     int64_t timeout, struct dns_addresses *out,
                                     struct error *e)
{
    static const enum dns_type types[2] = {DNS_TYPE_A, DNS_TYPE_AAAA};
    const unsigned wants[2] = {DNS_WANT_IPV4, DNS_WANT_IPV6};
    struct dns_query *queries[2] = {NULL, NULL};
    enum dns_result results[2] = {DNS_OK, DNS_OK};
    struct answer answers[2];
    size_t found[2] = {0, 0};
    int64_t deadline = clock_in(timeout);
    struct view name;

    *out = (struct dns_addresses){.n = 0};
    if (numeric_addresses(a, host, want, out) || hosts_addresses(a, host, want, out))
        return DNS_OK;
    if (!dns_name_prepare(a, host, &name))
        return failed(DNS_INVALID, host, DNS_TYPE_A, e);
    for (int i = 0; i < 2; i++) { /* both at once */
        if (want & wants[i])
            queries[i] = dns_query_start(a, name, types[i]);
    }
    for (int i = 0; i < 2; i++) {
        if (!queries[i])
            continue;
        results[i] = wait_answer(queries[i], name, types[i], deadline, &answers[i], e);
        if (results[i] == DNS_OK)
            found[i] = count(&answers[i].packet, DNS_SECTION_ANSWER, types[i],
                             answers[i].canonical);
    }
    if (found[0] + found[1] == 0)
        return failed(no_address(results), name,
                      want & DNS_WANT_IPV6 ? types[1] : types[0], e);
    out->items = arena_alloc_array(a, found[0] + found[1], sizeof(out->items[0]));
    out->secure = true;
    for (int i = 0; i < 2; i++) {
        if (found[i] == 0)
            continue;
        add_addresses(&answers[i].packet, DNS_SECTION_ANSWER, types[i],
                      answers[i].canonical, found[i], out);
        out->canonical = answers[i].canonical;
        out->secure = out->secure && answers[i].secure;
    }
    error_clear(e);
    return DNS_OK;
}

enum dns_result dns_lookup_ptr(struct arena *a, const struct net_address *address,
                               int64_t timeout, struct view *name, struct error *e)
{
    struct answer answer;
    struct view reverse;
    size_t position = 0;
    const struct dns_record *record;

    *name = dns_query_hosts() ? dns_hosts_name(dns_query_hosts(), address) : VIEW_NONE;
    if (name->n > 0) {
        *name = arena_dup(a, *name);
        return DNS_OK;
    }
    if (!dns_name_reverse(a, address, &reverse))
        return failed(DNS_INVALID, VIEW("unknown"), DNS_TYPE_PTR, e);
    enum dns_result r = ask(a, &reverse, DNS_TYPE_PTR, timeout, &answer, e);
    if (r != DNS_OK)
        return r;
    while ((record = dns_packet_next(&answer.packet, &position, DNS_SECTION_ANSWER,
                                     DNS_TYPE_PTR, answer.canonical))) {
        if (!dns_name_is_valid(record->target))
            continue;
        *name = record->target;
        return DNS_OK;
    }
    return malformed(reverse, DNS_TYPE_PTR, e);
}

/* The texts of all TXT records, or the targets of all NS records. */
static enum dns_result lookup_texts(struct arena *a, struct view name, enum dns_type type,
                                    int64_t timeout, struct dns_texts *out,
                                    struct error *e)
{
    struct answer answer;
    size_t position = 0;

    *out = (struct dns_texts){.n = 0};
    enum dns_result r = ask(a, &name, type, timeout, &answer, e);
    if (r != DNS_OK)
        return r;
    size_t n = count(&answer.packet, DNS_SECTION_ANSWER, type, answer.canonical);
    out->items = arena_alloc_array(a, n, sizeof(out->items[0]));
    while (out->n < n) {
        const struct dns_record *record = dns_packet_next(
            &answer.packet, &position, DNS_SECTION_ANSWER, type, answer.canonical);
        out->items[out->n++] = type == DNS_TYPE_TXT ? record->text : record->target;
    }
    return DNS_OK;
}

enum dns_result dns_lookup_txt(struct arena *a, struct view name, int64_t timeout,
                               struct dns_texts *out, struct error *e)
{
    return lookup_texts(a, name, DNS_TYPE_TXT, timeout, out, e);
}

enum dns_result dns_lookup_tlsa(struct arena *a, struct view name, int64_t timeout,
                                struct dns_tlsa *out, struct error *e)
{
    struct answer answer;
    size_t position = 0;
    const struct dns_record *record;

    *out = (struct dns_tlsa){.n = 0};
    enum dns_result r = ask(a, &name, DNS_TYPE_TLSA, timeout, &answer, e);
    if (r != DNS_OK)
        return r;
    size_t n = count(&answer.packet, DNS_SECTION_ANSWER, DNS_TYPE_TLSA, answer.canonical);
    out->items = arena_alloc_array(a, n, sizeof(out->items[0]));
    out->secure = answer.secure;
    for (;
         n > 0 && (record = dns_packet_next(&answer.packet, &position, DNS_SECTION_ANSWER,
                                            DNS_TYPE_TLSA, answer.canonical));
         n--) {
        if (record->text.n < 4) /* RFC 6698 2.1: three numbers and at least a byte */
            continue;
        const unsigned char *p = (const unsigned char *)record->text.p;
        out->items[out->n++] =
            (struct dns_tlsa_record){.usage = p[0],
                                     .selector = p[1],
                                     .matching = p[2],
                                     .data = view_from(record->text, 3)};
    }
    return DNS_OK;
}

enum dns_result dns_lookup_ns(struct arena *a, struct view name, int64_t timeout,
                              struct dns_texts *out, struct error *e)
{
    return lookup_texts(a, name, DNS_TYPE_NS, timeout, out, e);
}
