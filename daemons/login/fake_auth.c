/* fake_auth - tests: lib/auth without an auth service; the password is "right" */
#include "auth/auth.h"

bool auth_server_check(const struct auth_server *s, struct error *e)
{
    (void)s;
    (void)e;
    return true;
}

bool auth_offer(const struct auth_login *l, struct arena *a, struct view *names,
                struct error *e)
{
    (void)l;
    (void)a;
    (void)e;
    *names = VIEW("PLAIN LOGIN");
    return true;
}

static enum result check(void *arg, struct view user, struct view password,
                         struct error *e)
{
    (void)arg;
    (void)user;
    (void)e;
    return view_eq(password, VIEW("right")) ? OK : PERMFAIL;
}

enum sasl_outcome auth_login(struct auth_login *l, struct view mechanism)
{
    l->sasl.check = check;
    return sasl_serve(&l->sasl, mechanism);
}

enum sasl_outcome auth_change(struct auth_login *l, struct view user, struct view old,
                              struct view fresh)
{
    (void)l;
    (void)user;
    (void)fresh;
    return view_eq(old, VIEW("right")) ? SASL_PROVED : SASL_REFUSED;
}
