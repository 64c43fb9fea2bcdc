/* scram_keys - what a server keeps of a password for SCRAM (RFC 5802 3, RFC 7677)
 *
 * Stored as Dovecot and PostgreSQL's kin do: "4096,salt,stored key,server key", the
 * last three in base64.  Both ends of the dialogue compute with these.
 */
#ifndef SASL_SCRAM_KEYS_H
#define SASL_SCRAM_KEYS_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

enum scram_hash { SCRAM_SHA_1, SCRAM_SHA_256 };

enum {
    SCRAM_HASH_MAX = 32,
    SCRAM_SALT_MAX = 64,
    SCRAM_ITERATIONS = 4096, /* the least that RFC 7677 4 allows */
    SCRAM_ITERATIONS_MAX = 1000000
};

struct scram_keys {
    unsigned iterations;
    char salt[SCRAM_SALT_MAX];
    size_t salt_n;
    char client[SCRAM_HASH_MAX]; /* ClientKey: only from scram_keys_derive */
    char stored[SCRAM_HASH_MAX], server[SCRAM_HASH_MAX];
};

size_t scram_hash_size(enum scram_hash hash);
/* Keys of PASSWORD: PBKDF2, milliseconds.  False with *E when OpenSSL fails. */
bool scram_keys_derive(struct view password, enum scram_hash hash, const char *salt,
                       size_t salt_n, unsigned iterations, struct scram_keys *out,
                       struct error *e) MUST_CHECK;
/* Read the stored form. */
bool scram_keys_parse(struct view value, enum scram_hash hash,
                      struct scram_keys *out) MUST_CHECK;
/* Append the stored form of PASSWORD with fresh salt. */
bool scram_keys_make(struct view password, enum scram_hash hash, struct str *out,
                     struct error *e) MUST_CHECK;
/* HMAC of TEXT under KEY (of the hash's size) and the hash of TEXT. */
bool scram_hmac(enum scram_hash hash, const char *key, struct view text,
                char out[SCRAM_HASH_MAX]) MUST_CHECK;
bool scram_digest(enum scram_hash hash, struct view text,
                  char out[SCRAM_HASH_MAX]) MUST_CHECK;

#endif
