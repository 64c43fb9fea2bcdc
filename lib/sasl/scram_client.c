/* scram_client - SCRAM, the client's end (RFC 5802 5, RFC 7677) */
#include "base/number.h"
#include "sasl/password.h"
#include "sasl/private.h"

static enum scram_hash hash_of_mechanism(const struct sasl_client *c)
{
    return view_starts(c->mechanism->name, VIEW("SCRAM-SHA-256")) ? SCRAM_SHA_256
                                                                  : SCRAM_SHA_1;
}

static bool is_plus(const struct sasl_client *c)
{
    return (c->mechanism->properties & SASL_NEEDS_BINDING) != 0;
}

bool scram_client_first(struct sasl_client *c, struct view *out)
{
    struct view flag = VIEW("n");
    if (is_plus(c))
        flag = arena_printf(c->arena, "p=%.*s", VIEW_FMT(c->bindings[0].type));
    else if (c->n_bindings > 0 && !c->server_offers_plus)
        flag = VIEW("y");
    struct view identity = VIEW_NONE;
    if (c->authorize.n > 0) {
        struct view escaped = scram_escape(c->arena, c->authorize);
        identity = arena_printf(c->arena, "a=%.*s", VIEW_FMT(escaped));
    }
    struct view name = scram_escape(c->arena, c->user);
    c->nonce = scram_nonce(c->arena);
    c->header = arena_printf(c->arena, "%.*s,%.*s,", VIEW_FMT(flag), VIEW_FMT(identity));
    c->first_bare =
        arena_printf(c->arena, "n=%.*s,r=%.*s", VIEW_FMT(name), VIEW_FMT(c->nonce));
    *out =
        arena_printf(c->arena, "%.*s%.*s", VIEW_FMT(c->header), VIEW_FMT(c->first_bare));
    return true;
}

/* Header and channel data, as "c=" says them. */
static struct view binding(const struct sasl_client *c)
{
    struct view data = is_plus(c) ? c->bindings[0].data : VIEW_NONE;
    struct str raw = STR_INIT(SASL_MESSAGE_MAX);
    str_add(&raw, c->header);
    str_add(&raw, data);
    struct view encoded = scram_base64(c->arena, str_view(&raw));
    str_done(&raw);
    return encoded;
}

/* The proof for AUTH, and what the server must prove in turn. */
static bool prove(struct sasl_client *c, const struct scram_keys *k, struct view auth,
                  struct view *proof)
{
    enum scram_hash hash = hash_of_mechanism(c);
    size_t n = scram_hash_size(hash);
    char signature[SCRAM_HASH_MAX], server[SCRAM_HASH_MAX];
    if (!scram_hmac(hash, k->stored, auth, signature) ||
        !scram_hmac(hash, k->server, auth, server))
        return false;
    for (size_t i = 0; i < n; i++)
        signature[i] = (char)(signature[i] ^ k->client[i]);
    *proof = scram_base64(c->arena, (struct view){signature, n});
    c->expected = arena_dup(c->arena, (struct view){server, n});
    return true;
}

bool scram_client_final(struct sasl_client *c, struct view challenge, struct view *out,
                        struct error *e)
{
    struct view nonce, salt, count, rest = challenge, proof;
    struct scram_keys k;
    int iterations;
    if (!scram_attribute(&rest, 'r', &nonce) || !scram_attribute(&rest, 's', &salt) ||
        !scram_attribute(&rest, 'i', &count) ||
        !number_parse_int(count, 1, SCRAM_ITERATIONS_MAX, &iterations) ||
        !scram_unbase64(c->arena, salt, &salt) || salt.n == 0 ||
        salt.n > SCRAM_SALT_MAX) {
        error_set(e, "4.7.0", "malformed SCRAM challenge");
        return false;
    }
    if (!view_starts(nonce, c->nonce) || nonce.n == c->nonce.n) {
        error_set(e, "4.7.0", "SCRAM challenge with a nonce that is not ours");
        return false;
    }
    if (!scram_keys_derive(c->password, hash_of_mechanism(c), salt.p, salt.n,
                           (unsigned)iterations, &k, e))
        return false;
    struct view bound = binding(c);
    struct view without =
        arena_printf(c->arena, "c=%.*s,r=%.*s", VIEW_FMT(bound), VIEW_FMT(nonce));
    struct view auth = arena_printf(c->arena, "%.*s,%.*s,%.*s", VIEW_FMT(c->first_bare),
                                    VIEW_FMT(challenge), VIEW_FMT(without));
    if (!prove(c, &k, auth, &proof)) {
        error_set(e, "4.7.0", "SCRAM proof cannot be computed");
        return false;
    }
    *out = arena_printf(c->arena, "%.*s,p=%.*s", VIEW_FMT(without), VIEW_FMT(proof));
    return true;
}

bool scram_client_verify(struct sasl_client *c, struct view challenge, struct error *e)
{
    struct view value, raw, rest = challenge;
    c->is_proved = scram_attribute(&rest, 'v', &value) &&
                   scram_unbase64(c->arena, value, &raw) &&
                   password_equal(raw, c->expected);
    if (!c->is_proved)
        error_set(e, "4.7.0", "server does not prove that it knows the password");
    return c->is_proved;
}
