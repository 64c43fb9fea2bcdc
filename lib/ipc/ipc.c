/* ipc - a connection that carries messages: SOCK_SEQPACKET, one record each
 *
 * Suspends: ipc_send(), ipc_receive().
 */
#include "ipc/ipc.h"

#include "base/log.h"
#include "base/memory.h"
#include "ipc/message_private.h"
#include "run/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRACE_BYTES 1800
/* What Linux lets one control message carry, so that none is lost unseen. */
#define RECEIVE_FDS 253

struct ipc {
    struct watch watch;
    int fd;
    struct slots sender; /* one fiber at a time waits for room */
};

/* Room for one record; filled and emptied without suspending in between. */
static char record[IPC_MAX_BYTES];

struct ipc *ipc_open(int fd)
{
    assert(fd >= 0);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 ||
        (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
        log_panic("ipc_open: descriptor %d: errno %d", fd, errno);
    struct ipc *c = NEW(struct ipc);
    c->fd = fd;
    slots_init(&c->sender, 1);
    watch_add(&c->watch, fd);
    return c;
}

void ipc_close(struct ipc *c)
{
    if (!c)
        return;
    watch_remove(&c->watch);
    close(c->fd);
    memory_free(c);
}

int ipc_fd(const struct ipc *c)
{
    return c->fd;
}

bool ipc_peer(const struct ipc *c, pid_t *pid, uid_t *uid, gid_t *gid)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);

    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
        return false;
    *pid = peer.pid;
    *uid = peer.uid;
    *gid = peer.gid;
    return true;
}

static void trace(const struct ipc *c, const char *direction, const struct ipc_message *m)
{
    struct str line = STR_INIT(TRACE_BYTES);

    if (log_verbose <= 1)
        return;
    ipc_message_print(m, &line);
    log_debug("ipc %s %d: %s%s", direction, c->fd, str_cstr(&line),
              line.overflow ? "..." : "");
    str_done(&line);
}

static bool fail_wake(enum wake wake, struct error *e)
{
    error_set(e, "4.3.0", wake == WAKE_TIMEOUT ? "timed out" : "stopped");
    return false;
}

/* One attempt; errno when it fails. */
static int send_record(const struct ipc *c, const struct ipc_message *m)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * IPC_MAX_FDS)];
    } control = {.bytes = {0}};
    struct iovec iov = {.iov_base = m->p, .iov_len = m->n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (m->nfds > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * m->nfds);
        struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS,
                                   .cmsg_len = CMSG_LEN(sizeof(int) * m->nfds)};
        memcpy(CMSG_DATA(header), m->fds, sizeof(int) * m->nfds);
    }
    ssize_t sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
    return sent < 0 ? errno : 0;
}

/* Send, waiting for room; the caller holds the sender's slot. */
static bool send_waiting(struct ipc *c, const struct ipc_message *m, int64_t deadline,
                         struct error *e)
{
    for (;;) {
        int failed = send_record(c, m);
        if (failed == 0)
            return true;
        if (failed == EAGAIN || failed == ENOBUFS || failed == ETOOMANYREFS) {
            enum wake wake = failed == EAGAIN ? watch_wait_write(&c->watch, deadline)
                                              : fiber_sleep(CLOCK_SECOND / 100);
            if (failed != EAGAIN && wake == WAKE_TIMEOUT && clock_mono() < deadline)
                continue; /* the end of a short pause */
            if (wake != WAKE_OK)
                return fail_wake(wake, e);
        } else if (failed == EPIPE || failed == ECONNRESET) {
            error_set(e, "4.3.0", "closed");
            return false;
        } else if (failed != EINTR) {
            error_set(e, "4.3.0", "send: %s", strerror(failed));
            return false;
        }
    }
}

/* What was put must be what the list allows; a peer would only close on it. */
static bool is_sendable(const struct ipc_message *m, struct error *e)
{
    if (m->broken) {
        error_set(e, "4.3.0", "message %s: too long at %s", ipc_type_name(m->type),
                  m->broken);
        return false;
    }
    struct ipc_message checked = *m;
    return ipc_message_check(&checked, m->nfds, e);
}

bool ipc_send(struct ipc *c, const struct ipc_message *m, int64_t deadline,
              struct error *e)
{
    if (!is_sendable(m, e)) {
        log_error("ipc: %s", e ? error_cstr(e) : "a message that is not allowed");
        return false;
    }
    enum wake wake = slots_take(&c->sender, deadline);
    if (wake != WAKE_OK)
        return fail_wake(wake, e);
    trace(c, "send", m);
    bool sent = send_waiting(c, m, deadline, e);
    slots_give(&c->sender);
    return sent;
}

/* What came with a record. */
struct received {
    size_t n;
    int fds[IPC_MAX_FDS];
    unsigned nfds;
    bool violates; /* cut, or more descriptors than any message has */
};

/* Keep the first descriptors that MSG brought, close what is beyond. */
static void collect_fds(struct msghdr *msg, struct received *r)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
            if (r->nfds < IPC_MAX_FDS) {
                r->fds[r->nfds++] = fd;
            } else {
                close(fd);
                r->violates = true;
            }
        }
    }
}

/* One attempt; 0, or errno; ENODATA at the end. */
static int receive_record(const struct ipc *c, struct received *r)
{
    static union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * RECEIVE_FDS)];
    } control;
    struct iovec iov = {.iov_base = record, .iov_len = sizeof(record)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};

    *r = (struct received){.n = 0};
    ssize_t got = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno;
    collect_fds(&msg, r);
    r->n = (size_t)got;
    r->violates = r->violates || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    return got == 0 && r->nfds == 0 ? ENODATA : 0;
}

/* Check what came; the descriptors go to the message, or are closed. */
static struct ipc_message *accept_record(const struct ipc *c, struct arena *a,
                                         const struct received *r, struct error *e)
{
    struct ipc_message *m = NULL;

    if (r->violates)
        error_set(e, "4.3.0", "message is too long or has too many descriptors");
    else
        m = ipc_message_parse(a, (struct view){record, r->n}, r->nfds, e);
    if (!m) {
        for (unsigned i = 0; i < r->nfds; i++)
            close(r->fds[i]);
        return NULL;
    }
    m->nfds = r->nfds;
    memcpy(m->fds, r->fds, sizeof(m->fds));
    trace(c, "receive", m);
    return m;
}

struct ipc_message *ipc_receive(struct ipc *c, struct arena *a, int64_t deadline,
                                struct error *e)
{
    struct received r;

    for (;;) {
        int failed = receive_record(c, &r);
        if (failed == 0)
            return accept_record(c, a, &r, e);
        if (failed == ENODATA || failed == ECONNRESET) {
            error_set(e, "4.3.0", "closed");
            return NULL;
        }
        if (failed == EAGAIN) {
            enum wake wake = watch_wait_read(&c->watch, deadline);
            if (wake != WAKE_OK) {
                fail_wake(wake, e);
                return NULL;
            }
        } else if (failed != EINTR) {
            error_set(e, "4.3.0", "receive: %s", strerror(failed));
            return NULL;
        }
    }
}
