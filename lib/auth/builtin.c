/* builtin - our own auth service: challenges and answers as messages
 *
 * One connection is one login.  daemons/auth is the other end.
 */
#include "auth/auth_private.h"

#include "base/clock.h"
#include "ipc/call.h"
#include "ipc/endpoint.h"

static bool names(const struct auth_login *l, struct arena *a, struct view *out,
                  struct error *e)
{
    (void)a;
    (void)e;
    *out = conf_view(l->server->conf, P_auth_mechanisms);
    return true;
}

static struct ipc_message *begin(const struct auth_login *l, struct view mechanism)
{
    const struct sasl_server *s = &l->sasl;
    struct ipc_message *m = ipc_message_new(s->arena, IPC_AUTH_BEGIN);
    ipc_put_view(m, IPC_ATTR_MECHANISM, mechanism);
    ipc_put_view(m, IPC_ATTR_SERVICE, l->server->service);
    ipc_put_view(m, IPC_ATTR_NAME, s->host);
    ipc_put_view(m, IPC_ATTR_CLIENT_ADDRESS, l->client_address);
    ipc_put_u64(m, IPC_ATTR_SECURED, l->is_secured);
    ipc_put_u64(m, IPC_ATTR_OFFERS_PLUS, s->offers_plus);
    if (s->has_initial)
        ipc_put_view(m, IPC_ATTR_RESPONSE, s->initial);
    if (s->certified.n > 0)
        ipc_put_view(m, IPC_ATTR_CERTIFIED, s->certified);
    for (size_t i = 0; i < s->n_bindings; i++) {
        ipc_put_view(m, IPC_ATTR_BINDING_TYPE, s->bindings[i].type);
        ipc_put_view(m, IPC_ATTR_BINDING_DATA, s->bindings[i].data);
    }
    return m;
}

/* One challenge to the client, its answer back; false: the connection broke. */
static bool carry(struct auth_login *l, struct ipc *c, struct view challenge,
                  bool *cancelled)
{
    struct view answer;
    struct ipc_message *m = ipc_message_new(l->sasl.arena, IPC_AUTH_ANSWER);
    *cancelled = !l->sasl.ask(l->sasl.arg, challenge, &answer);
    if (!*cancelled)
        ipc_put_view(m, IPC_ATTR_RESPONSE, answer);
    return ipc_send(c, m, clock_in(l->server->timeout), &l->sasl.error);
}

/* The verdict, after as many challenges as it takes. */
static enum sasl_outcome converse(struct auth_login *l, struct ipc *c)
{
    bool cancelled = false;
    for (;;) {
        struct ipc_message *m =
            ipc_receive(c, l->sasl.arena, clock_in(l->server->timeout), &l->sasl.error);
        if (m == NULL)
            return SASL_UNAVAILABLE;
        switch ((int)ipc_message_type(m)) {
        case IPC_AUTH_CHALLENGE:
            if (!carry(l, c, ipc_get_view(m, IPC_ATTR_CHALLENGE), &cancelled))
                return SASL_UNAVAILABLE;
            if (cancelled)
                return SASL_CANCELLED;
            continue;
        case IPC_AUTH_PROVED:
            l->sasl.user = ipc_get_view(m, IPC_ATTR_USER);
            l->sasl.authorize = ipc_get_view(m, IPC_ATTR_AUTHORIZE);
            return SASL_PROVED;
        case IPC_AUTH_REFUSED:
            l->sasl.user = ipc_get_view(m, IPC_ATTR_USER);
            error_set(&l->sasl.error, "4.7.0", "%.*s",
                      VIEW_FMT(ipc_get_view(m, IPC_ATTR_TEXT)));
            return (enum sasl_outcome)ipc_get_u64(m, IPC_ATTR_OUTCOME_CODE, SASL_REFUSED);
        default:
            error_set(&l->sasl.error, "4.3.0", "unexpected answer");
            return SASL_UNAVAILABLE;
        }
    }
}

static struct ipc *dial(struct auth_login *l)
{
    const struct conf *conf = l->server->conf;
    return ipc_dial(conf_view(conf, P_queue_directory), ENDPOINT_PRIVATE,
                    conf_view(conf, P_auth_service_name), "login",
                    clock_in(l->server->timeout), &l->sasl.error);
}

static enum sasl_outcome login(struct auth_login *l, struct view mechanism)
{
    struct error *e = &l->sasl.error;
    enum sasl_outcome o = SASL_UNAVAILABLE;
    struct ipc *c = dial(l);
    if (c != NULL && ipc_send(c, begin(l, mechanism), clock_in(l->server->timeout), e))
        o = converse(l, c);
    if (o == SASL_UNAVAILABLE)
        error_prefix(e, "auth service: ");
    if (c != NULL)
        ipc_close(c);
    return o;
}

/* A failure may take as long as the slowest refusal (auth_failure_delay_limit). */
static enum sasl_outcome change(struct auth_login *l, struct view user, struct view old,
                                struct view fresh)
{
    struct error *e = &l->sasl.error;
    struct ipc_message *answer, *m = ipc_message_new(l->sasl.arena, IPC_AUTH_CHANGE);
    enum sasl_outcome o = SASL_UNAVAILABLE;
    ipc_put_view(m, IPC_ATTR_SERVICE, l->server->service);
    ipc_put_view(m, IPC_ATTR_CLIENT_ADDRESS, l->client_address);
    ipc_put_view(m, IPC_ATTR_USER, user);
    ipc_put_view(m, IPC_ATTR_PASSWORD, old);
    ipc_put_view(m, IPC_ATTR_NEW_PASSWORD, fresh);
    struct ipc *c = dial(l);
    if (c == NULL)
        return o;
    if (ipc_send(c, m, clock_in(l->server->timeout), e) &&
        (answer = ipc_receive(c, l->sasl.arena, clock_in(l->server->timeout), e))) {
        if (ipc_message_type(answer) == IPC_OK)
            o = SASL_PROVED;
        else if (ipc_message_type(answer) == IPC_AUTH_REFUSED)
            o = (enum sasl_outcome)ipc_get_u64(answer, IPC_ATTR_OUTCOME_CODE,
                                               SASL_REFUSED);
        else
            error_set(e, "5.7.0", "%.*s", VIEW_FMT(ipc_get_view(answer, IPC_ATTR_TEXT)));
    }
    ipc_close(c);
    return o;
}

const struct auth_type auth_builtin = {VIEW("builtin"), names, login, change};
