/* plain - PLAIN, LOGIN, EXTERNAL and CRAM-MD5, the server's end */
#include "base/clock.h"
#include "sasl/password.h"
#include "sasl/private.h"

#include <inttypes.h>

/* RFC 4616 2: [authzid] NUL authcid NUL passwd. */
enum sasl_outcome sasl_serve_plain(struct sasl_server *s)
{
    struct view message, rest, password;
    if (!sasl_first(s, &message))
        return SASL_CANCELLED;
    if (!view_cut(message, '\0', &s->authorize, &rest) ||
        !view_cut(rest, '\0', &s->user, &password) || view_has(password, '\0') ||
        !sasl_is_name(s->user) || (s->authorize.n > 0 && !sasl_is_name(s->authorize)))
        return SASL_MALFORMED;
    return sasl_check(s, password);
}

/* draft-murchison-sasl-login: two prompts; a client may send the name at once. */
enum sasl_outcome sasl_serve_login(struct sasl_server *s)
{
    struct view password;
    if (s->has_initial && s->initial.n > 0)
        s->user = s->initial;
    else if (!s->ask(s->arg, VIEW("Username:"), &s->user))
        return SASL_CANCELLED;
    if (!s->ask(s->arg, VIEW("Password:"), &password))
        return SASL_CANCELLED;
    return sasl_is_name(s->user) ? sasl_check(s, password) : SASL_MALFORMED;
}

/* RFC 4422 appendix A: TLS has already said who it is. */
enum sasl_outcome sasl_serve_external(struct sasl_server *s)
{
    struct view wanted;
    if (!sasl_first(s, &wanted))
        return SASL_CANCELLED;
    if (wanted.n > 0 && !sasl_is_name(wanted))
        return SASL_MALFORMED;
    s->user = s->certified;
    if (!sasl_is_name(s->certified))
        return SASL_REFUSED;
    if (!view_eq(wanted, s->certified))
        s->authorize = wanted;
    return SASL_PROVED;
}

/* RFC 2195 2.  The password must be known in clear. */
enum sasl_outcome sasl_serve_cram_md5(struct sasl_server *s)
{
    struct view answer, digest, stored;
    struct str clear = STR_INIT(PASSWORD_MAX);
    char made[33];
    uint64_t secret;
    password_random(&secret, sizeof secret);
    struct view challenge =
        arena_printf(s->arena, "<%016" PRIx64 ".%" PRId64 "@%.*s>", secret,
                     clock_wall() / CLOCK_SECOND, VIEW_FMT(s->host));
    if (!s->ask(s->arg, challenge, &answer))
        return SASL_CANCELLED;
    if (!view_rcut(answer, ' ', &s->user, &digest) || !sasl_is_name(s->user))
        return SASL_MALFORMED;
    enum sasl_outcome o =
        sasl_outcome_of(s->look_up(s->arg, s->user, &stored, &s->error));
    if (o == SASL_PROVED &&
        !(password_find_clear(stored, &clear) &&
          sasl_cram_md5(str_view(&clear), challenge, made) &&
          password_equal(view_of(made), arena_lower(s->arena, digest))))
        o = SASL_REFUSED;
    str_done(&clear);
    return o;
}
