/* error - bounce, defer or discard whatever comes, for a reason that qmgr gives
 *
 * One program with three names.  The next hop is the reason, with an enhanced status code
 * in front when there is a better one than 5.0.0, 4.0.0 or 2.0.0.  As "discard" it
 * pretends delivery; else a service called "retry" defers and any other bounces.  Runs as
 * the mail owner, touches no file. Source: error(8), discard(8).
 */
#include "agent/agent.h"
#include "base/log.h"
#include "format/dsn_code.h"

#include <stdio.h>

static const struct view relay = VIEW("none");

/* The reason, and its status code in STATUS. */
static struct view split_reason(const struct delivery *d, const char *otherwise,
                                char status[DSN_CODE_MAX])
{
    struct view text = dsn_code_split(d->nexthop, otherwise, status);

    return text.n > 0 ? text : VIEW("no reason given");
}

static void refuse_all(struct service *s, struct delivery *d)
{
    bool retry = strcmp(s->name, "retry") == 0;
    struct error e = ERROR_INIT;
    char status[DSN_CODE_MAX];
    struct view reason = split_reason(d, retry ? "4.0.0" : "5.0.0", status);

    error_set(&e, status, "%.*s", VIEW_FMT(reason));
    for (size_t i = 0; i < d->n_recipients; i++) {
        if (retry)
            delivery_deferred(d, &d->recipients[i], relay, &e);
        else
            delivery_bounced(d, &d->recipients[i], relay, &e);
    }
}

static void discard_all(struct service *s, struct delivery *d)
{
    char status[DSN_CODE_MAX];
    struct view reason = split_reason(d, "2.0.0", status);

    (void)s;
    dsn_code_set_class(status, '2');
    for (size_t i = 0; i < d->n_recipients; i++)
        delivery_sent(d, &d->recipients[i], status, relay, "%.*s", VIEW_FMT(reason));
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    agent_session(s, fd,
                  strcmp(s->process_name, "discard") == 0 ? discard_all : refuse_all);
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    (void)s;
    (void)profile; /* needs nothing */
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "error",
                                                   .user = SERVICE_AS_MAIL_OWNER,
                                                   .has_lasting_sessions = true,
                                                   .sandbox = sandbox,
                                                   .session = session};

    return service_main(argc, argv, &program);
}
