/* qmgr_bench - how many messages a second go through the queue manager
 *
 * Usage: qmgr_bench QMGR DIRECTORY SESSIONS SECONDS [CONTENT_BYTES]
 * SESSIONS fibers commit messages through one link, as smtpd does; an agent in a process
 * of its own says "sent" to everything.  Prints messages/s and the CPU time of qmgr for
 * each.
 */
#include "agent/agent.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "ipc/ipc.h"
#include "net/listen.h"
#include "queue/draft.h"
#include "run/loop.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    const char *program, *directory;
    struct conf *conf;
    struct queue_link *link;
    unsigned sessions, running;
    int64_t end;
    uint64_t done, failed, size;
    char *content;
} b;

static const char *path_of(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", b.directory, name);
    return path;
}

/* --- the agent --- */

static void agent_connection(int fd, const struct net_address *peer, void *arg)
{
    struct ipc *c = ipc_open(fd);
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    (void)peer, (void)arg;
    while ((m = ipc_receive(c, a, CLOCK_NEVER, &e)) != NULL) {
        if (ipc_message_type(m) == IPC_DELIVER) {
            struct ipc_message *answer = ipc_message_new(a, IPC_DELIVERED);
            struct ipc_value v;
            size_t position = 0;
            ipc_put_u64(answer, IPC_ATTR_TAG, ipc_get_u64(m, IPC_ATTR_TAG, 0));
            while (ipc_next(m, &position, &v))
                if (v.attr == IPC_ATTR_INDEX) {
                    ipc_put_u64(answer, IPC_ATTR_INDEX, v.u64);
                    ipc_put_u64(answer, IPC_ATTR_OUTCOME, OUTCOME_SENT);
                    ipc_put_cstr(answer, IPC_ATTR_RECIPIENT_STATUS, "2.0.0");
                    ipc_put_cstr(answer, IPC_ATTR_RECIPIENT_TEXT, "250 Ok");
                }
            if (!ipc_send(c, answer, CLOCK_NEVER, &e))
                break;
        }
        ipc_message_close_fds(m);
        arena_reset(a);
    }
    arena_free(a);
    ipc_close(c);
}

static void agent_process(int fd)
{
    static const struct listen_limits limits = {100};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    loop_init();
    listen_serve(fd, &limits, agent_connection, NULL);
    loop_run();
    _exit(0);
}

/* --- qmgr --- */

static pid_t start_qmgr(int listener)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    const char *args[] = {"qmgr", "-n", "qmgr", "-t", "unix", "-c", NULL, NULL};
    union {
        const char **in;
        char **out;
    } call = {.in = args};
    args[6] = memory_cstr(path_of("etc"));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open(path_of("log"), O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (dup2(fcntl(listener, F_DUPFD, 20), 3) < 0 || dup2(fcntl(log, F_DUPFD, 20), 4) < 0)
        _exit(126);
    close_range(5, ~0U, 0);
    setenv("DILIGENCE_SOCKETS", "qmgr", 1);
    setenv("DILIGENCE_LOG", "4", 1);
    execv(b.program, call.out);
    _exit(127);
}

/* --- submitting --- */

static void session(void *arg)
{
    unsigned number = (unsigned)(uintptr_t)arg;
    char to[64];
    snprintf(to, sizeof to, "user%u@d%u.test", number, number % 20);
    while (clock_mono() < b.end) {
        struct error e = ERROR_INIT;
        struct recipient r = {.address = view_of(to), .original = view_of(to)};
        struct envelope env = {.sender = VIEW("sender@x.test"),
                               .client_name = VIEW("client.example"),
                               .recipients = &r,
                               .n_recipients = 1};
        struct draft *d = draft_open(b.link, &e);
        if (d == NULL) {
            b.failed++;
            (void)fiber_sleep(CLOCK_SECOND / 10);
            continue;
        }
        draft_write(d, (struct view){b.content, b.size});
        if (draft_commit(d, &env, NULL, &e) == OK)
            b.done++;
        else
            b.failed++;
    }
    b.running--;
}

/* User and system time of process PID in microseconds. */
static int64_t cpu_of(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    struct view rest = {text, n > 0 ? (size_t)n : 0}, field;
    uint64_t user = 0, system = 0;
    rest = view_from(rest, view_rfind(rest, ')') + 1);
    for (int i = 0; i < 13 && view_token(&rest, VIEW(" "), &field); i++)
        if (i == 11 || i == 12)
            if (!number_parse_u64(field, 0, UINT64_MAX, i == 11 ? &user : &system))
                return 0;
    return (int64_t)(user + system) * CLOCK_SECOND / sysconf(_SC_CLK_TCK);
}

struct bench {
    int64_t seconds;
    pid_t qmgr;
};

static void bench_fiber(void *arg)
{
    struct bench *bench = arg;
    struct error e = ERROR_INIT;
    b.link = queue_link_open(b.conf);
    struct draft *d = draft_open(b.link, &e); /* wait until it serves */
    if (d)
        draft_discard(d);
    (void)fiber_sleep(CLOCK_SECOND / 2);
    int64_t start = clock_mono(), cpu = cpu_of(bench->qmgr);
    b.end = clock_in(bench->seconds * CLOCK_SECOND);
    b.running = b.sessions;
    for (unsigned i = 0; i < b.sessions; i++)
        fiber_spawn("session", session, (void *)(uintptr_t)i);
    while (b.running > 0)
        (void)fiber_sleep(CLOCK_SECOND / 100);
    double seconds = (double)(clock_mono() - start) / 1e6;
    cpu = cpu_of(bench->qmgr) - cpu;
    printf("sessions=%u messages=%llu failed=%llu rate=%.0f/s qmgr_cpu=%.1fus\n",
           b.sessions, (unsigned long long)b.done, (unsigned long long)b.failed,
           (double)b.done / seconds, (double)cpu / (double)(b.done ? b.done : 1));
    (void)fiber_sleep(CLOCK_SECOND);
    loop_stop();
}

static void make_instance(void)
{
    static const char *const names[] = {
        "", "etc", "queue", "queue/public", "queue/private", "queue/maildrop"};
    const struct passwd *p = getpwnam("games");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)mkdir(path_of(names[i]), 0755);
        if (getuid() == 0 && p && chown(path_of(names[i]), p->pw_uid, p->pw_gid) < 0)
            log_fatal("chown");
    }
    FILE *f = fopen(path_of("etc/main.cf"), "w");
    fprintf(f,
            "compatibility_level = 3.6\nqueue_directory = %s/queue\n"
            "data_directory = %s/queue\nmaillog_file = %s/log\n"
            "maillog_file_prefixes = %s\nmail_owner = games\nsetgid_group = nogroup\n"
            "myhostname = mx.test\nmydestination =\nmynetworks = 127.0.0.0/8\n"
            "alias_maps =\nlocal_recipient_maps =\ndefault_transport = fake\n",
            b.directory, b.directory, b.directory, b.directory);
    fclose(f);
    f = fopen(path_of("etc/master.cf"), "w");
    fputs("fake unix - - n - 0 fake\n", f);
    fclose(f);
}

int main(int argc, char **argv)
{
    struct error e = ERROR_INIT;
    struct bench bench;
    int sessions, seconds, size = 4096;
    if (argc < 5 || !number_parse_int(view_of(argv[3]), 1, 10000, &sessions) ||
        !number_parse_int(view_of(argv[4]), 1, 3600, &seconds) ||
        (argc > 5 && !number_parse_int(view_of(argv[5]), 1, 1 << 30, &size)))
        log_fatal("usage: qmgr_bench QMGR DIRECTORY SESSIONS SECONDS [CONTENT_BYTES]");
    b.program = argv[1];
    b.directory = argv[2];
    b.sessions = (unsigned)sessions;
    b.size = (uint64_t)size;
    b.content = memory_alloc(b.size);
    memset(b.content, 'a', b.size - 1);
    b.content[b.size - 1] = '\n';
    make_instance();
    if (!conf_load(path_of("etc"), NULL, 0, &b.conf, &e))
        log_fatal("%s", error_cstr(&e));
    int agent = listen_unix(path_of("queue/private/fake"), SOCK_SEQPACKET, 0666, 10, &e);
    int qmgr = listen_unix(path_of("queue/public/qmgr"), SOCK_SEQPACKET, 0666, 10, &e);
    pid_t agent_pid = fork();
    if (agent_pid == 0)
        agent_process(agent);
    bench = (struct bench){seconds, start_qmgr(qmgr)};
    loop_init();
    fiber_spawn("bench", bench_fiber, &bench);
    loop_run();
    kill(bench.qmgr, SIGTERM);
    waitpid(bench.qmgr, NULL, 0);
    kill(agent_pid, SIGKILL);
    waitpid(agent_pid, NULL, 0);
    return 0;
}
