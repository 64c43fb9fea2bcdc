/* scram_server - SCRAM, the server's end (RFC 5802 5 to 7, RFC 7677)
 *
 * A user that does not exist goes the same way as one that does, with keys that nobody
 * can match and a salt that stays the same for the same name, so that the dialogue does
 * not tell which names exist.
 */
#include "base/hash.h"
#include "sasl/password.h"
#include "sasl/private.h"

#include <openssl/crypto.h>

enum { FAKE_SALT = 16 };

struct dialogue {
    struct sasl_server *s;
    enum scram_hash hash;
    bool is_plus;
    struct view binding_flag; /* "n", "y" or "p=type" */
    struct view gs2;          /* the header as it came: "n,a=x," */
    struct view first_bare, server_first, nonce;
    struct scram_keys keys;
    bool is_known;
};

/* The channel-binding flag against what was offered (RFC 5802 6). */
static bool flag_is_good(const struct dialogue *d)
{
    if (view_eq(d->binding_flag, VIEW("n")))
        return !d->is_plus;
    if (view_eq(d->binding_flag,
                VIEW("y"))) /* "you do not offer it": a lie is an attack */
        return !d->is_plus && !d->s->offers_plus;
    return d->is_plus && view_starts(d->binding_flag, VIEW("p=")) &&
           sasl_find_binding(d->s->bindings, d->s->n_bindings,
                             view_from(d->binding_flag, 2)) != NULL;
}

/* "n,a=other,n=user,r=nonce" */
static bool parse_first(struct dialogue *d, struct view message)
{
    struct sasl_server *s = d->s;
    struct view rest, identity, name, ignored;
    if (!view_cut(message, ',', &d->binding_flag, &rest) ||
        !view_cut(rest, ',', &identity, &d->first_bare))
        return false;
    d->gs2 = view_sub(message, 0, message.n - d->first_bare.n);
    if (identity.n > 0) {
        struct view field = identity;
        if (!scram_attribute(&field, 'a', &name) ||
            !scram_unescape(s->arena, name, &s->authorize) || !sasl_is_name(s->authorize))
            return false;
    }
    rest = d->first_bare;
    if (!scram_attribute(&rest, 'n', &name) || /* "m=": an extension we must refuse */
        !scram_unescape(s->arena, name, &s->user) || !sasl_is_name(s->user) ||
        !scram_attribute(&rest, 'r', &d->nonce) || d->nonce.n == 0)
        return false;
    ignored = rest; /* extensions that may be ignored */
    (void)ignored;
    return flag_is_good(d);
}

/* Keys for a name that is not there. */
static void make_fake_keys(struct dialogue *d)
{
    uint64_t salt[2] = {
        hash_of(d->s->user),
        hash_of(arena_printf(d->s->arena, "%.*s salt", VIEW_FMT(d->s->user)))};
    d->keys = (struct scram_keys){.iterations = SCRAM_ITERATIONS, .salt_n = FAKE_SALT};
    memcpy(d->keys.salt, salt, FAKE_SALT);
    password_random(d->keys.stored, sizeof d->keys.stored);
    password_random(d->keys.server, sizeof d->keys.server);
}

/* The keys of the user, stored or made from a clear password. */
static enum result find_keys(struct dialogue *d)
{
    struct sasl_server *s = d->s;
    struct view stored, value;
    struct str clear = STR_INIT(PASSWORD_MAX);
    char salt[FAKE_SALT];
    enum result r = s->look_up(s->arg, s->user, &stored, &s->error);
    if (r == TEMPFAIL)
        return r;
    struct view scheme =
        d->hash == SCRAM_SHA_1 ? VIEW("SCRAM-SHA-1") : VIEW("SCRAM-SHA-256");
    if (r == OK && password_find(stored, scheme, &value)) {
        d->is_known = scram_keys_parse(value, d->hash, &d->keys);
    } else if (r == OK && password_find_clear(stored, &clear)) {
        password_random(salt, sizeof salt);
        d->is_known = scram_keys_derive(str_view(&clear), d->hash, salt, sizeof salt,
                                        SCRAM_ITERATIONS, &d->keys, &s->error);
    }
    if (!d->is_known)
        make_fake_keys(d);
    str_done(&clear);
    return OK;
}

/* The binding that the client repeats is the header and the channel's data. */
static bool binding_is_good(const struct dialogue *d, struct view encoded)
{
    struct view raw, data = VIEW_NONE;
    if (!scram_unbase64(d->s->arena, encoded, &raw))
        return false;
    if (d->is_plus)
        data = sasl_find_binding(d->s->bindings, d->s->n_bindings,
                                 view_from(d->binding_flag, 2))
                   ->data;
    return raw.n == d->gs2.n + data.n &&
           password_equal(view_sub(raw, 0, d->gs2.n), d->gs2) &&
           password_equal(view_from(raw, d->gs2.n), data);
}

/* ClientKey = proof XOR HMAC(StoredKey, AuthMessage); its hash must be StoredKey. */
static bool proof_is_good(const struct dialogue *d, struct view auth, struct view proof)
{
    char key[SCRAM_HASH_MAX], made[SCRAM_HASH_MAX];
    size_t n = scram_hash_size(d->hash);
    if (proof.n != n || !scram_hmac(d->hash, d->keys.stored, auth, key))
        return false;
    for (size_t i = 0; i < n; i++)
        key[i] = (char)(key[i] ^ proof.p[i]);
    return scram_digest(d->hash, (struct view){key, n}, made) &&
           CRYPTO_memcmp(made, d->keys.stored, n) == 0 && d->is_known;
}

/* "c=...,r=...,p=...": check it, and say the server's own proof. */
static enum sasl_outcome finish(struct dialogue *d, struct view message)
{
    struct sasl_server *s = d->s;
    struct view binding, nonce, before, text, proof, ignored, rest = message;
    char signature[SCRAM_HASH_MAX];
    if (!scram_attribute(&rest, 'c', &binding) || !scram_attribute(&rest, 'r', &nonce) ||
        !view_rcut(message, ',', &before, &text) ||
        !scram_attribute(&text, 'p', &proof) || !scram_unbase64(s->arena, proof, &proof))
        return SASL_MALFORMED;
    if (!binding_is_good(d, binding) || !view_eq(nonce, d->nonce))
        return SASL_REFUSED;
    struct view auth = arena_printf(s->arena, "%.*s,%.*s,%.*s", VIEW_FMT(d->first_bare),
                                    VIEW_FMT(d->server_first), VIEW_FMT(before));
    if (!proof_is_good(d, auth, proof) ||
        !scram_hmac(d->hash, d->keys.server, auth, signature))
        return SASL_REFUSED;
    struct view encoded =
        scram_base64(s->arena, (struct view){signature, scram_hash_size(d->hash)});
    struct view final = arena_printf(s->arena, "v=%.*s", VIEW_FMT(encoded));
    return s->ask(s->arg, final, &ignored) ? SASL_PROVED : SASL_CANCELLED;
}

enum sasl_outcome sasl_serve_scram(struct sasl_server *s, enum scram_hash hash,
                                   bool is_plus)
{
    struct dialogue d = {.s = s, .hash = hash, .is_plus = is_plus};
    struct view message, answer;
    if (!sasl_first(s, &message))
        return SASL_CANCELLED;
    if (message.n > SASL_MESSAGE_MAX / 4 || !parse_first(&d, message))
        return SASL_MALFORMED;
    if (find_keys(&d) == TEMPFAIL)
        return SASL_UNAVAILABLE;
    struct view own = scram_nonce(s->arena);
    d.nonce = arena_printf(s->arena, "%.*s%.*s", VIEW_FMT(d.nonce), VIEW_FMT(own));
    struct view salt = scram_base64(s->arena, (struct view){d.keys.salt, d.keys.salt_n});
    d.server_first = arena_printf(s->arena, "r=%.*s,s=%.*s,i=%u", VIEW_FMT(d.nonce),
                                  VIEW_FMT(salt), d.keys.iterations);
    if (!s->ask(s->arg, d.server_first, &answer))
        return SASL_CANCELLED;
    enum sasl_outcome o =
        answer.n > SASL_MESSAGE_MAX / 4 ? SASL_MALFORMED : finish(&d, answer);
    OPENSSL_cleanse(&d.keys, sizeof d.keys);
    return o;
}
