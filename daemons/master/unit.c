/* unit - when to start a process
 *
 * Owners of state run always.  Others start when somebody connects: while a unit has
 * fewer processes than it may have, master watches its listening sockets; once they
 * serve, it looks away, so that connections cost master nothing.  A process that fails
 * before it has worked makes the next start wait: one second, doubled up to
 * service_throttle_time.
 */
#include "base/log.h"
#include "base/memory.h"
#include "master.h"

#include <poll.h>

/* A child that lived that long had worked. */
#define PLAUSIBLE_LIFE (10 * CLOCK_SECOND)
/* How long processes that have room get to accept before one more is started. */
#define GRACE (CLOCK_SECOND / 50)

unsigned unit_serving(const struct unit *u)
{
    unsigned n = 0;

    LIST_FOR_EACH (struct child, c, &u->children, link)
        n += c->state != CHILD_RETIRING;
    return n;
}

static void free_argv(char **argv)
{
    for (size_t i = 0; argv[i]; i++)
        memory_free(argv[i]);
    memory_free(argv);
}

void unit_unref(struct unit *u)
{
    if (--u->references > 0)
        return;
    for (size_t i = 0; i < u->n_endpoints; i++) {
        memory_free(u->endpoints[i].name);
        memory_free(u->endpoints[i].key);
    }
    memory_free(u->endpoints);
    free_argv(u->argv);
    memory_free(u->name);
    memory_free(u);
}

void unit_child_ended(struct unit *u, bool failed, bool was_plausible)
{
    if (failed && !was_plausible) {
        int64_t longest = conf_time(master.setup->conf, P_service_throttle_time);
        u->pause = u->pause == 0 ? CLOCK_SECOND : u->pause * 2;
        if (u->pause > longest)
            u->pause = longest;
        u->not_before = clock_in(u->pause);
        log_warning("%s/%s: bad command startup -- throttling", master.libexec,
                    u->program->file);
    } else {
        u->pause = 0;
    }
    waitq_wake_all(&u->changed);
}

/* --- starting at need --- */

static bool is_connection_waiting(const struct unit *u)
{
    struct pollfd p = {.events = POLLIN};

    for (size_t i = 0; i < u->n_endpoints; i++) {
        p.fd = u->endpoints[i].fd;
        if (poll(&p, 1, 0) > 0)
            return true;
    }
    return false;
}

/* One socket of a unit, watched by a fiber of its own while processes are lacking. */
struct lookout {
    struct unit *unit;
    struct watch watch;
    struct waitq *seen;
    struct fiber *fiber;
    bool is_done;
};

static void lookout_fiber(void *arg)
{
    struct lookout *l = arg;

    (void)watch_wait_read(&l->watch, CLOCK_NEVER);
    l->is_done = true;
    waitq_wake_all(&l->unit->changed);
}

/* Wait for a connection on any socket of U, or for a change. */
static void watch_sockets(struct unit *u)
{
    size_t n = u->n_endpoints;
    struct lookout *lookouts = memory_alloc_array(n + 1, sizeof *lookouts);

    for (size_t i = 0; i < n; i++) {
        lookouts[i].unit = u;
        watch_add(&lookouts[i].watch, u->endpoints[i].fd);
        lookouts[i].fiber = fiber_spawn("lookout", lookout_fiber, &lookouts[i]);
    }
    (void)waitq_wait(&u->changed, CLOCK_NEVER);
    for (size_t i = 0; i < n; i++) {
        if (!lookouts[i].is_done)
            fiber_cancel(lookouts[i].fiber);
    }
    for (size_t i = 0; i < n; i++) {
        while (!lookouts[i].is_done)
            fiber_yield();
        watch_remove(&lookouts[i].watch);
    }
    memory_free(lookouts);
}

/* Processes to start now, given that a connection waits. */
static unsigned processes_wanted(const struct unit *u)
{
    unsigned serving = unit_serving(u);

    if (serving >= u->most_processes)
        return 0;
    if (serving < u->first_processes)
        return u->first_processes - serving;
    return 1;
}

static void start_processes(struct unit *u)
{
    for (unsigned n = processes_wanted(u); n > 0; n--)
        child_start(u);
    u->was_used = true;
    if (unit_serving(u) == u->most_processes && u->most_processes > u->first_processes)
        log_warning(
            "service \"%s\" has reached its process limit \"%u\": new clients may "
            "experience noticeable delays",
            u->name, u->most_processes);
}

/* One turn of the unit's fiber: wait for a reason to start a process, start it. */
static void unit_turn(struct unit *u)
{
    int64_t pause = u->not_before - clock_mono();

    if (pause > 0) {
        (void)waitq_wait(&u->changed, u->not_before);
    } else if (unit_serving(u) >= u->most_processes) {
        (void)waitq_wait(&u->changed, CLOCK_NEVER);
    } else if ((u->program->traits & OWNER)) {
        start_processes(u);
    } else if (!is_connection_waiting(u)) {
        watch_sockets(u);
    } else {
        if (unit_serving(u) >= u->first_processes) {
            (void)fiber_sleep(GRACE);
            if (u->is_closed || !is_connection_waiting(u))
                return;
        }
        start_processes(u);
    }
}

static void unit_fiber(void *arg)
{
    struct unit *u = arg;

    while (!u->is_closed && !master.is_stopping)
        unit_turn(u);
    u->fibers--;
    unit_unref(u);
}

/* --- wake-ups --- */

static void wake_up(struct unit *u)
{
    struct error e = ERROR_INIT;
    struct view class, name;

    (void)view_cut(view_of(u->endpoints[0].key), ' ', &class, &name);
    (void)view_cut(name, '/', &class, &name);
    if (view_eq(class, VIEW("public")) && !instance_trigger("public", name.p, "W", &e))
        log_debug("wake-up of %s: %s", u->name, error_cstr(&e));
}

static void wakeup_fiber(void *arg)
{
    struct unit *u = arg;
    int64_t due = clock_in(u->wakeup);

    while (!u->is_closed && !master.is_stopping) {
        if (waitq_wait(&u->changed, due) != WAKE_TIMEOUT)
            continue;
        due = clock_in(u->wakeup);
        if (u->n_endpoints > 0 && (u->was_used || !u->wakeup_only_if_used))
            wake_up(u);
    }
    unit_unref(u);
}

void unit_start(struct unit *u)
{
    u->references++;
    u->fibers++;
    fiber_spawn("unit", unit_fiber, u);
    if (u->wakeup > 0 && (u->program->traits & OWNER)) {
        u->references++;
        fiber_spawn("wakeup", wakeup_fiber, u);
    }
}
