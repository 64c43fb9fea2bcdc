/* proxy - questions to proxymap
 *
 * On fibers connections are kept for the next question, ipc_idle long when nobody asks
 * and ipc_ttl at most; elsewhere (commands, children) each question has its own and
 * blocks.  A connection that proxymap closed meanwhile is opened anew once.  proxymap(8).
 */
#include "table/network.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "ipc/endpoint.h"
#include "ipc/ipc.h"
#include "net/dial.h"
#include "run/fiber.h"
#include "run/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct link {
    struct list_link idle;
    struct ipc *ipc;
    enum parameter service;
    int64_t opened, used;
    int64_t idle_max, life_max;
};

static struct list idle_links; /* the longest idle first */
static struct timer sweeper;

/* --- connections of fibers --- */

static void link_free(struct link *k)
{
    list_remove(&k->idle);
    ipc_close(k->ipc);
    memory_free(k);
}

/* Close what was idle for too long; come again when there is more. */
static void sweep(struct timer *t)
{
    struct link *first;

    (void)t;
    while ((first = LIST_FIRST(struct link, &idle_links, idle)) != NULL) {
        if (first->used + first->idle_max > clock_mono()) {
            timer_set(&sweeper, first->used + first->idle_max, sweep);
            return;
        }
        link_free(first);
    }
}

static void keep(struct link *k)
{
    k->used = clock_mono();
    if (k->opened + k->life_max < k->used) {
        link_free(k);
        return;
    }
    bool first = list_is_empty(&idle_links);
    list_append(&idle_links, &k->idle);
    if (first)
        timer_set(&sweeper, k->used + k->idle_max, sweep);
}

/* An idle connection to SERVICE; NULL when there is none. */
static struct link *take_idle(enum parameter service)
{
    if (idle_links.head.next == NULL)
        list_init(&idle_links);
    LIST_FOR_EACH_SAFE (struct link, k, &idle_links, idle)
        if (k->service == service) {
            list_remove(&k->idle);
            return k;
        }
    return NULL;
}

static struct ipc_message *hello_new(const struct conf *c, struct arena *a)
{
    struct ipc_message *m = ipc_message_new(a, IPC_HELLO);

    ipc_put_u64(m, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(m, IPC_ATTR_NAME, conf_cstr(c, P_process_name));
    return m;
}

static bool say_hello(const struct conf *c, struct ipc *ipc, int64_t deadline,
                      struct error *e)
{
    struct arena *a = arena_new();
    bool ok = ipc_send(ipc, hello_new(c, a), deadline, e);

    arena_free(a);
    return ok;
}

/* Connect to SERVICE.  The queue directory is the current one. */
static struct link *link_new(const struct conf *c, enum parameter service,
                             int64_t deadline, struct error *e)
{
    char path[ENDPOINT_PATH_BYTES];
    int fd;

    if (snprintf(path, sizeof path, "private/%s", conf_cstr(c, service)) >=
        (int)sizeof path) {
        error_set(e, "4.3.5", "service name too long: %s", conf_cstr(c, service));
        return NULL;
    }
    fd = dial_seqpacket(path, deadline, e);
    if (fd < 0)
        return NULL;
    struct link *k = NEW(struct link);
    k->ipc = ipc_open(fd);
    k->service = service;
    k->opened = clock_mono();
    k->idle_max = conf_time(c, P_ipc_idle);
    k->life_max = conf_time(c, P_ipc_ttl);
    if (say_hello(c, k->ipc, deadline, e))
        return k;
    link_free(k);
    return NULL;
}

/* One question, one answer in A; NULL with *E.  May suspend. */
static struct ipc_message *ask_on_fiber(const struct conf *c, enum parameter service,
                                        const struct ipc_message *question,
                                        struct arena *a, struct error *e)
{
    int64_t deadline = clock_in(conf_time(c, P_ipc_timeout));
    struct ipc_message *answer = NULL;
    bool is_old = true;

    while (answer == NULL && is_old) {
        struct link *k = take_idle(service);
        is_old = k != NULL;
        error_clear(e);
        if (k == NULL)
            k = link_new(c, service, deadline, e);
        if (k == NULL)
            return NULL;
        if (ipc_send(k->ipc, question, deadline, e))
            answer = ipc_receive(k->ipc, a, deadline, e);
        if (answer)
            keep(k);
        else
            link_free(k);
    }
    return answer;
}

/* --- without fibers --- */

/* Connect, blocking, from any directory: a UNIX address is short, and the path of the
 * queue may be long. */
static int dial_blocking(const struct conf *c, enum parameter service, struct error *e)
{
    struct view queue = conf_queue_directory(c);
    char *directory = memory_alloc(queue.n + 1);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = conf_time(c, P_ipc_timeout) / CLOCK_SECOND};

    memcpy(directory, queue.p, queue.n);
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    memory_free(directory);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/private/%s", at,
             conf_cstr(c, service));
    bool ok = at >= 0 && fd >= 0 &&
              setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
              connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (!ok) {
        error_set_errno(e, "4.4.1", "connect to private/%s", conf_cstr(c, service));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    if (at >= 0)
        close(at);
    return fd;
}

/* One record with at most one descriptor, parsed into A. */
static struct ipc_message *receive_blocking(int fd, struct arena *a, int *memory,
                                            struct error *e)
{
    char *record = arena_alloc(a, IPC_MAX_BYTES);
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = record, .iov_len = IPC_MAX_BYTES};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);

    *memory = -1;
    if (n <= 0) {
        errno = n == 0 ? ECONNRESET : errno;
        error_set_errno(e, "4.4.2", "proxymap");
        return NULL;
    }
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
        h->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(memory, CMSG_DATA(h), sizeof(int));
    return ipc_message_parse(a, (struct view){record, (size_t)n}, *memory >= 0, e);
}

static struct ipc_message *ask_blocking(const struct conf *c, enum parameter service,
                                        const struct ipc_message *question,
                                        struct arena *a, int *memory, struct error *e)
{
    struct view bytes = ipc_message_bytes(question);
    struct ipc_message *answer = NULL;
    int fd = dial_blocking(c, service, e);

    *memory = -1;
    if (fd < 0)
        return NULL;
    struct view hello = ipc_message_bytes(hello_new(c, a));
    if (send(fd, hello.p, hello.n, MSG_NOSIGNAL) == (ssize_t)hello.n &&
        send(fd, bytes.p, bytes.n, MSG_NOSIGNAL) == (ssize_t)bytes.n)
        answer = receive_blocking(fd, a, memory, e);
    else
        error_set_errno(e, "4.4.2", "proxymap");
    close(fd);
    return answer;
}

static struct ipc_message *ask(const struct conf *c, enum parameter service,
                               const struct ipc_message *question, struct arena *a,
                               int *memory, struct error *e)
{
    if (fiber_self() == NULL)
        return ask_blocking(c, service, question, a, memory, e);
    struct ipc_message *answer = ask_on_fiber(c, service, question, a, e);
    *memory = answer ? ipc_take_fd(answer, 0) : -1;
    return answer;
}

/* --- questions --- */

static struct ipc_message *question_new(struct arena *a, enum ipc_type type,
                                        struct view spec, unsigned flags, struct view key)
{
    struct ipc_message *m = ipc_message_new(a, type);

    ipc_put_view(m, IPC_ATTR_TABLE, spec);
    ipc_put_u64(m, IPC_ATTR_FLAGS, flags);
    ipc_put_view(m, IPC_ATTR_KEY, key);
    return m;
}

/* What proxymap says of table SPEC, without the name that our caller puts in front. */
static void set_error(struct error *e, struct view spec, struct view text)
{
    if (view_starts(text, spec) && view_starts(view_from(text, spec.n), VIEW(": ")))
        text = view_from(text, spec.n + 2);
    error_set(e, "4.3.0", "%.*s", VIEW_FMT(text));
}

/* Is M an answer and no refusal? */
static bool check_answer(const struct conf *c, enum parameter service, struct view spec,
                         const struct ipc_message *m, struct error *e)
{
    switch ((int)ipc_message_type(m)) {
    case IPC_ERROR:
        set_error(e, spec, ipc_get_view(m, IPC_ATTR_TEXT));
        return false;
    case IPC_TABLE_IS:
        if (!ipc_get_u64(m, IPC_ATTR_DENIED, 0))
            return true;
        error_set(e, "4.3.5", "%s service is not configured for table \"%.*s\"",
                  conf_cstr(c, service), VIEW_FMT(spec));
        return false;
    default:
        error_set(e, "4.3.0", "unexpected answer of proxymap");
        return false;
    }
}

/* A value that came as a memory file. */
static bool read_memory(int fd, struct arena *a, struct view *value, struct error *e)
{
    struct stat st;
    char *p;

    if (fstat(fd, &st) < 0 || st.st_size < 0 || (size_t)st.st_size > TABLE_VALUE_MAX) {
        error_set(e, "4.3.0", "unexpected answer of proxymap");
        return false;
    }
    p = arena_alloc(a, (size_t)st.st_size + 1);
    if (pread(fd, p, (size_t)st.st_size, 0) != st.st_size) {
        error_set(e, "4.3.0", "unexpected answer of proxymap");
        return false;
    }
    *value = (struct view){p, (size_t)st.st_size};
    return true;
}

enum table_result proxy_get(const struct conf *c, struct view spec, unsigned flags,
                            struct view key, struct arena *a, struct view *value,
                            struct error *e)
{
    const enum parameter service =
        flags & TABLE_READ_WRITE ? P_proxywrite_service_name : P_proxymap_service_name;
    struct error ours = ERROR_INIT;
    struct ipc_message *m = question_new(a, IPC_TABLE_GET, spec, flags, key);
    enum table_result result = TABLE_ERROR;
    int memory;

    e = e ? e : &ours;
    m = ask(c, service, m, a, &memory, e);
    if (m && check_answer(c, service, spec, m, e)) {
        *value = ipc_get_view(m, IPC_ATTR_VALUE);
        if (memory < 0 || read_memory(memory, a, value, e))
            result = ipc_get_u64(m, IPC_ATTR_FOUND, 0) ? TABLE_FOUND : TABLE_NOT_FOUND;
    }
    if (memory >= 0)
        close(memory);
    return result;
}

bool proxy_put(const struct conf *c, struct view spec, unsigned flags, struct view key,
               const struct view *value, struct error *e)
{
    const enum parameter service = P_proxywrite_service_name;
    struct error ours = ERROR_INIT;
    struct arena *a = arena_new();
    struct ipc_message *m = question_new(a, IPC_TABLE_PUT, spec, flags, key);
    int memory;

    e = e ? e : &ours;
    if (value)
        ipc_put_view(m, IPC_ATTR_VALUE, *value);
    m = ask(c, service, m, a, &memory, e);
    bool ok = m && check_answer(c, service, spec, m, e);
    if (memory >= 0)
        close(memory);
    arena_free(a);
    return ok;
}
