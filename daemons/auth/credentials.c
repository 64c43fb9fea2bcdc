/* credentials - what is stored of a user: the table first, then the host's accounts
 *
 * Hashes are made to be slow, so a worker thread compares; a user who does not exist
 * costs one as well, so that time does not tell names.
 */
#include "auth.h"

#include "base/memory.h"
#include "run/thread.h"
#include "sasl/password.h"

struct comparison {
    struct view stored, password;
    enum password_match match;
    struct error error;
};

static void compare_work(void *arg)
{
    struct comparison *c = arg;
    c->match = password_check(c->stored, c->password, &c->error);
}

/* What a comparison with nobody's password costs: made once. */
static struct view nobody(void)
{
    static struct str made = STR_INIT(PASSWORD_STORED_MAX);
    struct error e = ERROR_INIT;
    if (made.n == 0)
        (void)!password_make(password_best_scheme(), VIEW("nobody"), &made, &e);
    return str_view(&made);
}

static enum result compare(struct view stored, struct view password, struct error *e)
{
    struct comparison *c = NEW(struct comparison);
    c->stored = stored;
    c->password = password;
    thread_run(compare_work, c);
    enum result r = c->match == PASSWORD_MATCHES ? OK : PERMFAIL;
    if (c->match == PASSWORD_UNUSABLE) {
        *e = c->error;
        r = TEMPFAIL;
    }
    memory_free(c);
    return r;
}

enum result credentials_stored(struct auth *a, struct view user, struct arena *arena,
                               struct view *stored, struct error *e)
{
    switch (maps_get(a->passwords, user, arena, stored, e)) {
    case TABLE_FOUND:
        return OK;
    case TABLE_ERROR:
        return TEMPFAIL;
    case TABLE_NOT_FOUND:
    default:
        return PERMFAIL;
    }
}

enum result credentials_check(struct auth *a, struct view user, struct view password,
                              struct arena *arena, struct error *e)
{
    struct view stored;
    enum result r = credentials_stored(a, user, arena, &stored, e);
    if (r == OK)
        return compare(stored, password, e);
    if (r == TEMPFAIL)
        return r;
    if (conf_choice(a->conf, P_auth_system_users) != 0)
        return system_check(a, user, password, arena, e);
    (void)compare(nobody(), password, e);
    error_clear(e);
    return PERMFAIL;
}
