/* worker - a process with one user's rights, and the sessions in it
 *
 * The child of the dispatcher: it gives up what it inherited, becomes the user, locks
 * itself in where the mail is, and serves what comes over its channel: sessions, each a
 * fiber, and questions about quota.  It ends with the channel and its last session;
 * SIGTERM, or the dispatcher's death, ends the sessions first.
 */
#include "store.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/loop.h"
#include "sandbox/privileges.h"
#include "session.h"
#include "store/mailbox.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEND_TIMEOUT (10 * CLOCK_SECOND)
#define ASK_TIMEOUT  (20 * CLOCK_SECOND)
/* What a returned session may carry of its input. */
#define INPUT_MAX   ((size_t)32768)
#define SUMMARY_MAX ((size_t)512)

struct worker {
    const struct conf *conf;
    struct ipc *channel;
    struct list sessions; /* of struct running */
    struct list asking;   /* of struct ask */
    unsigned tasks;       /* fibers with something to finish */
    uint64_t last_tag;
    char shares[4096]; /* directory where its users tell whom they share with; "" none */
    bool is_closed;    /* the channel; nothing new comes */
    bool is_ending;
};
static struct worker self;

/* A session under way. */
struct running {
    struct list_link in_worker;
    struct store_session s;
    struct fiber *fiber;
    struct place place;
    uint64_t tag;
    int fd;
    bool is_relayed;
    struct view input; /* the client's first, until the stream has it */
};

/* A question to the dispatcher. */
struct ask {
    struct list_link in_worker;
    uint64_t tag;
    bool is_answered, is_found;
    struct arena *arena;
    struct place *place;
    struct error *error;
    struct waitq answered;
};

static void end_if_done(void)
{
    if (self.is_closed && self.tasks == 0)
        loop_stop();
}

static bool tell(const struct ipc_message *m)
{
    struct error e = ERROR_INIT;
    bool good = !self.is_closed && ipc_send(self.channel, m, clock_in(SEND_TIMEOUT), &e);

    if (!good)
        log_debug("dispatcher: %s", error_cstr(&e));
    return good;
}

static bool tell_tag(enum ipc_type type, uint64_t tag)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, type);

    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    bool good = tell(m);
    arena_free(a);
    return good;
}

static void refuse(uint64_t tag, const char *status, const char *text)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_REFUSED);

    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    ipc_put_cstr(m, IPC_ATTR_STATUS, status);
    ipc_put_cstr(m, IPC_ATTR_TEXT, text);
    (void)tell(m);
    arena_free(a);
}

/* --- questions of sessions --- */

bool worker_find_place(struct worker *w, struct view user, struct arena *a,
                       struct place *out, struct error *e)
{
    struct ask q = {.tag = ++w->last_tag, .arena = a, .place = out, .error = e};
    struct ipc_message *m = ipc_message_new(a, IPC_PLACE_OF);

    ipc_put_u64(m, IPC_ATTR_TAG, q.tag);
    ipc_put_view(m, IPC_ATTR_USER, view_sub(user, 0, 255));
    WAITQ_INIT(&q.answered);
    error_set(e, "4.3.0", "the dispatcher does not answer");
    list_append(&w->asking, &q.in_worker);
    if (tell(m))
        (void)waitq_wait(&q.answered, clock_in(ASK_TIMEOUT));
    list_remove(&q.in_worker);
    if (q.is_found)
        error_clear(e);
    return q.is_found;
}

static void take_answer(const struct ipc_message *m)
{
    uint64_t tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);

    LIST_FOR_EACH (struct ask, q, &self.asking, in_worker) {
        if (q->tag != tag)
            continue;
        if (ipc_message_type(m) == IPC_PLACE_IS) {
            q->is_found =
                place_unpack(ipc_get_view(m, IPC_ATTR_PLACE), q->arena, q->place);
        } else {
            error_set(q->error, "", "%.*s", VIEW_FMT(ipc_get_view(m, IPC_ATTR_TEXT)));
            (void)snprintf(q->error->status, sizeof q->error->status, "%.*s",
                           VIEW_FMT(ipc_get_view(m, IPC_ATTR_STATUS)));
        }
        waitq_wake_all(&q->answered);
        return;
    }
}

/* --- sessions --- */

static const char *protocol_name(const struct store_session *s)
{
    return s->protocol == STORE_IMAP ? "imap" : "pop3";
}

/* What the client may know of why its mailboxes cannot be opened. */
static bool open_account(struct running *r)
{
    struct error e = ERROR_INIT;
    enum store_result result = account_open(&r->place, &r->s.account, &e);

    if (result == STORE_OK)
        return true;
    log_warning("%s: mailboxes of %.*s: %s", protocol_name(&r->s), VIEW_FMT(r->s.user),
                error_cstr(&e));
    refuse(r->tag,
           result == STORE_NONEXISTENT || result == STORE_NOPERM ? "5.2.0" : "4.3.0",
           "The mailboxes cannot be opened");
    return false;
}

static void log_end(const struct running *r, const char *how)
{
    const struct store_session *s = &r->s;

    log_info("%s: %s: user=<%.*s>, rip=%.*s, lip=%.*s,%s session=<%.*s>%s%s",
             protocol_name(s), how, VIEW_FMT(s->user), VIEW_FMT(s->client_address),
             VIEW_FMT(s->server_address), s->is_secured ? " TLS," : "", VIEW_FMT(s->id),
             s->summary.n > 0 ? ", " : "", str_cstr(&s->summary));
}

/* The client took its login back: the descriptor goes home with what was read ahead. */
static void give_back(struct running *r)
{
    struct store_session *s = &r->s;
    struct ipc_message *m = ipc_message_new(s->arena, IPC_SESSION_RETURN);
    struct view input = arena_dup(s->arena, stream_peek(s->stream));

    bool is_flushed = stream_flush(s->stream) == STREAM_OK;
    r->fd = stream_take_fd(s->stream);
    s->stream = NULL;
    if (!is_flushed || input.n > INPUT_MAX) {
        (void)tell_tag(IPC_SESSION_OVER, r->tag);
        return;
    }
    ipc_put_u64(m, IPC_ATTR_TAG, r->tag);
    ipc_put_cstr(m, IPC_ATTR_SERVICE, protocol_name(s));
    ipc_put_view(m, IPC_ATTR_CLIENT_NAME, s->client_name);
    ipc_put_view(m, IPC_ATTR_CLIENT_ADDRESS, s->client_address);
    ipc_put_view(m, IPC_ATTR_CLIENT_PORT, s->client_port);
    ipc_put_view(m, IPC_ATTR_SERVER_ADDRESS, s->server_address);
    ipc_put_view(m, IPC_ATTR_SERVER_PORT, s->server_port);
    ipc_put_view(m, IPC_ATTR_SESSION, s->id);
    ipc_put_u64(m, IPC_ATTR_RELAYED, r->is_relayed);
    ipc_put_view(m, IPC_ATTR_INPUT, input);
    ipc_put_fd(m, r->fd);
    (void)tell(m);
}

static void run(struct running *r)
{
    struct store_session *s = &r->s;

    s->stream = stream_open_fd(r->fd);
    r->fd = -1;
    stream_give_input(s->stream, r->input);
    enum session_end end = s->protocol == STORE_IMAP ? imap_session(s) : pop3_session(s);
    log_end(r, end == SESSION_UNAUTHENTICATED ? "Unauthenticated" : "Disconnected");
    if (end == SESSION_UNAUTHENTICATED) {
        give_back(r);
        return;
    }
    (void)(stream_flush(s->stream) == STREAM_OK);
    stream_close(s->stream);
    (void)tell_tag(IPC_SESSION_OVER, r->tag);
}

static void session_fiber(void *arg)
{
    struct running *r = arg;
    struct arena *a = r->s.arena;

    r->fiber = fiber_self();
    list_append(&self.sessions, &r->in_worker);
    if (open_account(r)) {
        if (tell_tag(IPC_SESSION_TAKEN, r->tag))
            run(r);
        account_close(r->s.account);
    }
    list_remove(&r->in_worker);
    if (r->fd >= 0)
        close(r->fd);
    str_done(&r->s.summary);
    arena_free(a);
    self.tasks--;
    end_if_done();
}

/* Takes A over. */
static void begin_session(struct ipc_message *m, struct arena *a)
{
    struct running *r = ARENA_NEW(a, struct running);
    struct store_session *s = &r->s;

    r->tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);
    r->fd = ipc_take_fd(m, 0);
    r->is_relayed = ipc_get_u64(m, IPC_ATTR_RELAYED, 0);
    r->input = ipc_get_view(m, IPC_ATTR_INPUT);
    *s = (struct store_session){
        .arena = a,
        .conf = self.conf,
        .worker = &self,
        .protocol = view_eq(ipc_get_view(m, IPC_ATTR_SERVICE), VIEW("pop3")) ? STORE_POP3
                                                                             : STORE_IMAP,
        .user = ipc_get_view(m, IPC_ATTR_USER),
        .tag = ipc_get_view(m, IPC_ATTR_COMMAND_TAG),
        .command = ipc_get_view(m, IPC_ATTR_COMMAND),
        .method = ipc_get_view(m, IPC_ATTR_MECHANISM),
        .client_name = ipc_get_view(m, IPC_ATTR_CLIENT_NAME),
        .client_address = ipc_get_view(m, IPC_ATTR_CLIENT_ADDRESS),
        .client_port = ipc_get_view(m, IPC_ATTR_CLIENT_PORT),
        .server_address = ipc_get_view(m, IPC_ATTR_SERVER_ADDRESS),
        .server_port = ipc_get_view(m, IPC_ATTR_SERVER_PORT),
        .id = ipc_get_view(m, IPC_ATTR_SESSION),
        .shares = self.shares[0] ? self.shares : NULL,
        .is_secured = ipc_get_u64(m, IPC_ATTR_SECURED, 0),
        .ending = self.is_ending ? "The system is going down." : NULL};
    str_init(&s->summary, SUMMARY_MAX);
    if (!place_unpack(ipc_get_view(m, IPC_ATTR_PLACE), a, &r->place))
        log_panic("a session without a place");
    self.tasks++;
    fiber_spawn(s->protocol == STORE_IMAP ? "imap" : "pop3", session_fiber, r);
}

/* --- quota --- */

struct quota_question {
    struct arena *arena;
    struct place place;
    uint64_t tag, bytes;
};

static void quota_fiber(void *arg)
{
    struct quota_question *q = arg;
    struct account *account;
    struct error e = ERROR_INIT;
    enum store_result result = account_open(&q->place, &account, &e);

    if (result == STORE_OK) {
        result = account_quota_check(account, q->bytes, 1, &e);
        account_close(account);
    }
    if (result == STORE_OK || result == STORE_OVERQUOTA) {
        struct ipc_message *m = ipc_message_new(q->arena, IPC_QUOTA_IS);
        ipc_put_u64(m, IPC_ATTR_TAG, q->tag);
        ipc_put_u64(m, IPC_ATTR_OVER, result == STORE_OVERQUOTA);
        ipc_put_cstr(m, IPC_ATTR_TEXT, result == STORE_OVERQUOTA ? e.text : "");
        (void)tell(m);
    } else {
        refuse(q->tag, "4.3.0", e.text);
    }
    arena_free(q->arena);
    self.tasks--;
    end_if_done();
}

static void begin_quota(const struct ipc_message *m, struct arena *a)
{
    struct quota_question *q = ARENA_NEW(a, struct quota_question);

    q->arena = a;
    q->tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);
    q->bytes = ipc_get_u64(m, IPC_ATTR_BYTES, 0);
    if (!place_unpack(ipc_get_view(m, IPC_ATTR_PLACE), a, &q->place))
        log_panic("a question without a place");
    self.tasks++;
    fiber_spawn("quota", quota_fiber, q);
}

/* --- the channel --- */

/* Takes A over. */
static void take_message(struct ipc_message *m, struct arena *a)
{
    switch ((int)ipc_message_type(m)) {
    case IPC_SESSION_GIVE:
        begin_session(m, a);
        return;
    case IPC_QUOTA_ASK:
        begin_quota(m, a);
        return;
    case IPC_PLACE_IS:
    case IPC_REFUSED:
        take_answer(m);
        break;
    case IPC_CHILD_LOG:
        log_set_file(ipc_take_fd(m, 0));
        break;
    default:
        log_warning("dispatcher sent an unexpected %s",
                    ipc_type_name(ipc_message_type(m)));
    }
    ipc_message_close_fds(m);
    arena_free(a);
}

/* Each session is told, as far as that goes without waiting. */
static void end_sessions(void)
{
    self.is_ending = true;
    LIST_FOR_EACH (struct running, r, &self.sessions, in_worker) {
        r->s.ending = "The system is going down.";
        fiber_cancel(r->fiber);
    }
}

static void channel_fiber(void *arg)
{
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    struct arena *a = arena_new();
    (void)arg;

    while ((m = ipc_receive(self.channel, a, CLOCK_NEVER, &e))) {
        take_message(m, a);
        a = arena_new();
    }
    arena_free(a);
    self.is_closed = true;
    end_sessions();
    end_if_done();
}

static void on_terminate(int signo, void *arg)
{
    (void)signo;
    (void)arg;
    self.is_closed = true;
    end_sessions();
    if (self.tasks == 0)
        loop_stop();
}

/* --- start --- */

/* Of the dispatcher's descriptors only the channel and the log stay; those of clients of
 * other users among them must not. */
static void close_others(int channel)
{
    int log = log_after_fork();
    int low = channel < log ? channel : log, high = channel < log ? log : channel;

    if (low > 3)
        (void)close_range(3, (unsigned)low - 1, 0);
    if (low >= 3 && high > low + 1)
        (void)close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    if (low < 3 && high > 3)
        (void)close_range(3, (unsigned)high - 1, 0);
    (void)close_range((unsigned)high + 1, ~0U, 0);
}

static bool lock_in(const struct worker_start *start, struct error *e)
{
    const struct conf *c = start->conf;
    const char *writable[] = {start->found->area, conf_cstr(c, P_mail_spool_directory),
                              conf_cstr(c, P_store_index_directory), NULL};
    const struct sandbox_profile profile = {.name = "store", .writable = writable};

    if (writable[2][0] == '\0')
        writable[2] = NULL;
    if (!start->found->account) { /* virtual users have nothing in the spool */
        writable[1] = writable[2];
        writable[2] = NULL;
    }
    return sandbox_enter(&profile, e);
}

/* Virtual users of one uid have their mail below one directory: what they share stands
 * there. */
static void find_shares(const struct place_found *found)
{
    bool has_area = !found->account && found->area[1] != '\0';
    int n = has_area ? snprintf(self.shares, sizeof self.shares, "%s/diligence.shares",
                                found->area)
                     : 0;

    if (n >= (int)sizeof self.shares ||
        (n > 0 && mkdir(self.shares, 0700) < 0 && errno != EEXIST))
        self.shares[0] = '\0';
}

int worker_main(void *arg)
{
    const struct worker_start *start = arg;
    const struct place_found *found = start->found;
    struct error e = ERROR_INIT;

    close_others(start->channel);
    umask(077);
    store_configure(start->conf); /* before the sandbox closes */
    if ((start->acts_for_users &&
         !privileges_drop_ids(found->uid, found->gid, found->account, &e)) ||
        !lock_in(start, &e)) {
        log_warning("worker for uid %lu: %s", (unsigned long)found->uid, error_cstr(&e));
        return 1;
    }
    self.conf = start->conf;
    find_shares(found);
    list_init(&self.sessions);
    list_init(&self.asking);
    loop_init();
    self.channel = ipc_open(start->channel);
    loop_on_signal(SIGTERM, on_terminate, NULL);
    loop_on_signal(SIGINT, on_terminate, NULL);
    fiber_spawn("channel", channel_fiber, NULL);
    loop_run();
    account_close_unused();
    return 0;
}
