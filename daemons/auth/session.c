/* session - AUTH_BEGIN, challenges and answers, a verdict; or a change of password
 *
 * One connection is one login.  What comes is checked by lib/ipc; who connects runs under
 * our own rights, but may have been broken into: it gets verdicts, never what is stored.
 */
#include "auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/ipc.h"

#define ANSWER_TIMEOUT (300 * CLOCK_SECOND)
#define SEND_TIMEOUT   (10 * CLOCK_SECOND)

struct dialogue {
    struct ipc *ipc;
    struct arena *arena;
    struct error error;
};

static bool ask(void *arg, struct view challenge, struct view *answer)
{
    struct dialogue *d = arg;
    struct ipc_message *m = ipc_message_new(d->arena, IPC_AUTH_CHALLENGE);
    ipc_put_view(m, IPC_ATTR_CHALLENGE, challenge);
    if (!ipc_send(d->ipc, m, clock_in(SEND_TIMEOUT), &d->error))
        return false;
    m = ipc_receive(d->ipc, d->arena, clock_in(ANSWER_TIMEOUT), &d->error);
    if (m == NULL || ipc_message_type(m) != IPC_AUTH_ANSWER ||
        !ipc_has(m, IPC_ATTR_RESPONSE))
        return false;
    *answer = ipc_get_view(m, IPC_ATTR_RESPONSE);
    return true;
}

static void take_bindings(struct sasl_server *s, const struct ipc_message *m)
{
    struct ipc_value v;
    size_t position = 0, n_data = 0;
    while (ipc_next(m, &position, &v)) {
        if (v.attr == IPC_ATTR_BINDING_TYPE && s->n_bindings < SASL_BINDINGS_MAX)
            s->bindings[s->n_bindings++].type = v.view;
        else if (v.attr == IPC_ATTR_BINDING_DATA && n_data < SASL_BINDINGS_MAX)
            s->bindings[n_data++].data = v.view;
    }
    if (n_data < s->n_bindings)
        s->n_bindings = n_data;
}

static struct ipc_message *verdict(struct dialogue *d, const struct exchange *x,
                                   enum sasl_outcome o)
{
    bool is_proved = o == SASL_PROVED;
    struct ipc_message *m =
        ipc_message_new(d->arena, is_proved ? IPC_AUTH_PROVED : IPC_AUTH_REFUSED);
    ipc_put_view(m, IPC_ATTR_USER, view_sub(x->sasl.user, 0, SASL_NAME_MAX));
    if (is_proved && x->sasl.authorize.n > 0)
        ipc_put_view(m, IPC_ATTR_AUTHORIZE, x->sasl.authorize);
    if (!is_proved) {
        ipc_put_u64(m, IPC_ATTR_OUTCOME_CODE, o);
        ipc_put_cstr(m, IPC_ATTR_TEXT, o == SASL_UNAVAILABLE ? "temporary failure" : "");
    }
    return m;
}

static void run(struct auth *a, struct dialogue *d, const struct ipc_message *m)
{
    struct exchange x = {.auth = a,
                         .ask = ask,
                         .ask_arg = d,
                         .service = ipc_get_view(m, IPC_ATTR_SERVICE),
                         .client_address = ipc_get_view(m, IPC_ATTR_CLIENT_ADDRESS)};
    x.sasl.arena = d->arena;
    x.sasl.host = ipc_get_view(m, IPC_ATTR_NAME);
    x.sasl.has_initial = ipc_has(m, IPC_ATTR_RESPONSE);
    x.sasl.initial = ipc_get_view(m, IPC_ATTR_RESPONSE);
    x.sasl.certified = ipc_get_view(m, IPC_ATTR_CERTIFIED);
    x.sasl.offers_plus = ipc_get_u64(m, IPC_ATTR_OFFERS_PLUS, 0) != 0;
    take_bindings(&x.sasl, m);
    enum sasl_outcome o = exchange_run(&x, ipc_get_view(m, IPC_ATTR_MECHANISM));
    if (o != SASL_CANCELLED &&
        !ipc_send(d->ipc, verdict(d, &x, o), clock_in(SEND_TIMEOUT), &d->error))
        log_debug("verdict: %s", error_cstr(&d->error));
}

static bool ask_nothing(void *arg, struct view challenge, struct view *answer)
{
    (void)arg;
    (void)challenge;
    (void)answer;
    return false;
}

/* The old password is tried as a login, with all that failures bring with them. */
static enum sasl_outcome try_old(struct auth *a, struct dialogue *d,
                                 const struct ipc_message *m, struct view *user)
{
    struct str plain = STR_INIT(SASL_MESSAGE_MAX);
    struct exchange *x = ARENA_NEW(d->arena, struct exchange);
    x->auth = a;
    x->ask = ask_nothing;
    x->service = ipc_get_view(m, IPC_ATTR_SERVICE);
    x->client_address = ipc_get_view(m, IPC_ATTR_CLIENT_ADDRESS);
    str_add_char(&plain, '\0');
    str_add(&plain, ipc_get_view(m, IPC_ATTR_USER));
    str_add_char(&plain, '\0');
    str_add(&plain, ipc_get_view(m, IPC_ATTR_PASSWORD));
    x->sasl.arena = d->arena;
    x->sasl.has_initial = true;
    x->sasl.initial = str_view(&plain);
    enum sasl_outcome o = exchange_run(x, VIEW("PLAIN"));
    *user = arena_dup(d->arena, x->sasl.user);
    explicit_bzero(plain.p, plain.n);
    str_done(&plain);
    return o;
}

static void change(struct auth *a, struct dialogue *d, const struct ipc_message *m)
{
    struct view user;
    struct error *problem = ARENA_NEW(d->arena, struct error);
    struct ipc_message *answer;
    enum sasl_outcome o = try_old(a, d, m, &user);
    if (o != SASL_PROVED) {
        answer = ipc_message_new(d->arena, IPC_AUTH_REFUSED);
        ipc_put_u64(answer, IPC_ATTR_OUTCOME_CODE, o);
        ipc_put_cstr(answer, IPC_ATTR_TEXT, "");
    } else if (password_change(a, user, ipc_get_view(m, IPC_ATTR_NEW_PASSWORD), d->arena,
                               problem)) {
        answer = ipc_message_new(d->arena, IPC_OK);
    } else {
        answer = ipc_message_new(d->arena, IPC_ERROR);
        ipc_put_cstr(answer, IPC_ATTR_STATUS, problem->status);
        ipc_put_cstr(answer, IPC_ATTR_TEXT, problem->text);
    }
    if (!ipc_send(d->ipc, answer, clock_in(SEND_TIMEOUT), &d->error))
        log_debug("change: %s", error_cstr(&d->error));
}

void auth_session(struct auth *a, int fd)
{
    struct dialogue d = {.ipc = ipc_open(fd), .arena = arena_new(), .error = ERROR_INIT};
    struct ipc_message *m;
    do
        m = ipc_receive(d.ipc, d.arena, clock_in(SEND_TIMEOUT), &d.error);
    while (m != NULL && ipc_message_type(m) == IPC_HELLO);
    if (m != NULL && ipc_message_type(m) == IPC_AUTH_BEGIN)
        run(a, &d, m);
    else if (m != NULL && ipc_message_type(m) == IPC_AUTH_CHANGE)
        change(a, &d, m);
    else
        log_warning("login: %s", m ? "unexpected message" : error_cstr(&d.error));
    arena_free(d.arena);
    ipc_close(d.ipc);
}
