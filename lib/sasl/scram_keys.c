/* scram_keys - derive, store and read SCRAM's keys */
#include "sasl/scram_keys.h"

#include "base/number.h"
#include "format/base64.h"
#include "sasl/password.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { MADE_SALT = 16 };

static const EVP_MD *algorithm(enum scram_hash hash)
{
    return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

size_t scram_hash_size(enum scram_hash hash)
{
    return hash == SCRAM_SHA_1 ? 20 : 32;
}

bool scram_hmac(enum scram_hash hash, const char *key, struct view text,
                char out[SCRAM_HASH_MAX])
{
    unsigned n = 0;
    return HMAC(algorithm(hash), key, (int)scram_hash_size(hash),
                (const unsigned char *)text.p, text.n, (unsigned char *)out, &n) != NULL;
}

bool scram_digest(enum scram_hash hash, struct view text, char out[SCRAM_HASH_MAX])
{
    unsigned n = 0;
    return EVP_Digest(text.p, text.n, (unsigned char *)out, &n, algorithm(hash), NULL) ==
           1;
}

bool scram_keys_derive(struct view password, enum scram_hash hash, const char *salt,
                       size_t salt_n, unsigned iterations, struct scram_keys *out,
                       struct error *e)
{
    char salted[SCRAM_HASH_MAX];
    size_t n = scram_hash_size(hash);
    *out = (struct scram_keys){.iterations = iterations};
    if (salt_n <= SCRAM_SALT_MAX && password.n <= PASSWORD_MAX &&
        PKCS5_PBKDF2_HMAC(password.p ? password.p : "", (int)password.n,
                          (const unsigned char *)salt, (int)salt_n, (int)iterations,
                          algorithm(hash), (int)n, (unsigned char *)salted) == 1) {
        memcpy(out->salt, salt, salt_n);
        out->salt_n = salt_n;
        bool good = scram_hmac(hash, salted, VIEW("Client Key"), out->client) &&
                    scram_digest(hash, (struct view){out->client, n}, out->stored) &&
                    scram_hmac(hash, salted, VIEW("Server Key"), out->server);
        OPENSSL_cleanse(salted, sizeof salted);
        if (good)
            return true;
    }
    error_set(e, "4.7.0", "SCRAM keys cannot be derived");
    return false;
}

/* One base64 field, cut from the front of *REST, at most MAX bytes. */
static bool take_field(struct view *rest, char *out, size_t max, size_t *n)
{
    struct view field;
    struct str raw = STR_INIT(SCRAM_SALT_MAX);
    (void)view_cut(*rest, ',', &field, rest);
    bool good = base64_decode(field, &raw) && raw.n > 0 && raw.n <= max;
    if (good) {
        memcpy(out, str_view(&raw).p, raw.n);
        *n = raw.n;
    }
    str_done(&raw);
    return good;
}

bool scram_keys_parse(struct view value, enum scram_hash hash, struct scram_keys *out)
{
    struct view count, rest;
    int iterations;
    size_t stored = 0, server = 0, size = scram_hash_size(hash);
    *out = (struct scram_keys){.iterations = 0};
    if (!view_cut(value, ',', &count, &rest) ||
        !number_parse_int(count, 1, SCRAM_ITERATIONS_MAX, &iterations))
        return false;
    out->iterations = (unsigned)iterations;
    return take_field(&rest, out->salt, SCRAM_SALT_MAX, &out->salt_n) &&
           take_field(&rest, out->stored, size, &stored) && stored == size &&
           take_field(&rest, out->server, size, &server) && server == size && rest.n == 0;
}

bool scram_keys_make(struct view password, enum scram_hash hash, struct str *out,
                     struct error *e)
{
    struct scram_keys k;
    char salt[MADE_SALT];
    size_t n = scram_hash_size(hash);
    password_random(salt, sizeof salt);
    if (!scram_keys_derive(password, hash, salt, sizeof salt, SCRAM_ITERATIONS, &k, e))
        return false;
    str_addf(out, "%u,", k.iterations);
    base64_encode((struct view){k.salt, k.salt_n}, out);
    str_add_char(out, ',');
    base64_encode((struct view){k.stored, n}, out);
    str_add_char(out, ',');
    return base64_encode((struct view){k.server, n}, out);
}
