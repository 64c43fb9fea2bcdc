/* thread - blocking work away from the loop
 *
 * Jobs lie on the stacks of the fibers that wait for them.  Workers take them
 * from one list and put them into another; an eventfd tells the loop when that
 * one is no longer empty.
 */
#include "run/thread.h"

#include "run/fiber_internal.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MOST_WORKERS = 64, WORKER_STACK = 256 * 1024 };

struct job {
    void (*fn)(void *arg);
    void *arg;
    struct fiber *fiber;
    struct list_link link;
    bool done;
};

static struct {
    pthread_mutex_t lock; /* over the two lists and `quit` */
    pthread_cond_t work;
    struct list waiting, finished;
    bool quit;
    unsigned wanted, started, busy; /* of the loop's thread alone */
    pthread_t workers[MOST_WORKERS];
    struct watch watch;
    bool open;
} pool = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .wanted = 4};

void thread_set_workers(unsigned n)
{
    assert(pool.started == 0 && n > 0);
    pool.wanted = n < MOST_WORKERS ? n : MOST_WORKERS;
}

/* The next job, or NULL when the pool ends. */
static struct job *next_job(void)
{
    pthread_mutex_lock(&pool.lock);
    while (list_is_empty(&pool.waiting) && !pool.quit)
        pthread_cond_wait(&pool.work, &pool.lock);
    struct list_link *k = list_pop(&pool.waiting);
    pthread_mutex_unlock(&pool.lock);
    return k ? CONTAINER_OF(k, struct job, link) : NULL;
}

/* Hand J back to the loop. */
static void finish_job(struct job *j)
{
    uint64_t one = 1;

    pthread_mutex_lock(&pool.lock);
    bool first = list_is_empty(&pool.finished);
    list_append(&pool.finished, &j->link);
    pthread_mutex_unlock(&pool.lock);
    if (first && write(pool.watch.fd, &one, sizeof one) < 0)
        log_fatal("eventfd: %s", strerror(errno));
}

static void *worker(void *arg)
{
    (void)arg;
    for (struct job *j; (j = next_job()) != NULL;) {
        j->fn(j->arg);
        finish_job(j);
    }
    return NULL;
}

/* In the loop: wake the fibers of finished jobs. */
static void collect(struct watch *w)
{
    uint64_t count;
    struct list_link *k;

    if (read(w->fd, &count, sizeof count) < 0 && errno != EAGAIN)
        log_fatal("eventfd: %s", strerror(errno));
    pthread_mutex_lock(&pool.lock);
    while ((k = list_pop(&pool.finished)) != NULL) {
        struct job *j = CONTAINER_OF(k, struct job, link);
        j->done = true;
        fiber_wake(j->fiber, WAKE_OK);
    }
    pthread_mutex_unlock(&pool.lock);
}

/* First use: the lists and the eventfd. */
static void open_pool(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0)
        log_fatal("eventfd: %s", strerror(errno));
    list_init(&pool.waiting);
    list_init(&pool.finished);
    pool.quit = false;
    watch_add(&pool.watch, fd);
    pool.watch.on_event = collect;
    pool.open = true;
}

/* One more worker; signals are the loop's business. */
static void start_worker(void)
{
    pthread_attr_t attr;
    sigset_t all, before;

    sigfillset(&all);
    pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, WORKER_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&pool.workers[pool.started], &attr, worker, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (code != 0 && pool.started == 0)
        log_fatal("cannot start a thread: %s", strerror(code));
    if (code == 0)
        pool.started++;
}

void thread_run(void (*fn)(void *arg), void *arg)
{
    struct job j = {.fn = fn, .arg = arg, .fiber = fiber_self()};

    if (j.fiber == NULL) { /* at start, before the loop: nobody to keep waiting */
        fn(arg);
        return;
    }
    if (!pool.open)
        open_pool();
    if (pool.busy >= pool.started && pool.started < pool.wanted)
        start_worker();
    pool.busy++;
    pthread_mutex_lock(&pool.lock);
    list_append(&pool.waiting, &j.link);
    pthread_mutex_unlock(&pool.lock);
    pthread_cond_signal(&pool.work);
    fiber_shield();
    while (!j.done)
        (void)fiber_park(NULL, CLOCK_NEVER);
    fiber_unshield();
    pool.busy--;
}

void threads_done(void)
{
    if (!pool.open)
        return;
    pthread_mutex_lock(&pool.lock);
    pool.quit = true;
    pthread_mutex_unlock(&pool.lock);
    pthread_cond_broadcast(&pool.work);
    for (unsigned i = 0; i < pool.started; i++)
        pthread_join(pool.workers[i], NULL);
    int fd = pool.watch.fd;
    watch_remove(&pool.watch);
    close(fd);
    pool.started = pool.busy = 0;
    pool.open = false;
}

void threads_forget(void)
{
    if (!pool.open)
        return;
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.work, NULL);
    list_init(&pool.waiting);
    list_init(&pool.finished);
    pool.started = pool.busy = 0;
}
