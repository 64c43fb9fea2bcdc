/* mailbox_watch - hearing of what other programs do, while somebody listens
 *
 * One inotify descriptor for the process tells which mailboxes to look at; a fiber of
 * each then refreshes it, which tells the listeners.  Where the kernel has no watch to
 * give, a timer looks.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/driver.h"

#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { WATCHES = 4 };
/* Events come in swarms. */
#define PAUSE (CLOCK_SECOND / 100)
/* With inotify, too: network file systems tell nothing. */
#define SLOW_POLL (30 * CLOCK_SECOND)
#define EVENTS                                                                           \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MODIFY |  \
     IN_DELETE_SELF | IN_MOVE_SELF)

#define REPLACED (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)

struct mailbox_watch {
    struct mailbox *mailbox;
    int watches[WATCHES];
    unsigned n;
    bool is_complete; /* the kernel watches all that is to be watched */
    bool is_looking;  /* a fiber is at it */
    bool again;
    bool is_stale; /* a watched file is another one now */
    struct timer poll;
    struct mailbox_watch *next[WATCHES]; /* others with the same watch */
};

static struct {
    int fd; /* 0: not open */
    struct watch watch;
    struct hash *by_number;
    size_t count;
} notify;

static struct view number_key(const int *wd)
{
    return (struct view){(const char *)wd, sizeof *wd};
}

static void add_watches(struct mailbox_watch *w);
static void remove_watches(struct mailbox_watch *w);

/* --- looking --- */

static void look(void *arg)
{
    struct mailbox *b = arg;
    struct error e = ERROR_INIT;

    do {
        if (b->watch)
            b->watch->again = false;
        (void)fiber_sleep(PAUSE);
        if (!b->watch || b->is_gone)
            break;
        if (mailbox_refresh(b, &e) != STORE_OK)
            log_debug("mailbox %s: %s", b->name, error_cstr(&e));
        if (b->watch && b->watch->is_stale) {
            b->watch->is_stale = false;
            remove_watches(b->watch);
            add_watches(b->watch);
        }
    } while (b->watch && b->watch->again && !fiber_is_cancelled());
    if (b->watch)
        b->watch->is_looking = false;
    mailbox_close(b);
}

static void look_soon(struct mailbox_watch *w)
{
    if (w->is_looking) {
        w->again = true;
        return;
    }
    w->is_looking = true;
    w->mailbox->references++;
    (void)account_retain(w->mailbox->account);
    fiber_spawn("mailbox-watch", look, w->mailbox);
}

static void on_poll(struct timer *t)
{
    struct mailbox_watch *w = CONTAINER_OF(t, struct mailbox_watch, poll);
    struct mailbox *b = w->mailbox;

    timer_set(&w->poll,
              clock_in(w->is_complete ? SLOW_POLL : store_options.poll_interval),
              on_poll);
    if (!b->is_loaded || b->lock.taken || b->must_load ||
        !b->account->driver->is_unchanged(b))
        look_soon(w);
}

static void on_event(const struct inotify_event *event)
{
    struct mailbox_watch *w = hash_get(notify.by_number, number_key(&event->wd));

    while (w) {
        struct mailbox_watch *next = NULL;
        for (unsigned i = 0; i < w->n; i++)
            if (w->watches[i] == event->wd)
                next = w->next[i];
        w->is_stale = w->is_stale || (event->mask & REPLACED);
        look_soon(w);
        w = next;
    }
}

/* In the loop. */
static void on_readable(struct watch *watch)
{
    _Alignas(struct inotify_event) static char buf[8192];
    ssize_t n;

    while ((n = read(watch->fd, buf, sizeof buf)) > 0)
        for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
            const struct inotify_event *event = (const void *)(buf + at);
            on_event(event);
            at += (ssize_t)(sizeof *event + event->len);
        }
}

/* --- starting and stopping --- */

static bool open_notify(void)
{
    if (notify.fd > 0)
        return true;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return false;
    notify.fd = fd;
    notify.by_number = hash_new();
    watch_add(&notify.watch, fd);
    notify.watch.on_event = on_readable;
    return true;
}

static void close_notify(void)
{
    if (notify.fd <= 0)
        return;
    watch_remove(&notify.watch);
    close(notify.fd);
    hash_free(notify.by_number, NULL);
    notify.fd = 0;
}

static void add_watches(struct mailbox_watch *w)
{
    struct str path = STR_INIT(PATH_MAX);
    unsigned i = 0;

    w->is_complete = open_notify();
    for (; w->is_complete && w->n < WATCHES &&
           w->mailbox->account->driver->watched(w->mailbox, i, &path);
         i++) {
        int wd = inotify_add_watch(notify.fd, str_cstr(&path), EVENTS | IN_MASK_CREATE);
        if (wd < 0 && errno == EEXIST)
            wd = inotify_add_watch(notify.fd, str_cstr(&path), EVENTS);
        if (wd < 0) {
            w->is_complete = false;
            break;
        }
        w->watches[w->n] = wd;
        w->next[w->n] = hash_put(notify.by_number, number_key(&wd), w);
        w->n++;
    }
    str_done(&path);
}

/* Take W out of the chain of watch number WD, whose first is FIRST. */
static void unchain(struct mailbox_watch *first, struct mailbox_watch *w, int wd,
                    struct mailbox_watch *rest)
{
    for (struct mailbox_watch *x = first; x;) {
        struct mailbox_watch **next = NULL;
        for (unsigned i = 0; i < x->n; i++)
            if (x->watches[i] == wd)
                next = &x->next[i];
        if (next && *next == w)
            *next = rest;
        x = next ? *next : NULL;
    }
}

static void remove_watches(struct mailbox_watch *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        int wd = w->watches[i];
        struct mailbox_watch *first = hash_get(notify.by_number, number_key(&wd));
        if (first != w) {
            unchain(first, w, wd, w->next[i]);
        } else if (w->next[i]) {
            (void)hash_put(notify.by_number, number_key(&wd), w->next[i]);
        } else {
            (void)hash_remove(notify.by_number, number_key(&wd));
            (void)inotify_rm_watch(notify.fd, wd);
        }
    }
    w->n = 0;
}

static void start(struct mailbox *b)
{
    struct mailbox_watch *w = NEW(struct mailbox_watch);

    w->mailbox = b;
    b->watch = w;
    notify.count++;
    add_watches(w);
    timer_set(&w->poll,
              clock_in(w->is_complete ? SLOW_POLL : store_options.poll_interval),
              on_poll);
    /* What happened since the last refresh was not watched. */
    if (!b->account->driver->is_unchanged(b))
        look_soon(w);
}

static void stop(struct mailbox *b)
{
    struct mailbox_watch *w = b->watch;

    timer_cancel(&w->poll);
    remove_watches(w);
    b->watch = NULL;
    memory_free(w);
    if (--notify.count == 0)
        close_notify();
}

void mailbox_watch_update(struct mailbox *b)
{
    bool wanted = !list_is_empty(&b->listeners) && b->is_loaded && !b->is_gone;

    if (wanted && !b->watch)
        start(b);
    else if (!wanted && b->watch)
        stop(b);
}

void mailbox_listen(struct mailbox *b, struct mailbox_listener *l)
{
    list_append(&b->listeners, &l->link);
    mailbox_watch_update(b);
}

void mailbox_unlisten(struct mailbox *b, struct mailbox_listener *l)
{
    list_remove(&l->link);
    mailbox_watch_update(b);
}
