/* certificate - names and fingerprints of a peer's certificate
 *
 * Everything here was written by strangers: names must be printable UTF-8 without NUL
 * and of bounded length, or they do not count.  RFC 6125, RFC 7672 3.2.
 */
#include "base/log.h"
#include "tls/private.h"

#include <openssl/x509v3.h>

#define NAME_MAX_BYTES 256

const EVP_MD *tls_digest(struct view name)
{
    char text[64];
    if (name.n >= sizeof text)
        return NULL;
    (void)snprintf(text, sizeof text, "%.*s", VIEW_FMT(name));
    return EVP_get_digestbyname(text);
}

static struct view hex_of(const unsigned char *p, unsigned n, struct arena *a)
{
    char *text = arena_alloc(a, (size_t)n * 3 + 1);
    static const char digits[] = "0123456789ABCDEF";
    for (unsigned i = 0; i < n; i++) {
        text[3 * i] = digits[p[i] >> 4];
        text[3 * i + 1] = digits[p[i] & 15];
        text[3 * i + 2] = ':';
    }
    return (struct view){text, n ? (size_t)n * 3 - 1 : 0};
}

struct view tls_certificate_fingerprint(X509 *x, const EVP_MD *digest, struct arena *a)
{
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!digest || X509_digest(x, digest, value, &n) != 1)
        return VIEW_NONE;
    return hex_of(value, n, a);
}

struct view tls_certificate_key_fingerprint(X509 *x, const EVP_MD *digest,
                                            struct arena *a)
{
    unsigned char value[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned n = 0;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    bool good = digest && length > 0 &&
                EVP_Digest(der, (size_t)length, value, &n, digest, NULL) == 1;
    OPENSSL_free(der);
    return good ? hex_of(value, n, a) : VIEW_NONE;
}

static struct view usable_text(struct view v)
{
    if (v.n == 0 || v.n > NAME_MAX_BYTES || !view_is_utf8(v))
        return VIEW_NONE;
    for (size_t i = 0; i < v.n; i++) {
        unsigned char byte = (unsigned char)v.p[i];
        if (byte < 0x20 || byte == 0x7f)
            return VIEW_NONE;
    }
    return v;
}

/* The last entry NID of NAME. */
static struct view name_entry(X509_NAME *name, int nid, const char *what,
                              struct view peer, struct arena *a)
{
    unsigned char *utf8 = NULL;
    int at = -1, next;
    while ((next = X509_NAME_get_index_by_NID(name, nid, at)) >= 0)
        at = next;
    if (at < 0)
        return VIEW_NONE;
    int n = ASN1_STRING_to_UTF8(&utf8,
                                X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (n < 0)
        return VIEW_NONE;
    struct view found =
        arena_dup(a, usable_text((struct view){(const char *)utf8, (size_t)n}));
    if (found.n == 0 && n > 0)
        log_warning("%.*s: non-printable content in peer %s", VIEW_FMT(peer), what);
    OPENSSL_free(utf8);
    return found;
}

struct view tls_certificate_subject(X509 *x, struct view peer, struct arena *a)
{
    return name_entry(X509_get_subject_name(x), NID_commonName, "subject CN", peer, a);
}

struct view tls_certificate_issuer(X509 *x, struct view peer, struct arena *a)
{
    X509_NAME *name = X509_get_issuer_name(x);
    struct view found = name_entry(name, NID_commonName, "issuer CN", peer, a);
    return found.n > 0
               ? found
               : name_entry(name, NID_organizationName, "issuer Organization", peer, a);
}

bool tls_name_matches(struct view name, struct view pattern, bool many_labels)
{
    struct view rest;
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    if (pattern.n > 1 && pattern.p[pattern.n - 1] == '.')
        pattern.n--;
    if (name.n == 0 || pattern.n == 0)
        return false;
    if (pattern.p[0] == '.') /* all below a domain */
        return name.n > pattern.n && pattern.n > 1 && view_ends_case(name, pattern);
    if (!view_starts(name, VIEW("*.")))
        return view_eq_case(name, pattern);
    rest = view_from(name, 1); /* ".example": stands for one label, or for more */
    if (rest.n < 2 || pattern.n <= rest.n || !view_ends_case(pattern, rest))
        return false;
    return many_labels || !view_has(view_sub(pattern, 0, pattern.n - rest.n), '.');
}

/* The DNS name in G; empty when it is none. */
static struct view dns_name(const GENERAL_NAME *g)
{
    if (g->type != GEN_DNS || ASN1_STRING_type(g->d.dNSName) != V_ASN1_IA5STRING)
        return VIEW_NONE;
    struct view v = {(const char *)ASN1_STRING_get0_data(g->d.dNSName),
                     (size_t)ASN1_STRING_length(g->d.dNSName)};
    return view_is_ascii(v) ? usable_text(v) : VIEW_NONE;
}

bool tls_certificate_matches(X509 *x, struct view pattern, bool many_labels,
                             struct arena *a)
{
    bool has_dns = false, matches = false;
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && !matches; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        has_dns = has_dns || g->type == GEN_DNS;
        matches = tls_name_matches(dns_name(g), pattern, many_labels);
    }
    GENERAL_NAMES_free(names);
    if (has_dns)
        return matches;
    return tls_name_matches(
        name_entry(X509_get_subject_name(x), NID_commonName, "subject CN", VIEW_NONE, a),
        pattern, many_labels);
}

/* The same digits, whatever stands between them. */
static bool same_print(struct view a, struct view b)
{
    size_t i = 0, j = 0;
    while (i < a.n || j < b.n) {
        if (i < a.n && a.p[i] == ':')
            i++;
        else if (j < b.n && b.p[j] == ':')
            j++;
        else if (i == a.n || j == b.n || ascii_lower(a.p[i++]) != ascii_lower(b.p[j++]))
            return false;
    }
    return a.n > 0 && b.n > 0;
}

bool tls_fingerprint_is_listed(X509 *x, const EVP_MD *digest, const struct view *prints,
                               size_t n, struct arena *a)
{
    struct view whole = tls_certificate_fingerprint(x, digest, a);
    struct view key = tls_certificate_key_fingerprint(x, digest, a);
    for (size_t i = 0; i < n; i++) {
        if (same_print(prints[i], whole) || same_print(prints[i], key))
            return true;
    }
    return false;
}
