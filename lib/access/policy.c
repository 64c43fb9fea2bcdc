/* policy - check_policy_service: decisions of a server of the administrator's own
 *
 * Connections are kept and used again (smtpd_policy_service_max_idle, _max_ttl,
 * _request_limit); a question that fails is asked again on a new one.  When no answer can
 * be had smtpd_policy_service_default_action stands for it.  SMTPD_POLICY_README.
 */
#include "access/internal.h"
#include "access/policy_private.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/dial.h"
#include "run/trail.h"

#define REQUEST_MAX ((size_t)64 * 1024)

struct policy_connection {
    struct list_link link;
    struct stream *stream;
    int64_t opened, last_used; /* monotonic */
    int64_t requests;
};

static void connection_free(struct policy_connection *c)
{
    list_remove(&c->link);
    stream_close(c->stream);
    memory_free(c);
}

/* Services live as long as the configuration, also those that a table names. */
struct policy_set {
    struct arena *arena;
    struct list services; /* of struct policy_service */
};

struct policy_set *policy_set_new(void)
{
    struct policy_set *set = NEW(struct policy_set);
    set->arena = arena_new();
    list_init(&set->services);
    return set;
}

void policy_set_free(struct policy_set *set)
{
    LIST_FOR_EACH (struct policy_service, p, &set->services, link) {
        timer_cancel(&p->reaper);
        LIST_FOR_EACH_SAFE (struct policy_connection, c, &p->idle, link)
            connection_free(c);
    }
    arena_free(set->arena);
    memory_free(set);
}

struct policy_service *policy_open(struct access *a, struct view argument,
                                   struct error *e)
{
    struct policy_set *set = a->policies;
    LIST_FOR_EACH (struct policy_service, known, &set->services, link)
        if (view_eq(known->text, argument))
            return known;
    struct policy_service *p = ARENA_NEW(set->arena, struct policy_service);
    p->conf = a->conf;
    list_init(&p->idle);
    if (!policy_options_read(p, set->arena, argument, e))
        return NULL;
    list_append(&set->services, &p->link);
    return p;
}

/* --- connections --- */

/* What the log calls the server: "private/policy", "127.0.0.1:10031". */
static struct view shown_name(const struct policy_service *p)
{
    struct view type, rest;
    (void)view_cut(p->endpoint, ':', &type, &rest);
    return rest;
}

static struct policy_connection *connection_open(struct policy_service *p,
                                                 struct error *e)
{
    int fd =
        dial_endpoint(p->endpoint, conf_view(p->conf, P_queue_directory), p->timeout, e);
    if (fd < 0) {
        log_warning("connect to %.*s: %s", VIEW_FMT(shown_name(p)), e->text);
        return NULL;
    }
    struct policy_connection *c = NEW(struct policy_connection);
    c->stream = stream_open_fd(fd);
    stream_set_timeout(c->stream, p->timeout);
    c->opened = c->last_used = clock_mono();
    return c;
}

/* Is its time, or its number of requests, used up? */
static bool is_worn_out(const struct policy_service *p, const struct policy_connection *c,
                        int64_t now)
{
    return now - c->last_used >= p->max_idle ||
           (p->max_ttl > 0 && now - c->opened >= p->max_ttl) ||
           (p->request_limit > 0 && c->requests >= p->request_limit);
}

static void reap(struct timer *t)
{
    struct policy_service *p = CONTAINER_OF(t, struct policy_service, reaper);
    int64_t now = clock_mono();
    LIST_FOR_EACH_SAFE (struct policy_connection, c, &p->idle, link)
        if (is_worn_out(p, c, now))
            connection_free(c);
    if (!list_is_empty(&p->idle))
        timer_set(t, clock_in(CLOCK_SECOND), reap);
}

static void connection_keep(struct policy_service *p, struct policy_connection *c)
{
    c->requests++;
    c->last_used = clock_mono();
    if (is_worn_out(p, c, c->last_used)) {
        connection_free(c);
        return;
    }
    list_prepend(&p->idle, &c->link);
    timer_set(&p->reaper, clock_in(CLOCK_SECOND), reap);
}

/* One that waits, or a new one; *IS_OLD says which. */
static struct policy_connection *connection_get(struct policy_service *p, bool *is_old,
                                                struct error *e)
{
    struct policy_connection *c = LIST_FIRST(struct policy_connection, &p->idle, link);
    *is_old = c != NULL;
    if (!c)
        return connection_open(p, e);
    list_remove(&c->link);
    return c;
}

/* --- questions --- */

static bool ask_once(struct policy_service *p, struct policy_connection *c,
                     struct view request, struct arena *a, struct view *action,
                     struct error *e)
{
    stream_write(c->stream, request);
    enum stream_result sent = stream_flush(c->stream);
    if (sent != STREAM_OK)
        error_set(e, "4.3.0", "%s", stream_strerror(c->stream, sent));
    if (sent == STREAM_OK && policy_reply_read(c->stream, a, action, e)) {
        connection_keep(p, c);
        return true;
    }
    connection_free(c);
    return false;
}

/* May suspend. */
static bool ask(struct policy_service *p, struct view request, struct arena *a,
                struct view *action, struct error *e)
{
    for (int64_t i = 1;; i++) {
        bool is_old;
        struct policy_connection *c = connection_get(p, &is_old, e);
        if (c && ask_once(p, c, request, a, action, e))
            return true;
        if (c && is_old) { /* the server closed it meanwhile: no failure yet */
            i--;
            continue;
        }
        log_warning("problem talking to server %.*s: %s", VIEW_FMT(shown_name(p)),
                    e->text);
        if (i >= p->try_limit)
            return false;
        (void)fiber_sleep(p->retry_delay);
    }
}

enum access_says ask_policy_service(struct access_run *run, const struct restriction *r)
{
    struct policy_service *p = r->policy;
    struct str request = STR_INIT(REQUEST_MAX);
    struct view action;
    policy_request_write(p, run->subject, &request);
    bool good =
        !request.overflow && ask(p, str_view(&request), run->arena, &action, &run->error);
    trail_tell(&(struct trail_step){.kind = TRAIL_POLICY,
                                    .where = shown_name(p),
                                    .asked = VIEW("smtpd_access_policy"),
                                    .answer = good ? action : VIEW("no answer")});
    str_done(&request);
    return access_action(run, shown_name(p), good ? action : p->default_action,
                         VIEW("policy query"), access_about_name(run),
                         access_about_class(run), run->about);
}
