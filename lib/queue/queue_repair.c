/* queue_repair - postsuper -s and -p while no qmgr runs */
#include "base/log.h"
#include "queue/queue_file.h"
#include "queue/queue_offline_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct repair {
    struct queue_offline *o;
    enum queue_name q;
    uint64_t count;
};

static bool is_readable(const struct queue_dir *d, const char *path)
{
    struct arena *a = arena_new();
    struct queue_message m;
    struct stat st;
    int fd = openat(d->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && fstat(fd, &st) == 0 &&
                queue_file_read(a, fd, 0, (uint64_t)st.st_size, &m, NULL) != PERMFAIL;
    if (fd >= 0)
        close(fd);
    arena_free(a);
    return good;
}

static bool repair_entry(const struct queue_dir_entry *entry, void *arg)
{
    struct repair *r = arg;
    const struct queue_dir *d = &r->o->dir;
    if (r->q == QUEUE_NAME_DEFER) { /* reasons without a message */
        bool has_message = false;
        for (int q = 0; q < QUEUE_NAME_MESSAGES; q++)
            has_message |= queue_dir_exists(d, (enum queue_name)q, entry->id);
        if (!has_message)
            r->count += unlinkat(d->fd, entry->path, 0) == 0;
        else if (entry->misplaced)
            r->count += queue_dir_replace(d, entry->path, r->q, entry->id);
        return true;
    }
    if (!is_readable(d, entry->path)) {
        log_warning("%s: not a valid message, moved to corrupt", entry->path);
        r->count += queue_dir_replace(d, entry->path, QUEUE_NAME_CORRUPT, entry->id);
    } else if (entry->misplaced) {
        r->count += queue_dir_replace(d, entry->path, r->q, entry->id);
    }
    return true;
}

bool queue_offline_is_free(const struct conf *c, bool *in_use, struct error *e)
{
    struct queue_offline o = {.dir = {.fd = -1}};
    *in_use = false;
    int lock = -1;
    if (queue_offline_become_owner(&o, c, e) && queue_dir_open(&o.dir, c, e)) {
        lock = queue_dir_lock(&o.dir, e);
        *in_use = lock < 0 && errno == EWOULDBLOCK;
    }
    if (lock >= 0)
        close(lock);
    queue_dir_close(&o.dir);
    queue_offline_become_root(&o);
    return lock >= 0;
}

enum result queue_offline_repair(const struct conf *c, uint64_t *repaired,
                                 struct error *e)
{
    static const enum queue_name order[] = {QUEUE_NAME_INCOMING, QUEUE_NAME_ACTIVE,
                                            QUEUE_NAME_DEFERRED, QUEUE_NAME_HOLD,
                                            QUEUE_NAME_DEFER};
    struct queue_offline o;
    struct repair r = {.o = &o};
    bool good = queue_offline_open(&o, c, e);
    for (size_t i = 0; good && i < sizeof order / sizeof order[0]; i++) {
        r.q = order[i];
        (void)queue_dir_walk(&o.dir, r.q, repair_entry, &r, NULL);
    }
    queue_offline_close(&o);
    *repaired = r.count;
    return good ? OK : TEMPFAIL;
}
