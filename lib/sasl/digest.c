/* digest - a digest of password and salt, in base64 or hexadecimal */
#include "sasl/digest.h"

#include "base/number.h"
#include "format/base64.h"

#include <openssl/evp.h>

enum { MADE_SALT = 8, VALUE_MAX = 512 };

struct digest_scheme {
    struct view name;
    const char *digest; /* as OpenSSL calls it */
    bool has_salt, is_hex;
};

static const struct digest_scheme schemes[] = {
    {VIEW("PLAIN-MD5"), "MD5", false, true},  {VIEW("LDAP-MD5"), "MD5", false, false},
    {VIEW("SMD5"), "MD5", true, false},       {VIEW("SHA"), "SHA1", false, false},
    {VIEW("SHA1"), "SHA1", false, false},     {VIEW("SSHA"), "SHA1", true, false},
    {VIEW("SHA256"), "SHA256", false, false}, {VIEW("SSHA256"), "SHA256", true, false},
    {VIEW("SHA512"), "SHA512", false, false}, {VIEW("SSHA512"), "SHA512", true, false},
};

/* The scheme of NAME, which may end with ".HEX", ".B64" or ".BASE64". */
static const struct digest_scheme *find(struct view name, bool *is_hex)
{
    struct view plain, suffix;
    bool has_suffix = view_cut(name, '.', &plain, &suffix);
    bool says_hex = view_eq_case(suffix, VIEW("HEX"));
    if (has_suffix && !says_hex && !view_eq_case(suffix, VIEW("B64")) &&
        !view_eq_case(suffix, VIEW("BASE64")))
        return NULL;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (view_eq_case(plain, schemes[i].name)) {
            *is_hex = has_suffix ? says_hex : schemes[i].is_hex;
            return &schemes[i];
        }
    return NULL;
}

bool digest_is_known(struct view scheme)
{
    bool is_hex;
    return find(scheme, &is_hex) != NULL;
}

static bool from_hex(struct view v, struct str *out)
{
    for (size_t i = 0; i < v.n; i += 2) {
        uint64_t byte;
        if (!number_parse_base(view_sub(v, i, 2), 16, 255, &byte) || i + 1 >= v.n)
            return false;
        str_add_char(out, (char)byte);
    }
    return !out->overflow;
}

static void to_hex(struct view v, struct str *out)
{
    for (size_t i = 0; i < v.n; i++)
        str_addf(out, "%02x", (unsigned)(unsigned char)v.p[i]);
}

/* The digest of PASSWORD and SALT; its length, 0 when OpenSSL refuses the kind. */
static unsigned compute(const char *kind, struct view password, struct view salt,
                        unsigned char out[EVP_MAX_MD_SIZE])
{
    unsigned n = 0;
    EVP_MD *md = EVP_MD_fetch(NULL, kind, NULL);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = md != NULL && c != NULL && EVP_DigestInit_ex(c, md, NULL) == 1 &&
                EVP_DigestUpdate(c, password.p, password.n) == 1 &&
                EVP_DigestUpdate(c, salt.p, salt.n) == 1 &&
                EVP_DigestFinal_ex(c, out, &n) == 1;
    EVP_MD_CTX_free(c);
    EVP_MD_free(md);
    return good ? n : 0;
}

enum password_match digest_check(struct view scheme, struct view value,
                                 struct view password, struct error *e)
{
    bool is_hex = false;
    const struct digest_scheme *s = find(scheme, &is_hex);
    struct str raw = STR_INIT(VALUE_MAX);
    unsigned char made[EVP_MAX_MD_SIZE];
    enum password_match m = PASSWORD_UNUSABLE;
    bool decoded = is_hex ? from_hex(value, &raw) : base64_decode(value, &raw);
    int size = EVP_MD_get_size(EVP_get_digestbyname(s->digest));
    size_t need = size > 0 ? (size_t)size : SIZE_MAX;
    if (decoded && (s->has_salt ? raw.n > need : raw.n == need)) {
        struct view salt = view_from(str_view(&raw), need);
        unsigned n = compute(s->digest, password, salt, made);
        if (n == need)
            m = password_equal((struct view){(char *)made, n},
                               view_sub(str_view(&raw), 0, n))
                    ? PASSWORD_MATCHES
                    : PASSWORD_DIFFERS;
    }
    if (m == PASSWORD_UNUSABLE)
        error_set(e, "4.7.0", "malformed {%.*s} password", VIEW_FMT(scheme));
    str_done(&raw);
    return m;
}

bool digest_make(struct view scheme, struct view password, struct str *out,
                 struct error *e)
{
    bool is_hex = false;
    const struct digest_scheme *s = find(scheme, &is_hex);
    unsigned char made[EVP_MAX_MD_SIZE];
    char salt[MADE_SALT];
    struct view added = {salt, s->has_salt ? sizeof salt : 0};
    password_random(salt, sizeof salt);
    unsigned n = compute(s->digest, password, added, made);
    if (n == 0) {
        error_set(e, "4.7.0", "%s is not available", s->digest);
        return false;
    }
    struct str raw = STR_INIT(VALUE_MAX);
    str_add(&raw, (struct view){(char *)made, n});
    str_add(&raw, added);
    if (is_hex)
        to_hex(str_view(&raw), out);
    else
        base64_encode(str_view(&raw), out);
    str_done(&raw);
    return true;
}
