/* rehash - stored passwords change: by their owner, or to a better kind of hash
 *
 * A login that succeeded with an old kind of hash leaves a better one: only then is the
 * password known.  Only where the table is ours to write: a text file with its index;
 * what another database holds stays as it is.
 */
#include "auth.h"

#include "auth/user_file.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/thread.h"
#include "sasl/password.h"

#include <unistd.h>

struct renewal {
    struct user_file file;
    struct view scheme, user, password;
    struct str stored;
    bool good;
    struct error error;
};

/* The better hash, and SCRAM's keys where the old value had them. */
static void renew_work(void *arg)
{
    struct renewal *r = arg;
    r->good =
        password_make(r->scheme, r->password, &r->stored, &r->error) &&
        user_file_change(&r->file, USER_CHANGE, r->user, str_view(&r->stored), &r->error);
}

/* Clear text was somebody's choice, and other mechanisms may live from it. */
static bool is_worse(const struct auth *a, struct view stored)
{
    struct view value;
    struct str clear = STR_INIT(PASSWORD_MAX);
    bool has_clear = password_find_clear(stored, &clear);
    str_done(&clear);
    return !has_clear &&
           !password_is_of(stored, conf_view(a->conf, P_auth_password_scheme)) &&
           !password_find(stored, VIEW("SCRAM-SHA-256"), &value) &&
           !password_find(stored, VIEW("SCRAM-SHA-1"), &value);
}

void rehash(struct auth *a, struct view user, struct view password, struct arena *arena)
{
    struct view stored;
    struct error e = ERROR_INIT;
    struct renewal *r = NEW(struct renewal);
    if (conf_bool(a->conf, P_auth_password_rehash) &&
        credentials_stored(a, user, arena, &stored, &e) == OK && is_worse(a, stored) &&
        user_file_find(a->conf, arena, &r->file, &e) && access(r->file.path, W_OK) == 0) {
        r->scheme = conf_view(a->conf, P_auth_password_scheme);
        r->user = user;
        r->password = password;
        r->stored = STR_INIT(PASSWORD_STORED_MAX);
        thread_run(renew_work, r);
        if (r->good)
            log_info("password of %.*s is kept as {%.*s} now", VIEW_FMT(user),
                     VIEW_FMT(r->scheme));
        else
            log_warning("password of %.*s stays as it was: %s", VIEW_FMT(user),
                        error_cstr(&r->error));
        str_done(&r->stored);
    }
    memory_free(r);
}

bool password_change(struct auth *a, struct view user, struct view fresh,
                     struct arena *arena, struct error *e)
{
    struct view stored;
    struct error problem = ERROR_INIT;
    struct renewal *r = NEW(struct renewal);
    bool good = false;
    if (fresh.n == 0 || fresh.n > PASSWORD_MAX) {
        error_set(e, "5.7.0", "The new password is empty or too long");
    } else if (credentials_stored(a, user, arena, &stored, &problem) != OK ||
               !user_file_find(a->conf, arena, &r->file, &problem) ||
               access(r->file.path, W_OK) != 0) {
        error_set(e, "5.7.0", "This password cannot be changed here");
    } else {
        r->scheme = conf_view(a->conf, P_auth_password_scheme);
        r->user = user;
        r->password = fresh;
        r->stored = STR_INIT(PASSWORD_STORED_MAX);
        thread_run(renew_work, r);
        good = r->good;
        if (good)
            log_info("password of %.*s was changed by its owner", VIEW_FMT(user));
        else {
            log_warning("password of %.*s: %s", VIEW_FMT(user), error_cstr(&r->error));
            error_set(e, "4.3.0", "The password could not be changed at this time");
        }
        str_done(&r->stored);
    }
    memory_free(r);
    return good;
}
