/* tickets - keys that session tickets are sealed with (RFC 5077, RFC 8446 4.6.1)
 *
 * One key seals for a period (smtpd_tls_session_cache_timeout), and opens for one period
 * more; then it is gone, and with it what could read old sessions.  All processes of an
 * instance should have the same keys: a source gives them (tlsmgr); without one each
 * process makes its own.
 */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include "conf/conf.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct tls_ticket_key {
    unsigned char name[16], cipher[32], mac[32];
    int64_t made; /* wall clock, microseconds; 0: no key */
};

/* Fill in CURRENT and PREVIOUS (made 0 when there is none); false when the source does
 * not answer.  May suspend. */
typedef bool tls_ticket_source_fn(struct tls_ticket_key *current,
                                  struct tls_ticket_key *previous, int64_t period,
                                  void *arg);
void tls_tickets_set_source(tls_ticket_source_fn *source, void *arg);
/* --- ticket_link.c --- */
/* Keys as they travel: name, cipher, mac, time. */
#define TLS_TICKET_KEY_WIRE 88
void tls_ticket_key_pack(const struct tls_ticket_key *k, char out[TLS_TICKET_KEY_WIRE]);
bool tls_ticket_key_unpack(struct view bytes, struct tls_ticket_key *k);

/* Let the contexts made from here on seal tickets by CIPHER ("aes-256-cbc") with keys
 * that last PERIOD.  False when there is no such cipher: no tickets then. */
bool tls_tickets_use(SSL_CTX *ctx, const char *cipher, int64_t period);
/* Before a handshake: see that there is a key and that it is not too old.  May suspend.
 */
void tls_tickets_refresh(void);
/* A new key now. */
bool tls_ticket_key_make(struct tls_ticket_key *k);

#endif
