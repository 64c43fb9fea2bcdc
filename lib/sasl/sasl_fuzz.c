/* sasl_fuzz - hostile clients and servers: the input is a list of messages, apart by line
 * ends */
#include "sasl/sasl.h"

#include "sasl/password.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ask(void *arg, struct view challenge, struct view *answer)
{
    struct view *rest = arg;
    (void)challenge;
    if (view_is_empty(*rest))
        return false;
    (void)view_cut(*rest, '\n', answer, rest);
    return true;
}

static enum result look_up(void *arg, struct view user, struct view *stored,
                           struct error *e)
{
    (void)arg;
    (void)e;
    *stored = VIEW("{SCRAM-SHA-256}1,W22ZaJ0SNY7soEsUEjb6gQ==,"
                   "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
                   "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU= {PLAIN}x");
    return user.n % 2 ? OK : PERMFAIL;
}

static enum result check(void *arg, struct view user, struct view password,
                         struct error *e)
{
    (void)arg;
    (void)e;
    return password.n > user.n ? OK : PERMFAIL;
}

static enum result check_token(void *arg, struct view user, struct view token,
                               struct view *owner, struct error *e)
{
    *owner = user;
    return check(arg, user, token, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view rest, input = {(const char *)data, size};
    size_t n, position = size ? data[0] : 0;
    const struct sasl_mechanism *list = sasl_mechanisms(&n);
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    rest = view_from(input, 1);
    struct sasl_server s = {.arena = a,
                            .ask = ask,
                            .look_up = look_up,
                            .check = check,
                            .check_token = check_token,
                            .arg = &rest,
                            .host = VIEW("h")};
    s.n_bindings = 1;
    s.bindings[0] = (struct sasl_binding){VIEW("tls-exporter"), VIEW("data")};
    (void)!sasl_serve(&s, list[position % n].name);
    struct sasl_client c = {.arena = a, .user = VIEW("u"), .password = VIEW("p")};
    struct view answer, challenge;
    bool has;
    rest = view_from(input, 1);
    if (!(list[position % n].properties & SASL_NEEDS_BINDING) &&
        sasl_client_start(&c, &list[position % n], &has, &answer, &e))
        while (ask(&rest, VIEW_NONE, &challenge) &&
               sasl_client_answer(&c, challenge, &answer, &e))
            ;
    (void)!password_check(view_sub(input, 1, 200), VIEW("x"), &e);
    arena_free(a);
    return 0;
}
