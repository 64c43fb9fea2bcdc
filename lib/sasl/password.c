/* password - which scheme a stored value has, and what checks it
 *
 * crypt(3) and libargon2 do the slow ones, digest.c those of plain digests, scram_keys.c
 * what SCRAM stores.
 */
#include "sasl/password.h"

#include "base/memory.h"
#include "sasl/digest.h"
#include "sasl/scram_keys.h"

#include <argon2.h>
#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <sys/random.h>

#include "base/log.h"

enum { SALT_BYTES = 16 };
/* OWASP's second choice for argon2id: 19 MiB, 2 passes, 1 lane. */
enum { ARGON_PASSES = 2, ARGON_KIB = 19456, ARGON_LANES = 1, ARGON_BYTES = 32 };

typedef enum password_match check_fn(struct view value, struct view password,
                                     struct error *e);
typedef bool make_fn(struct view password, struct str *out, struct error *e);

struct scheme {
    struct view name;
    check_fn *check;
    make_fn *make; /* NULL: cannot be made here */
};

void password_random(void *p, size_t n)
{
    char *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno != EINTR)
            log_fatal("getrandom: %s", strerror(errno));
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

bool password_equal(struct view a, struct view b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

static enum password_match verdict(bool equal)
{
    return equal ? PASSWORD_MATCHES : PASSWORD_DIFFERS;
}

/* --- clear text --- */

static enum password_match check_clear(struct view value, struct view password,
                                       struct error *e)
{
    (void)e;
    return verdict(password_equal(value, password));
}

static bool make_clear(struct view password, struct str *out, struct error *e)
{
    (void)e;
    return str_add(out, password);
}

/* --- crypt(3) --- */

static enum password_match check_crypt(struct view value, struct view password,
                                       struct error *e)
{
    char setting[CRYPT_OUTPUT_SIZE], phrase[PASSWORD_MAX + 1];
    struct crypt_data *data = NEW(struct crypt_data);
    enum password_match m = PASSWORD_UNUSABLE;
    if (value.n < sizeof setting && password.n < sizeof phrase &&
        !view_has(password, '\0')) {
        memcpy(setting, value.p, value.n);
        setting[value.n] = '\0';
        memcpy(phrase, password.p, password.n);
        phrase[password.n] = '\0';
        const char *made = crypt_r(phrase, setting, data);
        OPENSSL_cleanse(phrase, sizeof phrase);
        if (made != NULL && made[0] != '*')
            m = verdict(password_equal(view_of(made), value));
    } else if (value.n < sizeof setting) {
        m = PASSWORD_DIFFERS;
    }
    if (m == PASSWORD_UNUSABLE)
        error_set(e, "4.7.0", "crypt(3) does not know this form of password");
    OPENSSL_cleanse(data, sizeof *data);
    memory_free(data);
    return m;
}

/* With PREFIX as crypt_gensalt(3) knows it. */
static bool make_crypt(const char *prefix, struct view password, struct str *out,
                       struct error *e)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE], phrase[PASSWORD_MAX + 1];
    struct crypt_data *data = NEW(struct crypt_data);
    bool good = false;
    if (password.n < sizeof phrase && !view_has(password, '\0')) {
        memcpy(phrase, password.p, password.n);
        phrase[password.n] = '\0';
        if (crypt_gensalt_rn(prefix, 0, NULL, 0, setting, sizeof setting) != NULL) {
            const char *made = crypt_r(phrase, setting, data);
            good = made != NULL && made[0] != '*' && str_add_cstr(out, made);
        }
        OPENSSL_cleanse(phrase, sizeof phrase);
    }
    if (!good)
        error_set(e, "4.7.0", "crypt(3) cannot make this form of password");
    OPENSSL_cleanse(data, sizeof *data);
    memory_free(data);
    return good;
}

#define MAKE_CRYPT(name, prefix)                                                         \
    static bool name(struct view password, struct str *out, struct error *e)             \
    {                                                                                    \
        return make_crypt(prefix, password, out, e);                                     \
    }
MAKE_CRYPT(make_yescrypt, "$y$")
MAKE_CRYPT(make_sha512_crypt, "$6$")
MAKE_CRYPT(make_sha256_crypt, "$5$")
MAKE_CRYPT(make_bcrypt, "$2b$")
MAKE_CRYPT(make_md5_crypt, "$1$")

/* --- argon2 --- */

static enum password_match check_argon2(struct view value, struct view password,
                                        struct error *e)
{
    char encoded[512];
    if (value.n < sizeof encoded) {
        memcpy(encoded, value.p, value.n);
        encoded[value.n] = '\0';
        argon2_type type = view_starts(value, VIEW("$argon2id$")) ? Argon2_id : Argon2_i;
        int code = argon2_verify(encoded, password.p, password.n, type);
        if (code == ARGON2_OK || code == ARGON2_VERIFY_MISMATCH)
            return verdict(code == ARGON2_OK);
        error_set(e, "4.7.0", "argon2: %s", argon2_error_message(code));
    } else {
        error_set(e, "4.7.0", "argon2: value is too long");
    }
    return PASSWORD_UNUSABLE;
}

static bool make_argon2id(struct view password, struct str *out, struct error *e)
{
    char salt[SALT_BYTES], encoded[512];
    password_random(salt, sizeof salt);
    int code = argon2id_hash_encoded(ARGON_PASSES, ARGON_KIB, ARGON_LANES, password.p,
                                     password.n, salt, sizeof salt, ARGON_BYTES, encoded,
                                     sizeof encoded);
    if (code != ARGON2_OK) {
        error_set(e, "4.7.0", "argon2: %s", argon2_error_message(code));
        return false;
    }
    return str_add_cstr(out, encoded);
}

/* --- SCRAM --- */

static enum password_match check_scram(enum scram_hash hash, struct view value,
                                       struct view password, struct error *e)
{
    struct scram_keys k, made;
    if (!scram_keys_parse(value, hash, &k)) {
        error_set(e, "4.7.0", "SCRAM: malformed value");
        return PASSWORD_UNUSABLE;
    }
    if (!scram_keys_derive(password, hash, k.salt, k.salt_n, k.iterations, &made, e))
        return PASSWORD_UNUSABLE;
    return verdict(CRYPTO_memcmp(made.stored, k.stored, scram_hash_size(hash)) == 0);
}

#define SCRAM(check, make, hash)                                                         \
    static enum password_match check(struct view value, struct view password,            \
                                     struct error *e)                                    \
    {                                                                                    \
        return check_scram(hash, value, password, e);                                    \
    }                                                                                    \
    static bool make(struct view password, struct str *out, struct error *e)             \
    {                                                                                    \
        return scram_keys_make(password, hash, out, e);                                  \
    }
SCRAM(check_scram_sha1, make_scram_sha1, SCRAM_SHA_1)
SCRAM(check_scram_sha256, make_scram_sha256, SCRAM_SHA_256)

/* --- all of them --- */

static const struct scheme schemes[] = {
    {VIEW("ARGON2ID"), check_argon2, make_argon2id},
    {VIEW("ARGON2I"), check_argon2, NULL},
    {VIEW("PLAIN"), check_clear, make_clear},
    {VIEW("CLEARTEXT"), check_clear, make_clear},
    {VIEW("CLEAR"), check_clear, make_clear},
    {VIEW("CRYPT"), check_crypt, make_yescrypt},
    {VIEW("DES-CRYPT"), check_crypt, NULL},
    {VIEW("MD5-CRYPT"), check_crypt, make_md5_crypt},
    {VIEW("MD5"), check_crypt, make_md5_crypt},
    {VIEW("SHA256-CRYPT"), check_crypt, make_sha256_crypt},
    {VIEW("SHA512-CRYPT"), check_crypt, make_sha512_crypt},
    {VIEW("BLF-CRYPT"), check_crypt, make_bcrypt},
    {VIEW("SCRAM-SHA-1"), check_scram_sha1, make_scram_sha1},
    {VIEW("SCRAM-SHA-256"), check_scram_sha256, make_scram_sha256},
};

static const struct scheme *find_scheme(struct view name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (view_eq_case(name, schemes[i].name))
            return &schemes[i];
    return NULL;
}

/* "{SCHEME}value" into its parts; a value without braces is for crypt(3). */
static bool split(struct view stored, struct view *scheme, struct view *value)
{
    *scheme = VIEW("CRYPT");
    *value = stored;
    if (stored.n == 0 || stored.p[0] != '{')
        return stored.n > 0;
    return view_cut(view_from(stored, 1), '}', scheme, value);
}

/* The next of several values.  Clear text may hold spaces, so it is always the last. */
static bool next_stored(struct view *rest, struct view *one)
{
    struct view scheme, value, lead = view_trim_space(*rest);
    if (lead.n == 0)
        return false;
    *one = lead;
    *rest = VIEW_NONE;
    const struct scheme *s = split(lead, &scheme, &value) ? find_scheme(scheme) : NULL;
    if (s != NULL && s->check == check_clear)
        return true;
    (void)view_cut(lead, ' ', one, rest);
    return true;
}

static enum password_match check_one(struct view stored, struct view password,
                                     struct error *e)
{
    struct view scheme, value;
    if (!split(stored, &scheme, &value)) {
        error_set(e, "4.7.0", "stored password without end of its {SCHEME}");
        return PASSWORD_UNUSABLE;
    }
    const struct scheme *s = find_scheme(scheme);
    if (s != NULL)
        return s->check(value, password, e);
    if (digest_is_known(scheme))
        return digest_check(scheme, value, password, e);
    error_set(e, "4.7.0", "unknown password scheme {%.*s}", VIEW_FMT(scheme));
    return PASSWORD_UNUSABLE;
}

enum password_match password_check(struct view stored, struct view password,
                                   struct error *e)
{
    struct view one;
    enum password_match best = PASSWORD_UNUSABLE;
    if (stored.n > PASSWORD_STORED_MAX || password.n > PASSWORD_MAX)
        return PASSWORD_DIFFERS;
    error_set(e, "4.7.0", "no stored password");
    while (next_stored(&stored, &one)) {
        enum password_match m = check_one(one, password, e);
        if (m == PASSWORD_MATCHES)
            return m;
        if (m == PASSWORD_DIFFERS)
            best = m;
    }
    return best;
}

bool password_make(struct view scheme, struct view password, struct str *out,
                   struct error *e)
{
    const struct scheme *s = find_scheme(scheme);
    str_addf(out, "{%.*s}", VIEW_FMT(scheme));
    if (s != NULL && s->make != NULL)
        return s->make(password, out, e) && !out->overflow;
    if (s == NULL && digest_is_known(scheme))
        return digest_make(scheme, password, out, e) && !out->overflow;
    error_set(e, "5.7.0", "passwords of scheme {%.*s} cannot be made", VIEW_FMT(scheme));
    return false;
}

struct view password_best_scheme(void)
{
    return schemes[0].name;
}

bool password_is_of(struct view stored, struct view scheme)
{
    struct view one, name, value;
    return next_stored(&stored, &one) && split(one, &name, &value) &&
           view_eq_case(name, scheme);
}

bool password_find(struct view stored, struct view scheme, struct view *value)
{
    struct view one, name;
    while (next_stored(&stored, &one))
        if (split(one, &name, value) && view_eq_case(name, scheme))
            return true;
    return false;
}

bool password_find_clear(struct view stored, struct str *out)
{
    struct view value;
    static const struct view names[] = {VIEW("PLAIN"), VIEW("CLEARTEXT"), VIEW("CLEAR")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (password_find(stored, names[i], &value))
            return str_set(out, value);
    return false;
}
