/* tickets - rotating keys of session tickets; see tickets.h */
#include "tls/tickets.h"

#include "base/clock.h"
#include "base/log.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

static struct {
    struct tls_ticket_key current, previous;
    const EVP_CIPHER *cipher;
    int64_t period;
    tls_ticket_source_fn *source;
    void *arg;
    bool is_asking;
} tickets;

void tls_tickets_set_source(tls_ticket_source_fn *source, void *arg)
{
    tickets.source = source;
    tickets.arg = arg;
}

bool tls_ticket_key_make(struct tls_ticket_key *k)
{
    k->made = clock_wall();
    return RAND_bytes(k->name, sizeof k->name) == 1 &&
           RAND_priv_bytes(k->cipher, sizeof k->cipher) == 1 &&
           RAND_priv_bytes(k->mac, sizeof k->mac) == 1;
}

static bool is_fresh(const struct tls_ticket_key *k, int64_t periods)
{
    int64_t age = clock_wall() - k->made;
    return k->made != 0 && age >= 0 && age < periods * tickets.period;
}

static void make_own(void)
{
    tickets.previous = tickets.current;
    if (!tls_ticket_key_make(&tickets.current))
        tickets.current.made = 0;
}

void tls_tickets_refresh(void)
{
    struct tls_ticket_key current, previous;
    if (!tickets.cipher || is_fresh(&tickets.current, 1) || tickets.is_asking)
        return;
    tickets.is_asking = true; /* others use what is there meanwhile */
    if (tickets.source &&
        tickets.source(&current, &previous, tickets.period, tickets.arg)) {
        tickets.current = current;
        tickets.previous = previous;
    } else {
        make_own();
    }
    tickets.is_asking = false;
}

static const struct tls_ticket_key *find_key(const unsigned char *name)
{
    if (is_fresh(&tickets.current, 2) && memcmp(name, tickets.current.name, 16) == 0)
        return &tickets.current;
    if (is_fresh(&tickets.previous, 2) && memcmp(name, tickets.previous.name, 16) == 0)
        return &tickets.previous;
    return NULL;
}

static bool set_mac(EVP_MAC_CTX *mac, const struct tls_ticket_key *k)
{
    unsigned char key[sizeof k->mac];
    char digest[] = "sha256";
    memcpy(key, k->mac, sizeof key);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, sizeof key),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/* OpenSSL asks for a key to seal or to open with: 1 yes, 2 yes and make a new ticket, 0
 * no key (a whole handshake follows), -1 error. */
static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
                      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
    const struct tls_ticket_key *k = seal ? &tickets.current : find_key(name);
    if (!k || (seal && k->made == 0))
        return 0;
    if (seal) {
        memcpy(name, k->name, sizeof k->name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(tickets.cipher)) != 1 ||
            EVP_EncryptInit_ex2(cipher, tickets.cipher, k->cipher, iv, NULL) != 1)
            return -1;
    } else if (EVP_DecryptInit_ex2(cipher, tickets.cipher, k->cipher, iv, NULL) != 1) {
        return -1;
    }
    if (!set_mac(mac, k))
        return -1;
    /* TLSv1.3 clients use a ticket once (RFC 8446 C.4). */
    return !seal && (k != &tickets.current || SSL_version(ssl) >= TLS1_3_VERSION) ? 2 : 1;
}

bool tls_tickets_use(SSL_CTX *ctx, const char *name, int64_t period)
{
    const EVP_CIPHER *cipher = *name ? EVP_get_cipherbyname(name) : NULL;
    tickets.cipher = NULL;
    if (!cipher || EVP_CIPHER_get_key_length(cipher) > 32 ||
        EVP_CIPHER_get_iv_length(cipher) > EVP_MAX_IV_LENGTH || period <= 0) {
        if (*name && period > 0)
            log_warning("tls_session_ticket_cipher: invalid value: %s; session tickets "
                        "disabled",
                        name);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        return false;
    }
    tickets.cipher = cipher;
    tickets.period = period;
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key);
    return true;
}
