/* reload - take up changed files, a rotated log, or the end, while sessions go on
 *
 * The new reading is made and its sockets are opened before anything of the old one is
 * touched: when that fails the log says why and all stays as it was.  Processes then
 * learn of it: owners of state reload in place, others accept no more and end after their
 * last session; the next connection starts a process with the new configuration.
 */
#include "base/log.h"
#include "base/memory.h"
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

static struct unit *find_unit(struct setup *s, const char *name)
{
    LIST_FOR_EACH (struct unit, u, &s->units, link) {
        if (strcmp(u->name, name) == 0)
            return u;
    }
    return NULL;
}

/* Would a process of OLD serve FRESH just as well: same arguments, same sockets? */
static bool is_same(const struct unit *old, const struct unit *fresh)
{
    size_t i;

    for (i = 0; old->argv[i] && fresh->argv[i]; i++) {
        if (strcmp(old->argv[i], fresh->argv[i]) != 0)
            return false;
    }
    if (old->argv[i] || fresh->argv[i] || old->n_endpoints != fresh->n_endpoints)
        return false;
    for (i = 0; i < old->n_endpoints; i++) {
        if (strcmp(old->endpoints[i].key, fresh->endpoints[i].key) != 0)
            return false;
    }
    return true;
}

/* Give CHILD to unit U. */
static void child_move(struct child *c, struct unit *u)
{
    list_remove(&c->link);
    u->references++;
    unit_unref(c->unit);
    c->unit = u;
    list_append(&u->children, &c->link);
}

/* The processes of OLD learn that their configuration is old.  FRESH may be NULL. */
static void hand_over(struct unit *old, struct unit *fresh)
{
    bool stays = fresh && (old->program->traits & OWNER) && is_same(old, fresh);

    LIST_FOR_EACH_SAFE (struct child, c, &old->children, link) {
        if (!(old->program->traits & OWNER) || stays) {
            child_send(c, IPC_CHILD_RELOAD, master.setup->main_cf);
        } else {
            child_send(c, IPC_CHILD_STOP, -1);
        }
        /* An owner counts until it has ended: there must never be two. */
        if (!(old->program->traits & OWNER))
            c->state = CHILD_RETIRING;
        if (fresh)
            child_move(c, fresh);
    }
    if (fresh) {
        fresh->was_used = old->was_used;
        fresh->pause = 0;
    }
}

/* Units of earlier readings without processes are gone. */
static void drop_left(void)
{
    LIST_FOR_EACH_SAFE (struct unit, u, &master.leaving, link) {
        if (!list_is_empty(&u->children))
            continue;
        list_remove(&u->link);
        unit_unref(u);
    }
}

/* Put FRESH in the place of the present reading. */
static void replace_setup(struct setup *fresh)
{
    struct setup *old = master.setup;

    master.setup = fresh;
    drop_left();
    LIST_FOR_EACH_SAFE (struct unit, u, &old->units, link) {
        u->is_closed = true;
        waitq_wake_all(&u->changed);
        hand_over(u, find_unit(fresh, u->name));
        list_remove(&u->link);
        list_append(&master.leaving, &u->link);
    }
    setup_free(old);
}

/* Does a fiber of an old unit still watch its sockets? */
static bool is_watched(void)
{
    LIST_FOR_EACH (struct unit, u, &master.leaving, link) {
        if (u->fibers > 0)
            return true;
    }
    return false;
}

/* The fibers of old units let go of the sockets before these are closed or watched anew.
 */
static void start_units_fiber(void *arg)
{
    (void)arg;
    while (is_watched())
        (void)fiber_sleep(CLOCK_SECOND / 1000);
    LIST_FOR_EACH (struct unit, old, &master.leaving, link)
        endpoints_close(old);
    /* Another reload may have come meanwhile; its units are started by whoever is first.
     */
    LIST_FOR_EACH (struct unit, u, &master.setup->units, link) {
        if (u->fibers == 0)
            unit_start(u);
    }
}

/* Tell `diligence reload`, which waits for it, how the reload went: the number of the
 * reload, a space and what is wrong; nothing is wrong where the line ends there. */
static void tell_outcome(const char *problem)
{
    static unsigned long number;
    struct str path = STR_INIT(PATH_MAX), text = STR_INIT(4096),
               fresh = STR_INIT(PATH_MAX);

    str_setf(&path, "%s/" INSTANCE_RELOAD_FILE,
             conf_cstr(master.setup->conf, P_process_id_directory));
    str_setf(&fresh, "%s.new", str_cstr(&path));
    str_setf(&text, "%lld.%lu %s\n", (long long)getpid(), ++number, problem);
    int fd = open(str_cstr(&fresh), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n &&
              rename(str_cstr(&fresh), str_cstr(&path)) == 0;
    if (!ok)
        log_warning("write %s: %s", str_cstr(&path), strerror(errno));
    if (fd >= 0)
        close(fd);
    str_done(&path);
    str_done(&text);
    str_done(&fresh);
}

void master_reload(void)
{
    struct error e = ERROR_INIT;
    struct setup *fresh = setup_load(master.directory, &e);

    if (!fresh || !endpoints_open(fresh, master.setup, &e)) {
        log_error("reload: %s; the old configuration stays in force", error_cstr(&e));
        tell_outcome(e.text);
        if (fresh)
            setup_free(fresh);
        return;
    }
    log_info("reload -- version %s, configuration %s",
             conf_cstr(fresh->conf, P_mail_version), master.directory);
    replace_setup(fresh);
    tell_outcome("");
    master_reopen_log();
    fiber_spawn("units", start_units_fiber, NULL);
}

void master_reopen_log(void)
{
    struct error e = ERROR_INIT;
    int fd = instance_log_file(master.setup->conf, &e);

    if (error_is_set(&e)) {
        log_warning("%s", error_cstr(&e));
        return;
    }
    if (fd < 0)
        return;
    master.log_fd = fd;
    log_set_file(fd);
    children_send(IPC_CHILD_LOG, fd);
}

/* Signal every child that is still there. */
static void kill_children(struct list *units, int signo)
{
    LIST_FOR_EACH (struct unit, u, units, link) {
        LIST_FOR_EACH (struct child, c, &u->children, link)
            (void)kill(c->pid, signo);
    }
}

void master_stop_children(void)
{
    enum { LONGEST_STOP_SECONDS = 6, LOOKS_A_SECOND = 200 };
    int64_t deadline = clock_in(LONGEST_STOP_SECONDS * CLOCK_SECOND);

    master.is_stopping = true;
    kill_children(&master.setup->units, SIGTERM);
    kill_children(&master.leaving, SIGTERM);
    while (children_count() > 0 && clock_mono() < deadline)
        (void)fiber_sleep(CLOCK_SECOND / LOOKS_A_SECOND);
    kill_children(&master.setup->units, SIGKILL);
    kill_children(&master.leaving, SIGKILL);
}
