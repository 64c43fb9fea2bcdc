/* qmgr_world - tests: the real queue manager, with all others of the test */
#include "qmgr_world.h"
#include "agent/agent.h"
#include "base/log.h"
#include "base/memory.h"
#include "dsn/report.h"
#include "ipc/ipc.h"
#include "queue/queue_file.h"
#include "run/loop.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char program_path[4096];
struct world w;

/* --- files --- */

const char *path_of(const char *name)
{
    return arena_printf(w.arena, "%s/%s", w.directory, name).p;
}

static void write_file(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static const char *read_log(void)
{
    int fd = open(path_of("log"), O_RDONLY | O_CLOEXEC);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *p = arena_alloc(w.arena, (size_t)st.st_size + 1);
    assert_true(queue_read_full(fd, p, (size_t)st.st_size, 0));
    close(fd);
    return p;
}

bool log_has(const char *text)
{
    return strstr(read_log(), text) != NULL;
}

bool wait_log(const char *text)
{
    int64_t deadline = clock_in(PATIENCE);
    while (!log_has(text) && clock_mono() < deadline)
        (void)fiber_sleep(CLOCK_SECOND / 50);
    if (!log_has(text))
        print_error("not in the log: %s\n%s\n", text, read_log());
    return log_has(text);
}

bool wait_count(const unsigned *counter, unsigned wanted)
{
    int64_t deadline = clock_in(PATIENCE);
    while (*counter < wanted && clock_mono() < deadline)
        (void)fiber_sleep(CLOCK_SECOND / 100);
    if (*counter < wanted)
        print_error("%u of %u\n%s\n", *counter, wanted, read_log());
    return *counter >= wanted;
}

/* --- the program --- */

static void run_program(void)
{
    static const char *const argv[] = {"qmgr", "-n", "qmgr", "-t", "unix", "-c"};
    const char *args[8];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    union {
        const char **in;
        char **out;
    } call = {.in = args};
    memcpy(args, argv, sizeof argv);
    args[6] = path_of("etc");
    args[7] = NULL;
    int log = open(path_of("log"), O_WRONLY | O_APPEND);
    int high = fcntl(w.listener, F_DUPFD, 20), high_log = fcntl(log, F_DUPFD, 20);
    if (high < 0 || high_log < 0 || dup2(high, 3) < 0 || dup2(high_log, 4) < 0)
        _exit(126);
    close_range(5, ~0U, 0);
    setenv("DILIGENCE_SOCKETS", "qmgr", 1);
    setenv("DILIGENCE_LOG", "4", 1);
    unsetenv("DILIGENCE_STATUS");
    execv(program_path, call.out);
    _exit(127);
}

void listen_qmgr(void)
{
    struct error e = ERROR_INIT;
    w.listener = listen_unix(path_of("queue/public/qmgr"), SOCK_SEQPACKET, 0600, 100, &e);
    assert_true(w.listener >= 0);
}

void start_qmgr(void)
{
    w.pid = fork();
    assert_true(w.pid >= 0);
    if (w.pid == 0)
        run_program();
}

void end_qmgr(int signo)
{
    int status;
    assert_int_equal(kill(w.pid, signo), 0);
    assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
    if (signo == SIGTERM && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        print_error("exit status %x\n%s\n", status, read_log());
        fail();
    }
    w.pid = 0;
}

/* --- the agent --- */

static void put_result(struct ipc_message *m, uint64_t index, enum outcome outcome,
                       const char *status, const char *text)
{
    ipc_put_u64(m, IPC_ATTR_INDEX, index);
    ipc_put_u64(m, IPC_ATTR_OUTCOME, outcome);
    ipc_put_cstr(m, IPC_ATTR_RECIPIENT_STATUS, status);
    ipc_put_cstr(m, IPC_ATTR_RECIPIENT_TEXT, text);
}

struct request {
    struct ipc *ipc;
    struct arena *arena;
    struct ipc_message *m;
    int fd;
    uint64_t tag;
    unsigned *users;
};

static void check_content(const struct request *r)
{
    char byte[1];
    struct stat st;
    uint64_t size = ipc_get_u64(r->m, IPC_ATTR_CONTENT_SIZE, 0);
    assert_true(fstat(r->fd, &st) == 0 && (uint64_t)st.st_size >= size);
    assert_true(queue_read_full(r->fd, byte, 1, size - 1));
    assert_int_equal(byte[0], '\n');
    assert_int_equal(pwrite(r->fd, "x", 1, 0), -1); /* nobody may change it */
}

/* One recipient's fate by its local part. */
static void answer_recipient(struct ipc_message *m, const char *id, struct view to,
                             uint64_t index)
{
    if (view_starts(to, VIEW("defer"))) {
        put_result(m, index, OUTCOME_DEFERRED, "4.2.0", "not now, please");
    } else if (view_starts(to, VIEW("bounce"))) {
        put_result(m, index, OUTCOME_BOUNCED, "5.1.1", "no such user");
    } else if (view_starts(to, VIEW("dead")) && w.refuses_dead) {
        put_result(m, index, OUTCOME_DEFERRED, "4.4.1",
                   "connect to x: Connection refused");
        ipc_put_cstr(m, IPC_ATTR_DEAD_STATUS, "4.4.1");
        ipc_put_cstr(m, IPC_ATTR_DEAD_TEXT, "connect to x: Connection refused");
    } else {
        put_result(m, index, OUTCOME_SENT, "2.0.0", "250 Ok");
        w.delivered++;
        str_addf(&w.seen, "%s:%.*s ", id, VIEW_FMT(to));
    }
}

static void answer_request(void *arg)
{
    struct request *r = arg;
    struct error e = ERROR_INIT;
    struct ipc_value v;
    size_t position = 0;
    struct view to = VIEW_NONE, id = ipc_get_view(r->m, IPC_ATTR_QUEUE_ID);
    bool is_crash = false, is_slow = false, is_checkpoint = false;
    char name[QUEUE_ID_MAX];
    snprintf(name, sizeof name, "%.*s", VIEW_FMT(id));
    w.attempts++;
    w.running++;
    if (w.running > w.most_running)
        w.most_running = w.running;
    check_content(r);
    while (w.is_stalled)
        (void)waitq_wait(&w.released, clock_in(CLOCK_SECOND / 10));
    struct ipc_message *m = ipc_message_new(r->arena, IPC_DELIVERED);
    ipc_put_u64(m, IPC_ATTR_TAG, r->tag);
    while (ipc_next(r->m, &position, &v)) {
        if (v.attr == IPC_ATTR_RECIPIENT)
            to = v.view;
        is_crash |= view_starts(to, VIEW("crash")) && w.crashes > 0;
        is_slow |= view_starts(to, VIEW("slow"));
        is_checkpoint |= view_starts(to, VIEW("store"));
        if (v.attr == IPC_ATTR_INDEX && !is_crash)
            answer_recipient(m, name, to, v.u64);
    }
    if (is_slow)
        (void)fiber_sleep(CLOCK_SECOND / 20);
    if (is_checkpoint)
        ipc_put_cstr(m, IPC_ATTR_CHECKPOINT, w.directory);
    if (is_crash) {
        w.crashes--;
        shutdown(ipc_fd(r->ipc), SHUT_RDWR);
    } else {
        (void)!ipc_send(r->ipc, m, clock_in(PATIENCE), &e);
    }
    w.running--;
    close(r->fd);
    arena_free(r->arena);
    (*r->users)--;
    memory_free(r);
}

static void agent_connection(int fd, const struct net_address *peer, void *arg)
{
    struct ipc *c = ipc_open(fd);
    struct error e = ERROR_INIT;
    unsigned users = 0;
    (void)peer, (void)arg;
    for (;;) {
        struct arena *a = arena_new();
        struct ipc_message *m = ipc_receive(c, a, CLOCK_NEVER, &e);
        if (m == NULL) {
            arena_free(a);
            break;
        }
        if (ipc_message_type(m) != IPC_DELIVER) {
            assert_int_equal(ipc_message_type(m), IPC_HELLO);
            arena_free(a);
            continue;
        }
        struct request *r = NEW(struct request);
        *r = (struct request){
            c, a, m, ipc_take_fd(m, 0), ipc_get_u64(m, IPC_ATTR_TAG, 0), &users};
        users++;
        fiber_spawn("answer", answer_request, r);
    }
    while (users > 0)
        (void)fiber_sleep(CLOCK_SECOND / 100);
    ipc_close(c);
}

/* --- bounce --- */

static void take_report(struct ipc_message *m)
{
    struct error e = ERROR_INIT;
    struct report_recipient *list;
    size_t n;
    struct queue_id origin;
    int content = ipc_take_fd(m, 0), recipients = ipc_take_fd(m, 1);
    struct arena *a = arena_new();
    assert_true(report_read(a, recipients, &list, &n, &e));
    assert_true(queue_id_parse(ipc_get_view(m, IPC_ATTR_QUEUE_ID), &origin));
    snprintf(w.last_report, sizeof w.last_report, "%.*s",
             VIEW_FMT(ipc_get_view(m, IPC_ATTR_REPORT)));
    w.reported_recipients += (unsigned)n;
    if (w.bounce_commits) {
        static const char *const to[] = {"ok-sender@x.test", NULL};
        assert_int_equal(submit("", to, 300, &origin, NULL), OK);
    }
    w.reports++;
    close(content);
    close(recipients);
    arena_free(a);
}

static void bounce_connection(int fd, const struct net_address *peer, void *arg)
{
    struct ipc *c = ipc_open(fd);
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    (void)peer, (void)arg;
    while ((m = ipc_receive(c, a, CLOCK_NEVER, &e)) != NULL) {
        if (ipc_message_type(m) == IPC_HELLO)
            continue;
        assert_int_equal(ipc_message_type(m), IPC_REPORT_ABOUT);
        uint64_t tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);
        take_report(m);
        m = ipc_message_new(a, IPC_REPORTED);
        ipc_put_u64(m, IPC_ATTR_TAG, tag);
        assert_true(ipc_send(c, m, clock_in(PATIENCE), &e));
    }
    arena_free(a);
    ipc_close(c);
}

/* Listeners live as long as their process; the leak checker shall see them. */
static void keep_listener(struct listener *l)
{
    static struct listener *kept[64];
    static unsigned n;
    assert_true(n < 64);
    kept[n++] = l;
    assert_non_null(kept[n - 1]);
}

void start_bounce(void)
{
    struct error e = ERROR_INIT;
    static const struct listen_limits limits = {100};
    int fd = listen_unix(path_of("queue/private/bounce"), SOCK_SEQPACKET, 0666, 10, &e);
    assert_true(fd >= 0);
    w.bounce = listen_serve(fd, &limits, bounce_connection, NULL);
    keep_listener(w.bounce);
}

static void start_agent(void)
{
    struct error e = ERROR_INIT;
    static const struct listen_limits limits = {100};
    int fd = listen_unix(path_of("queue/private/fake"), SOCK_SEQPACKET, 0666, 10, &e);
    assert_true(fd >= 0);
    w.agent = listen_serve(fd, &limits, agent_connection, NULL);
    keep_listener(w.agent);
}

/* --- submitting --- */

enum result submit(const char *sender, const char *const *recipients, size_t size,
                   const struct queue_id *origin, struct queue_id *id)
{
    struct error e = ERROR_INIT;
    struct draft *d = draft_open(w.link, &e);
    if (d == NULL) {
        print_error("%s\n", error_cstr(&e));
        return TEMPFAIL;
    }
    if (id)
        *id = *draft_id(d);
    struct envelope env = {.sender = view_of(sender),
                           .client_name = VIEW("test.example")};
    struct recipient *list = arena_alloc_array(w.arena, 64, sizeof *list);
    while (env.n_recipients < 64 && recipients[env.n_recipients]) {
        list[env.n_recipients].address = view_of(recipients[env.n_recipients]);
        list[env.n_recipients].original = list[env.n_recipients].address;
        env.n_recipients++;
    }
    env.recipients = list;
    char *line = memory_alloc(1024);
    memset(line, 'a', 1023);
    line[1023] = '\n';
    for (size_t left = size; left > 0;) {
        size_t n = left < 1024 ? left : 1024;
        draft_write(d, (struct view){line + (1024 - n), n});
        left -= n;
    }
    memory_free(line);
    enum result r = draft_commit(d, &env, origin, &e);
    if (r != OK)
        print_message("commit: %s\n", error_cstr(&e));
    return r;
}

enum result send_to(const char *recipient, struct queue_id *id)
{
    const char *const list[] = {recipient, NULL};
    return submit("sender@x.test", list, 4096, NULL, id);
}

const char *listing(uint64_t *count)
{
    int fd;
    struct error e = ERROR_INIT;
    enum result r = queue_admin_list(w.conf, &fd, count, &e);
    if (r != OK)
        fail_msg("%s", error_cstr(&e));
    off_t n = lseek(fd, 0, SEEK_END);
    char *p = arena_alloc(w.arena, (size_t)n + 1);
    assert_true(queue_read_full(fd, p, (size_t)n, 0));
    close(fd);
    return p;
}

uint64_t control(enum queue_request request, const char *id)
{
    struct queue_selection s = {.id = view_of(id)};
    struct error e = ERROR_INIT;
    uint64_t count;
    if (queue_admin_control(w.conf, request, &s, &count, &e) != OK)
        fail_msg("%s", error_cstr(&e));
    return count;
}

bool wait_empty(void)
{
    uint64_t count = 1;
    int64_t deadline = clock_in(PATIENCE);
    while (listing(&count), count > 0 && clock_mono() < deadline)
        (void)fiber_sleep(CLOCK_SECOND / 20);
    return count == 0;
}

/* --- frame --- */

static const char main_cf[] = "compatibility_level = 3.6\n"
                              "maillog_file_prefixes = /tmp\n"
                              "mail_owner = " OWNER "\nsetgid_group = nogroup\n"
                              "myhostname = mx.test\nmydomain = test\n"
                              "mydestination =\nmynetworks = 127.0.0.0/8\n"
                              "alias_maps =\nlocal_recipient_maps =\n"
                              "default_transport = fake\n"
                              "queue_journal_segment_size = 1048576\n"
                              "checkpoint_interval = 1s\n"
                              "transport_retry_time = 1s\n"
                              "queue_run_delay = 1s\n";

struct frame {
    fiber_fn *body;
};

static void frame_fiber(void *arg)
{
    struct frame *f = arg;
    start_agent();
    start_qmgr();
    w.link = queue_link_open(w.conf);
    f->body(NULL);
    end_qmgr(SIGTERM);
    queue_link_close(w.link);
    listener_stop(w.agent);
    if (w.bounce)
        listener_stop(w.bounce);
    w.is_stalled = false;
    int64_t deadline = clock_in(3 * CLOCK_SECOND);
    while (fiber_count() > 1 && clock_mono() < deadline) /* connections see their end */
        (void)fiber_sleep(CLOCK_SECOND / 100);
    loop_stop();
}

static void make_directory(const char *path)
{
    const struct passwd *p = getpwnam(OWNER);
    assert_int_equal(mkdir(path, 0755), 0);
    if (getuid() == 0 && p)
        assert_int_equal(chown(path, p->pw_uid, p->pw_gid), 0);
}

void in_world(fiber_fn *body, const char *more)
{
    struct error e = ERROR_INIT;
    struct frame f = {body};
    w = (struct world){.directory = "/tmp/qmgr_test.XXXXXX", .arena = arena_new()};
    WAITQ_INIT(&w.released);
    str_init(&w.seen, 1 << 20);
    assert_non_null(mkdtemp(w.directory));
    static const char *const directories[] = {"etc", "queue", "queue/public",
                                              "queue/private", "queue/maildrop"};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
        make_directory(path_of(directories[i]));
    assert_int_equal(chmod(w.directory, 0755), 0);
    write_file("log", "");
    write_file("etc/master.cf", "fake unix - - n - - fake\nqmgr unix n - n - 1 qmgr\n");
    write_file("etc/main.cf",
               arena_printf(w.arena,
                            "queue_directory = %s/queue\ndata_directory = %s/queue\n"
                            "maillog_file = %s/log\n%s%s",
                            w.directory, w.directory, w.directory, main_cf, more)
                   .p);
    if (!conf_load(path_of("etc"), NULL, 0, &w.conf, &e))
        fail_msg("%s", error_cstr(&e));
    w.listener = listen_unix(path_of("queue/public/qmgr"), SOCK_SEQPACKET, 0600, 100, &e);
    assert_true(w.listener >= 0);
    loop_init();
    fiber_spawn("test", frame_fiber, &f);
    loop_run();
    loop_done();
    close(w.listener);
    conf_free(w.conf);
    const char *command = arena_printf(w.arena, "rm -rf %s", w.directory).p;
    assert_int_equal(system(command), 0);
    str_done(&w.seen);
    arena_free(w.arena);
}
