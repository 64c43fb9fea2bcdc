/* facts - what is known of a TLS session
 *
 * For Received:, logs, policies, milters and delegated policy: kept by the session beside
 * its stream.  All views live in the arena that the handshake was given; a session
 * without TLS has a struct of zeros.
 */
#ifndef TLS_FACTS_H
#define TLS_FACTS_H

#include "base/str.h"

/* How the key exchange was signed; TLSv1.3 and later. */
struct tls_signature {
    struct view name;   /* "RSA-PSS", "ECDSA", "ED25519"; empty: nobody signed */
    struct view curve;  /* "prime256v1"; else bits */
    struct view digest; /* "SHA256"; may be empty */
    int bits;
};

enum tls_peer_status {
    TLS_PEER_ANONYMOUS, /* no certificate */
    TLS_PEER_UNTRUSTED, /* a certificate that nobody vouches for */
    TLS_PEER_TRUSTED,   /* by an authority of ours */
    TLS_PEER_VERIFIED   /* and it is the one that the policy asks for */
};

struct tls_facts {
    struct view protocol; /* "TLSv1.3"; empty: no TLS */
    struct view cipher;   /* "TLS_AES_256_GCM_SHA384" */
    int bits, all_bits;   /* of the cipher: used, and had */
    struct view exchange; /* "X25519", "ECDHE", "DHE" */
    struct view exchange_curve;
    int exchange_bits;
    struct tls_signature server, client;
    /* Channel bindings: "tls-exporter" (RFC 9266), "tls-server-end-point" (RFC 5929 4).
     */
    struct view exporter, end_point;
    struct view server_name; /* the name asked for (SNI), when it was obeyed */
    bool asked;              /* server: a client certificate was asked for */
    bool resumed;
    enum tls_peer_status peer;
    /* Of the peer's certificate: printable UTF-8. */
    struct view subject, issuer; /* common names */
    struct view fingerprint;     /* "AB:CD:..." of the certificate */
    struct view key_fingerprint; /* of its public key */
};

static inline bool tls_is_on(const struct tls_facts *f)
{
    return f->protocol.n > 0;
}

/* "TLSv1.3 with cipher X (256/256 bits)"; the part that is the same in logs and
 * headers. */
void tls_facts_cipher(const struct tls_facts *f, struct str *out);
/* "key-exchange X25519 server-signature ECDSA (prime256v1) server-digest SHA256"; empty
 * before TLSv1.3. */
void tls_facts_exchange(const struct tls_facts *f, struct str *out);
/* The log line of loglevel 1: "Trusted TLS connection established to PEER: ...". */
void tls_facts_log(const struct tls_facts *f, const char *direction, struct view peer);
/* The comment of Received:, each line with its LF; smtpd_tls_received_header. */
void tls_facts_received(const struct tls_facts *f, struct str *out);

#endif
