/* exchange - one login: the mechanism's dialogue, its delays, its line in the log
 *
 * Who is refused waits as long as penalty.c says, whether the name or the password was
 * wrong.
 */
#include "auth.h"

#include "base/log.h"
#include "run/fiber.h"

/* Before anything is looked up for the client: is it its turn? */
static bool has_turn(struct exchange *x, struct error *e)
{
    if (x->turn || turn_take(x->auth, x->client_address, &x->turn))
        return true;
    error_set(e, "4.7.0", "too many logins from the client's network");
    return false;
}

/* A client that takes its time takes nobody's turn. */
static bool ask(void *arg, struct view challenge, struct view *answer)
{
    struct exchange *x = arg;
    bool had_turn = x->turn != NULL;
    turn_end(x->turn);
    x->turn = NULL;
    return x->ask(x->ask_arg, challenge, answer) &&
           (!had_turn || has_turn(x, &x->sasl.error));
}

static enum result look_up(void *arg, struct view user, struct view *stored,
                           struct error *e)
{
    struct exchange *x = arg;
    if (!has_turn(x, e))
        return TEMPFAIL;
    return credentials_stored(x->auth, user, x->sasl.arena, stored, e);
}

static enum result check(void *arg, struct view user, struct view password,
                         struct error *e)
{
    struct exchange *x = arg;
    if (!has_turn(x, e))
        return TEMPFAIL;
    x->password = password;
    return credentials_check(x->auth, user, password, x->sasl.arena, e);
}

static enum result check_token(void *arg, struct view user, struct view token,
                               struct view *owner, struct error *e)
{
    struct exchange *x = arg;
    if (!has_turn(x, e))
        return TEMPFAIL;
    return token_check(x->auth, token, user, x->sasl.arena, owner, e);
}

/* Nobody acts for another here: a proxy login needs rules that nobody wrote. */
static bool is_own(const struct exchange *x)
{
    return x->sasl.authorize.n == 0 || view_eq(x->sasl.authorize, x->sasl.user);
}

static void refuse(struct exchange *x, struct view mechanism, const char *why)
{
    int64_t delay = penalty_of(x->auth, x->client_address);
    penalty_add(x->auth, x->client_address);
    log_info("%.*s login refused: mechanism=%.*s, user=%.*s, client=%.*s, %s",
             VIEW_FMT(x->service), VIEW_FMT(mechanism), VIEW_FMT(x->sasl.user),
             VIEW_FMT(x->client_address), why);
    (void)fiber_sleep(delay);
}

/* What comes of outcome O: delays, forgiveness, the log. */
static enum sasl_outcome judge(struct exchange *x, struct view mechanism,
                               enum sasl_outcome o)
{
    if (o == SASL_PROVED && !is_own(x)) {
        refuse(x, mechanism, "on behalf of another");
        return SASL_REFUSED;
    }
    if (o == SASL_PROVED) {
        penalty_clear(x->auth, x->client_address);
        if (x->password.n > 0)
            rehash(x->auth, x->sasl.user, x->password, x->sasl.arena);
    } else if (o == SASL_REFUSED) {
        refuse(x, mechanism, error_is_set(&x->sasl.error) ? x->sasl.error.text : "wrong");
    } else if (o == SASL_UNAVAILABLE) {
        log_warning("%.*s login of %.*s: %s", VIEW_FMT(x->service),
                    VIEW_FMT(x->sasl.user), error_cstr(&x->sasl.error));
    }
    return o;
}

enum sasl_outcome exchange_run(struct exchange *x, struct view mechanism)
{
    x->sasl.arg = x;
    x->sasl.ask = ask;
    x->sasl.look_up = look_up;
    x->sasl.check = check;
    x->sasl.check_token = check_token;
    enum sasl_outcome o = judge(x, mechanism, sasl_serve(&x->sasl, mechanism));
    turn_end(x->turn);
    x->turn = NULL;
    return o;
}
