/* token - bearer tokens: signed by a key that we know, for us, in their time
 *
 * JSON web tokens (RFC 7519) by libjwt.  Only signatures by key pairs count: a token that
 * says its signature is a shared secret, or that it needs none, could be made by anybody
 * who has the public key.
 */
#include "auth.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "tls/files.h"

#include <errno.h>
#include <jwt.h>
#include <stdlib.h>

struct keyring {
    struct str *keys; /* PEM, one public key each */
    size_t n;
};

struct keyring *keyring_open(const struct conf *c, struct error *e)
{
    struct view path, list = conf_view(c, P_auth_token_keys);
    struct keyring *k = NEW(struct keyring);
    struct arena *a = arena_new();
    while (!error_is_set(e) && conf_list_next(&list, &path)) {
        struct view full =
            path.p[0] == '/'
                ? arena_dup(a, path)
                : arena_printf(a, "%s/%.*s", conf_directory(c), VIEW_FMT(path));
        k->keys = memory_resize(k->keys, (k->n + 1) * sizeof *k->keys);
        k->keys[k->n] = STR_INIT(TLS_FILE_MAX);
        if (!tls_files_read(NULL, full.p, &k->keys[k->n++]))
            error_set_errno(e, "4.3.5", "auth_token_keys: open %s", full.p);
    }
    arena_free(a);
    if (!error_is_set(e))
        return k;
    keyring_close(k);
    return NULL;
}

void keyring_close(struct keyring *k)
{
    for (size_t i = 0; i < k->n; i++)
        str_done(&k->keys[i]);
    memory_free(k->keys);
    memory_free(k);
}

static bool is_by_key_pair(jwt_t *t)
{
    switch ((int)jwt_get_alg(t)) {
    case JWT_ALG_RS256:
    case JWT_ALG_RS384:
    case JWT_ALG_RS512:
    case JWT_ALG_ES256:
    case JWT_ALG_ES384:
    case JWT_ALG_ES512:
        return true;
    default:
        return false;
    }
}

/* The token, decoded with the first key that fits; NULL: none does. */
static jwt_t *decode(const struct keyring *k, const char *text)
{
    for (size_t i = 0; i < k->n; i++) {
        jwt_t *t = NULL;
        struct view key = str_view(&k->keys[i]);
        if (jwt_decode(&t, text, (const unsigned char *)key.p, (int)key.n) != 0)
            continue;
        if (is_by_key_pair(t))
            return t;
        jwt_free(t);
    }
    return NULL;
}

/* "exp" must be there and ahead, "nbf" behind. */
static bool is_in_time(jwt_t *t)
{
    long now = (long)(clock_wall() / CLOCK_SECOND);
    errno = 0;
    long expires = jwt_get_grant_int(t, "exp");
    if (errno != 0 || expires <= now)
        return false;
    return jwt_get_grant_int(t, "nbf") <= now;
}

/* Claim NAME is WANTED; nothing wanted: anything goes. */
static bool claim_is(jwt_t *t, const char *name, struct view wanted)
{
    return wanted.n == 0 || view_eq(view_of(jwt_get_grant(t, name)), wanted);
}

/* The audience is one text or a list of them (RFC 7519 4.1.3). */
static bool is_for_us(jwt_t *t, struct view wanted)
{
    if (claim_is(t, "aud", wanted))
        return true;
    char *json = jwt_get_grants_json(t, "aud");
    struct view word, list = view_of(json);
    bool found = false;
    while (list.n > 0 && list.p[0] == '[' && !found) {
        list = view_from(list, 1);
        while (!found && view_token(&list, VIEW("[], \""), &word))
            found = view_eq(word, wanted);
    }
    free(json); /* libjwt's own */
    return found;
}

enum result token_check(const struct auth *a, struct view token, struct view user,
                        struct arena *arena, struct view *owner, struct error *e)
{
    const struct conf *c = a->conf;
    jwt_t *t = decode(a->keys, arena_cstr(arena, token));
    if (t == NULL) {
        error_set(e, "4.7.0", "token is not signed by one of auth_token_keys");
        return PERMFAIL;
    }
    struct view claimed =
        view_of(jwt_get_grant(t, conf_cstr(c, P_auth_token_user_claim)));
    *owner = arena_dup(arena, claimed);
    if (!is_in_time(t))
        error_set(e, "4.7.0", "token has expired or is not valid yet");
    else if (!claim_is(t, "iss", conf_view(c, P_auth_token_issuer)))
        error_set(e, "4.7.0", "token is of another issuer");
    else if (!is_for_us(t, conf_view(c, P_auth_token_audience)))
        error_set(e, "4.7.0", "token is for another audience");
    else if (owner->n == 0 || (user.n > 0 && !view_eq(user, *owner)))
        error_set(e, "4.7.0", "token is another user's");
    jwt_free(t);
    return error_is_set(e) ? PERMFAIL : OK;
}
