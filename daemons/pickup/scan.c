/* scan - which files of maildrop/ are taken, and how many at a time */
#include "base/log.h"
#include "base/memory.h"
#include "pickup.h"

#include <dirent.h>
#include <errno.h>

/* A look without being asked, for files whose trigger was lost or that had to wait. */
#define SCAN_PERIOD (60 * CLOCK_SECOND)
#define PAUSE       (2 * CLOCK_SECOND)

void scan_kick(struct pickup *p)
{
    p->is_kicked = true;
    waitq_wake_all(&p->kicked);
}

static void message_fiber(void *arg)
{
    struct message *m = arg;
    struct pickup *p = m->pickup;

    if (message_take(m) == MESSAGE_LEFT)
        p->paused_until = clock_in(PAUSE);
    setup_unref(m->setup);
    (void)hash_remove(p->under_way, view_of(m->name));
    memory_free(m);
    slots_give(&p->slots);
}

/* Start work on the file NAME unless some fiber has it. */
static void take_up(struct pickup *p, const struct queue_id *id)
{
    if (hash_get(p->under_way, queue_id_view(id)))
        return;
    struct message *m = NEW(struct message);
    m->pickup = p;
    m->setup = p->setup;
    m->setup->references++;
    snprintf(m->name, sizeof m->name, "%s", id->text);
    snprintf(m->path, sizeof m->path, MAILDROP "/%s", id->text);
    (void)hash_put(p->under_way, view_of(m->name), m);
    fiber_spawn("message", message_fiber, m);
}

/* Once through the directory.  Names that are no queue IDs are postdrop's unfinished
 * files. */
static void scan(struct pickup *p)
{
    DIR *d = opendir(MAILDROP);
    struct dirent *entry;
    struct queue_id id;

    if (!d) {
        log_warning("open directory " MAILDROP ": %s", strerror(errno));
        return;
    }
    while (!p->is_stopping && (entry = readdir(d))) {
        if (!queue_id_parse(view_of(entry->d_name), &id))
            continue;
        (void)slots_take(&p->slots, CLOCK_NEVER);
        if (p->paused_until > clock_mono() || hash_get(p->under_way, queue_id_view(&id)))
            slots_give(&p->slots);
        else
            take_up(p, &id);
        if (p->paused_until > clock_mono())
            break;
    }
    closedir(d);
}

void scan_fiber(void *arg)
{
    struct pickup *p = arg;

    while (!p->is_stopping) {
        p->is_kicked = false;
        scan(p);
        int64_t now = clock_mono();
        if (p->paused_until > now) {
            (void)fiber_sleep(p->paused_until - now);
            continue;
        }
        if (!p->is_kicked)
            (void)waitq_wait(&p->kicked, clock_in(SCAN_PERIOD));
    }
}
