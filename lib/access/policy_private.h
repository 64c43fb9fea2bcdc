/* policy_private - what the files of the policy client share */
#ifndef ACCESS_POLICY_PRIVATE_H
#define ACCESS_POLICY_PRIVATE_H

#include "access/access.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/list.h"
#include "net/stream.h"
#include "run/loop.h"

/* One policy server as one check_policy_service names it. */
struct policy_service {
    struct list_link link;
    const struct conf *conf;
    struct view text;     /* as written, to find it again */
    struct view endpoint; /* "inet:host:port", "unix:path" */
    struct view default_action, context;
    int64_t timeout, retry_delay, max_idle, max_ttl; /* microseconds */
    int64_t request_limit, try_limit;
    struct list idle; /* of struct policy_connection */
    struct timer reaper;
};

/* policy_request.c: append the request to OUT. */
void policy_request_write(const struct policy_service *p, const struct access_subject *s,
                          struct str *out);
/* policy_reply.c: read one reply; *ACTION in A.  False with *E.  May suspend. */
bool policy_reply_read(struct stream *s, struct arena *a, struct view *action,
                       struct error *e) MUST_CHECK;
/* policy_options.c: end point and options of ARGUMENT; false with *E. */
bool policy_options_read(struct policy_service *p, struct arena *a, struct view argument,
                         struct error *e) MUST_CHECK;

#endif
