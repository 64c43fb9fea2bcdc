/* dispatch - from a login name to the worker that serves it, and the answers back
 *
 * Each request is a fiber, since finding the place may wait for a table's server. Between
 * this program and its workers sessions have tags of their own; what a link called them
 * is kept here until they are over.
 */
#include "store.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/fiber.h"

#include <stdio.h>
#include <unistd.h>

#define PLACE_MAX ((size_t)16384)
/* Names whose last login is remembered for pop3_login_delay before old ones are swept. */
#define USERS_KEPT 10000

struct request {
    struct link *link;
    struct ipc_message *message;
    struct arena *arena;
    struct place_found found;
    struct error error;
};

static struct view tag_key(const uint64_t *tag)
{
    return (struct view){(const char *)tag, sizeof *tag};
}

/* --- users --- */

static struct user *user_get(struct view name)
{
    struct user *u = hash_get(store.users, name);

    if (!u) {
        u = NEW(struct user);
        (void)hash_put(store.users, name, u);
    }
    return u;
}

static bool is_remembered(const struct user *u)
{
    return u->last_pop3 &&
           u->last_pop3 + conf_time(store.conf, P_pop3_login_delay) > clock_mono();
}

static void forget_user(struct view name, struct user *u)
{
    if (u->sessions > 0 || is_remembered(u))
        return;
    (void)hash_remove(store.users, name);
    memory_free(u);
}

static void sweep_users(void)
{
    struct view name;
    void *value;
    size_t position = 0;

    if (hash_count(store.users) < USERS_KEPT)
        return;
    while (hash_next(store.users, &position, &name, &value))
        forget_user(name, value);
}

/* May USER have one more session? */
static bool admit(struct view name, bool is_pop3, struct error *e)
{
    int64_t most = conf_int(store.conf, P_store_sessions_per_user);
    struct user *u = user_get(name);

    if (most > 0 && u->sessions >= (unsigned)most)
        error_set(e, "4.7.0", "Too many sessions of this user");
    else if (is_pop3 && u->pop3_sessions > 0 &&
             conf_bool(store.conf, P_pop3_lock_session))
        error_set(e, "4.2.1", "Another POP3 session has this mailbox");
    else if (is_pop3 && is_remembered(u))
        error_set(e, "4.7.28", "Minimum time between mail checks is %lld seconds",
                  (long long)(conf_time(store.conf, P_pop3_login_delay) / CLOCK_SECOND));
    else
        return true;
    forget_user(name, u);
    return false;
}

static void count_in(const struct handed *h)
{
    struct user *u = user_get(view_of(h->user_name));

    u->sessions++;
    u->pop3_sessions += h->is_pop3;
    if (h->is_pop3 && conf_time(store.conf, P_pop3_login_delay) > 0)
        u->last_pop3 = clock_mono();
}

static void count_out(const struct handed *h)
{
    struct view name = view_of(h->user_name);
    struct user *u = user_get(name);

    u->sessions--;
    u->pop3_sessions -= h->is_pop3;
    forget_user(name, u);
    sweep_users();
}

/* --- what workers have --- */

static struct handed *handed_new(struct request *r, struct worker_process *w,
                                 bool is_session)
{
    const struct ipc_message *m = r->message;
    struct handed *h = NEW(struct handed);
    struct view user = ipc_get_view(m, IPC_ATTR_USER);

    h->tag = ++store.last_tag;
    h->link = link_retain(r->link);
    h->link_tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);
    h->worker = w;
    w->busy++;
    w->references++;
    h->user_name = memory_alloc(user.n + 1);
    memcpy(h->user_name, user.p, user.n);
    h->is_session = is_session;
    h->is_pop3 = is_session && view_eq(ipc_get_view(m, IPC_ATTR_SERVICE), VIEW("pop3"));
    h->is_relayed = is_session && ipc_get_u64(m, IPC_ATTR_RELAYED, 0);
    if (is_session)
        count_in(h);
    (void)hash_put(store.handed, tag_key(&h->tag), h);
    return h;
}

static void handed_free(struct handed *h)
{
    (void)hash_remove(store.handed, tag_key(&h->tag));
    if (h->is_session)
        count_out(h);
    worker_done(h->worker);
    link_release(h->link);
    memory_free(h->user_name);
    memory_free(h);
}

/* --- requests --- */

static void copy(struct ipc_message *to, const struct ipc_message *from,
                 const enum ipc_attr *attributes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ipc_has(from, attributes[i]))
            ipc_put_view(to, attributes[i], ipc_get_view(from, attributes[i]));
}

static struct ipc_message *message_for_worker(struct request *r, uint64_t tag)
{
    static const enum ipc_attr texts[] = {
        IPC_ATTR_SERVICE,        IPC_ATTR_USER,           IPC_ATTR_MECHANISM,
        IPC_ATTR_CLIENT_NAME,    IPC_ATTR_CLIENT_ADDRESS, IPC_ATTR_CLIENT_PORT,
        IPC_ATTR_SERVER_ADDRESS, IPC_ATTR_SERVER_PORT,    IPC_ATTR_SESSION,
        IPC_ATTR_COMMAND,        IPC_ATTR_COMMAND_TAG,    IPC_ATTR_INPUT};
    const struct ipc_message *m = r->message;
    struct ipc_message *out = ipc_message_new(r->arena, ipc_message_type(m));
    struct str place = STR_INIT(PLACE_MAX);

    ipc_put_u64(out, IPC_ATTR_TAG, tag);
    if (ipc_message_type(m) == IPC_SESSION_GIVE) {
        copy(out, m, texts, sizeof texts / sizeof texts[0]);
        ipc_put_u64(out, IPC_ATTR_SECURED, ipc_get_u64(m, IPC_ATTR_SECURED, 0));
        ipc_put_u64(out, IPC_ATTR_RELAYED, ipc_get_u64(m, IPC_ATTR_RELAYED, 0));
    } else {
        ipc_put_view(out, IPC_ATTR_USER, ipc_get_view(m, IPC_ATTR_USER));
        ipc_put_u64(out, IPC_ATTR_BYTES, ipc_get_u64(m, IPC_ATTR_BYTES, 0));
    }
    if (place_pack(&r->found.place, &place))
        ipc_put_view(out, IPC_ATTR_PLACE, arena_dup(r->arena, str_view(&place)));
    str_done(&place);
    return out;
}

/* Give R to the worker of its user; false with r->error. */
static bool hand_on(struct request *r, bool is_session)
{
    struct view user = ipc_get_view(r->message, IPC_ATTR_USER);
    bool is_pop3 =
        is_session && view_eq(ipc_get_view(r->message, IPC_ATTR_SERVICE), VIEW("pop3"));

    if (!places_find(store.places, user, r->arena, &r->found, &r->error) ||
        (is_session && !admit(user, is_pop3, &r->error)))
        return false;
    struct worker_process *w = worker_get(&r->found, user, &r->error);
    if (!w)
        return false;
    struct handed *h = handed_new(r, w, is_session);
    uint64_t tag = h->tag;
    struct ipc_message *m = message_for_worker(r, tag);
    int fd = is_session ? ipc_take_fd(r->message, 0) : -1;
    if (fd >= 0)
        ipc_put_fd(m, fd);
    bool is_sent = worker_send(w, m, &r->error);
    if (fd >= 0)
        close(fd);
    /* When the worker ended meanwhile its end has been told already. */
    if (!is_sent && (h = hash_get(store.handed, tag_key(&tag))))
        handed_free(h);
    return is_sent;
}

static void request_fiber(void *arg)
{
    struct request *r = arg;
    bool is_session = ipc_message_type(r->message) == IPC_SESSION_GIVE;
    const struct error *e = &r->error;

    if (!hand_on(r, is_session)) {
        bool is_detail = e->status[0] == '\0' || strcmp(e->status, "4.3.0") == 0;
        if (is_detail)
            log_warning("%.*s: %s", VIEW_FMT(ipc_get_view(r->message, IPC_ATTR_USER)),
                        error_cstr(e));
        link_refuse(r->link, ipc_get_u64(r->message, IPC_ATTR_TAG, 0),
                    e->status[0] ? e->status : "4.3.0",
                    is_detail ? "Mailboxes are not available at this time" : e->text);
    }
    ipc_message_close_fds(r->message);
    link_release(r->link);
    arena_free(r->arena);
}

void dispatch_request(struct link *l, struct ipc_message *m, struct arena *arena)
{
    enum ipc_type type = ipc_message_type(m);
    if (type != IPC_SESSION_GIVE && type != IPC_QUOTA_ASK) {
        log_warning("unexpected %s", ipc_type_name(type));
        ipc_message_close_fds(m);
        arena_free(arena);
        return;
    }
    struct request *r = ARENA_NEW(arena, struct request);
    *r = (struct request){.link = link_retain(l), .message = m, .arena = arena};
    fiber_spawn("request", request_fiber, r);
}

/* --- answers --- */

static void taken(struct handed *h)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_SESSION_TAKEN);
    struct link *l = link_retain(h->link);

    h->is_taken = true;
    ipc_put_u64(m, IPC_ATTR_TAG, h->link_tag);
    link_send(l, m);
    link_release(l);
    arena_free(a);
}

/* A link of a process that can take a session back: the one it came from, or, when that
 * is gone and the session needs nothing of it, another one. */
static struct link *link_back(const struct handed *h)
{
    if (h->link->ipc || h->is_relayed)
        return h->link;
    return LIST_FIRST(struct link, &store.links, in_store);
}

static void give_back(struct handed *h, struct ipc_message *m)
{
    static const enum ipc_attr texts[] = {IPC_ATTR_SERVICE,        IPC_ATTR_CLIENT_NAME,
                                          IPC_ATTR_CLIENT_ADDRESS, IPC_ATTR_CLIENT_PORT,
                                          IPC_ATTR_SERVER_ADDRESS, IPC_ATTR_SERVER_PORT,
                                          IPC_ATTR_SESSION,        IPC_ATTR_INPUT};
    struct link *l = link_back(h);
    struct arena *a = arena_new();
    struct ipc_message *out = ipc_message_new(a, IPC_SESSION_RETURN);
    int fd = ipc_take_fd(m, 0);

    ipc_put_u64(out, IPC_ATTR_TAG, h->link_tag);
    ipc_put_u64(out, IPC_ATTR_RELAYED, h->is_relayed);
    copy(out, m, texts, sizeof texts / sizeof texts[0]);
    ipc_put_fd(out, fd);
    handed_free(h);
    if (l) {
        link_retain(l);
        link_send(l, out);
        link_release(l);
    }
    close(fd);
    arena_free(a);
}

/* QUOTA_IS and REFUSED with the tag that the link knows. */
static void pass_answer(struct handed *h, const struct ipc_message *m)
{
    struct arena *a = arena_new();
    enum ipc_type type = ipc_message_type(m);
    struct ipc_message *out = ipc_message_new(a, type);
    struct link *l = link_retain(h->link);

    ipc_put_u64(out, IPC_ATTR_TAG, h->link_tag);
    ipc_put_view(out, IPC_ATTR_TEXT, ipc_get_view(m, IPC_ATTR_TEXT));
    if (type == IPC_QUOTA_IS)
        ipc_put_u64(out, IPC_ATTR_OVER, ipc_get_u64(m, IPC_ATTR_OVER, 0));
    else
        ipc_put_view(out, IPC_ATTR_STATUS, ipc_get_view(m, IPC_ATTR_STATUS));
    handed_free(h);
    link_send(l, out);
    link_release(l);
    arena_free(a);
}

/* --- places for workers --- */

struct question {
    struct worker_process *worker;
    uint64_t tag;
    struct view user;
    struct arena *arena;
};

static void place_fiber(void *arg)
{
    struct question *q = arg;
    struct place_found *found = ARENA_NEW(q->arena, struct place_found);
    struct error e = ERROR_INIT;
    struct str place = STR_INIT(PLACE_MAX);
    bool good = places_find(store.places, q->user, q->arena, found, &e) &&
                place_pack(&found->place, &place);
    struct ipc_message *m = ipc_message_new(q->arena, good ? IPC_PLACE_IS : IPC_REFUSED);

    ipc_put_u64(m, IPC_ATTR_TAG, q->tag);
    if (good)
        ipc_put_view(m, IPC_ATTR_PLACE, str_view(&place));
    else {
        ipc_put_cstr(m, IPC_ATTR_STATUS, e.status[0] ? e.status : "4.3.0");
        ipc_put_cstr(m, IPC_ATTR_TEXT, e.text);
    }
    if (!worker_send(q->worker, m, &e))
        log_debug("worker: %s", error_cstr(&e));
    str_done(&place);
    worker_done(q->worker);
    arena_free(q->arena);
}

static void find_place(struct worker_process *w, const struct ipc_message *m)
{
    struct arena *a = arena_new();
    struct question *q = ARENA_NEW(a, struct question);

    *q = (struct question){.worker = w,
                           .tag = ipc_get_u64(m, IPC_ATTR_TAG, 0),
                           .user = arena_dup(a, ipc_get_view(m, IPC_ATTR_USER)),
                           .arena = a};
    w->busy++;
    w->references++;
    fiber_spawn("place", place_fiber, q);
}

/* What a worker may send. */
static bool is_answer(enum ipc_type type)
{
    return type == IPC_SESSION_TAKEN || type == IPC_SESSION_OVER ||
           type == IPC_SESSION_RETURN || type == IPC_QUOTA_IS || type == IPC_REFUSED;
}

void dispatch_answer(struct worker_process *w, struct ipc_message *m)
{
    enum ipc_type type = ipc_message_type(m);

    if (type == IPC_PLACE_OF) {
        find_place(w, m);
        return;
    }
    uint64_t tag = is_answer(type) ? ipc_get_u64(m, IPC_ATTR_TAG, 0) : 0;
    struct handed *h = hash_get(store.handed, tag_key(&tag));
    if (!h || h->worker != w) { /* a worker speaks for its own sessions only */
        log_warning("worker %d: unexpected %s", (int)w->pid, ipc_type_name(type));
        return;
    }
    switch ((int)type) {
    case IPC_SESSION_TAKEN:
        taken(h);
        break;
    case IPC_SESSION_OVER:
        handed_free(h);
        break;
    case IPC_SESSION_RETURN:
        give_back(h, m);
        break;
    case IPC_QUOTA_IS:
    case IPC_REFUSED:
        pass_answer(h, m);
        break;
    default:
        log_warning("worker %d: unexpected %s", (int)w->pid, ipc_type_name(type));
    }
}

void dispatch_worker_ended(struct worker_process *w)
{
    struct view key;
    void *value;
    size_t position = 0;
    struct arena *a = arena_new();
    struct waiting {
        struct waiting *next;
        struct link *link;
        uint64_t tag;
    } *first = NULL;

    while (hash_next(store.handed, &position, &key, &value)) {
        struct handed *h = value;
        if (h->worker != w)
            continue;
        if (!h->is_taken) {
            struct waiting *x = ARENA_NEW(a, struct waiting);
            *x = (struct waiting){first, link_retain(h->link), h->link_tag};
            first = x;
        }
        handed_free(h);
    }
    for (; first; first = first->next) {
        link_refuse(first->link, first->tag, "4.3.0",
                    "Mailboxes are not available at this time");
        link_release(first->link);
    }
    arena_free(a);
}
