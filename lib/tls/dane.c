/* dane - TLSA records of a server; see dane.h */
#include "tls/dane.h"

#include "base/clock.h"
#include "base/number.h"
#include "tls/private.h"

#define DNS_TIMEOUT (60 * CLOCK_SECOND)

/* "sha256" and its kin may have "=1" behind them. */
static bool digest_is_listed(const struct conf *c, unsigned matching)
{
    struct view rest = conf_view(c, P_tls_dane_digests), word, name, number;
    while (view_token(&rest, VIEW(" \t\r\n,"), &word)) {
        uint64_t n = 0;
        if (!view_cut(word, '=', &name, &number))
            n = view_eq_case(name, VIEW("sha256"))   ? 1
                : view_eq_case(name, VIEW("sha512")) ? 2
                                                     : 0;
        else if (!number_parse_u64(number, 1, 254, &n))
            continue;
        if (n == matching)
            return true;
    }
    return false;
}

bool tls_dane_is_usable(const struct conf *c, const struct dns_tlsa_record *r)
{
    size_t length = r->matching == 1 ? 32 : r->matching == 2 ? 64 : 0;
    if ((r->usage != 2 && r->usage != 3) || r->selector > 1)
        return false; /* RFC 7672 3.1.3: authorities of the web are not asked */
    if (r->matching == 0)
        return true;
    return digest_is_listed(c, r->matching) && (!length || r->data.n == length);
}

static bool has_usable(const struct conf *c, const struct dns_tlsa *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (tls_dane_is_usable(c, &t->items[i]))
            return true;
    }
    return false;
}

enum tls_dane_status tls_dane_find(const struct conf *c, struct view host, uint16_t port,
                                   struct arena *a, struct tls_dane *out, struct error *e)
{
    struct error cause = ERROR_INIT;
    struct view name = arena_printf(a, "_%u._tcp.%.*s", (unsigned)port, VIEW_FMT(host));
    *out = (struct tls_dane){.base = host};
    switch (dns_lookup_tlsa(a, name, DNS_TIMEOUT, &out->records, &cause)) {
    case DNS_OK:
        if (!out->records.secure || out->records.n == 0)
            return TLS_DANE_NONE;
        return has_usable(c, &out->records) ? TLS_DANE_FOUND : TLS_DANE_UNUSABLE;
    case DNS_NODATA:
    case DNS_NXDOMAIN:
    case DNS_INVALID:
    case DNS_POLICY:
        return TLS_DANE_NONE;
    case DNS_TEMPFAIL:
        break;
    }
    error_set(e, "4.7.5", "TLSA lookup error for %.*s:%u", VIEW_FMT(host),
              (unsigned)port);
    return TLS_DANE_TEMPFAIL;
}
