/* loop - epoll, and the order of things in one turn
 *
 * A turn: run the fibers that are ready, wait for events, wake those who waited
 * for them, run what timers are due.  Events only mark and wake; fibers run
 * afterwards, so that a watch can go away without its event lying in wait.
 */
#include "run/fiber_internal.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Fibers that wake one another get some rounds before the next look at events, which
 * is a system call. */
enum { EVENTS_AT_ONCE = 256, ROUNDS = 4 };

static struct {
    int epoll;
    bool stop;
    int64_t now;
    struct epoll_event events[EVENTS_AT_ONCE];
} loop = {.epoll = -1};

void loop_init(void)
{
    assert(loop.epoll < 0);
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll < 0)
        log_fatal("epoll_create: %s", strerror(errno));
    loop.stop = false;
    loop.now = clock_mono();
    (void)signal(SIGPIPE, SIG_IGN);
    timers_init();
    fibers_init();
    signals_init();
}

void loop_done(void)
{
    if (loop.epoll < 0)
        return;
    threads_done();
    signals_done();
    close(loop.epoll);
    loop.epoll = -1;
    timers_done();
    fibers_done();
}

void loop_detach(void)
{
    if (loop.epoll < 0)
        return;
    close(loop.epoll);
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
}

int64_t loop_now(void)
{
    return loop.now;
}

void loop_set_now(int64_t now)
{
    loop.now = now;
}

void loop_stop(void)
{
    loop.stop = true;
}

/* Tell epoll what W waits for; ADD or MODIFY. */
static void control(struct watch *w, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
                                .data = {.ptr = w}};

    if (w->wants_write)
        event.events |= EPOLLOUT;
    if (epoll_ctl(loop.epoll, operation, w->fd, &event) == 0)
        return;
    /* Regular files cannot be waited for: they are always ready. */
    if (errno != EPERM)
        log_fatal("epoll_ctl: descriptor %d: %s", w->fd, strerror(errno));
    w->always_ready = true;
}

void watch_add(struct watch *w, int fd)
{
    *w = (struct watch){.fd = fd, .readable = true, .writable = true};
    control(w, EPOLL_CTL_ADD);
}

void watch_add_both(struct watch *w, int fd)
{
    *w =
        (struct watch){.fd = fd, .readable = true, .writable = true, .wants_write = true};
    control(w, EPOLL_CTL_ADD);
}

void watch_add_exclusive(struct watch *w, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE,
                                .data = {.ptr = w}};

    *w = (struct watch){.fd = fd, .readable = true};
    if (epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        log_fatal("epoll_ctl: descriptor %d: %s", fd, strerror(errno));
}

void watch_remove(struct watch *w)
{
    assert(w->reader == NULL && w->writer == NULL);
    if (!w->always_ready && w->fd >= 0 && loop.epoll >= 0)
        (void)epoll_ctl(loop.epoll, EPOLL_CTL_DEL, w->fd, NULL);
    w->fd = -1;
}

enum wake watch_wait_read(struct watch *w, int64_t deadline)
{
    enum wake why = WAKE_OK;

    assert(w->reader == NULL && "one reader at a time");
    /* An event came after the caller had seen EAGAIN, while it waited elsewhere. */
    if (!w->read_event && !w->always_ready) {
        w->readable = false;
        w->reader = fiber_self();
        why = fiber_park(NULL, deadline);
        w->reader = NULL;
    }
    if (why == WAKE_OK)
        w->read_event = false;
    return why;
}

enum wake watch_wait_write(struct watch *w, int64_t deadline)
{
    enum wake why = WAKE_OK;

    assert(w->writer == NULL && "one writer at a time");
    if (!w->wants_write && !w->always_ready) {
        /* Most descriptors never get here, and would only be woken for nothing. */
        w->wants_write = true;
        control(w, EPOLL_CTL_MOD);
    }
    if (!w->write_event && !w->always_ready) {
        w->writable = false;
        w->writer = fiber_self();
        why = fiber_park(NULL, deadline);
        w->writer = NULL;
    }
    if (why == WAKE_OK)
        w->write_event = false;
    return why;
}

/* Mark what EVENTS say about W and wake those who wait for it. */
static void dispatch(struct watch *w, uint32_t events)
{
    if (w->on_event) {
        w->on_event(w);
        return;
    }
    if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
        w->hangup = true;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
        w->readable = w->read_event = true;
        if (w->reader)
            fiber_wake(w->reader, WAKE_OK);
    }
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        w->writable = w->write_event = true;
        if (w->writer)
            fiber_wake(w->writer, WAKE_OK);
    }
}

/* Wait for events or the next timer; not at all when fibers are ready. */
static void wait_for_events(void)
{
    int timeout = fibers_are_ready() ? 0 : timers_timeout(loop.now);
    int n = epoll_wait(loop.epoll, loop.events, EVENTS_AT_ONCE, timeout);

    if (n < 0 && errno != EINTR)
        log_fatal("epoll_wait: %s", strerror(errno));
    loop.now = clock_mono();
    for (int i = 0; i < n; i++)
        dispatch(loop.events[i].data.ptr, loop.events[i].events);
}

void loop_run(void)
{
    assert(fiber_self() == NULL);
    loop.stop = false;
    loop.now = clock_mono();
    for (;;) {
        for (int i = 0; i < ROUNDS && fibers_are_ready() && !loop.stop; i++)
            fibers_run_ready();
        if (loop.stop || fiber_count() == 0)
            return;
        wait_for_events();
        timers_run(loop.now);
    }
}
