/* type_cdb - cdb: tables, D. J. Bernstein's constant data bases: FILE.cdb */
#include "base/log.h"
#include "base/memory.h"
#include "table/table_private.h"

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct cdb_state {
    struct cdb cdb;
    int fd;
};

static void close_cdb(struct table *t)
{
    struct cdb_state *s = t->state;

    cdb_free(&s->cdb);
    close(s->fd);
    memory_free(s);
}

static bool open_file(struct cdb_state *s, const char *path, struct error *e)
{
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) {
        error_set_errno(e, "4.3.0", "open database %s", path);
        return false;
    }
    if (cdb_init(&s->cdb, s->fd) != 0) {
        error_set_errno(e, "4.3.0", "open database %s", path);
        close(s->fd);
        return false;
    }
    return true;
}

static bool open_cdb(struct table *t, struct error *e)
{
    char *path = table_path(t->conf, t->name, ".cdb");
    char *text = table_path(t->conf, t->name, "");
    struct cdb_state *s = NEW(struct cdb_state);
    bool ok;

    table_watch(t, path);
    ok = open_file(s, path, e);
    if (ok)
        t->state = s;
    else
        memory_free(s);
    if (ok)
        table_warn_when_stale(path, text);
    memory_free(path);
    memory_free(text);
    return ok;
}

/* Without the NUL at its end. */
static struct view text_at(struct cdb *cdb, unsigned position, unsigned n)
{
    const char *p = cdb_get(cdb, n, position);
    struct view text = {p, p ? n : 0};

    if (text.n > 0 && text.p[text.n - 1] == '\0')
        text.n--;
    return text;
}

static enum table_result get_cdb(struct table *t, struct view key, struct arena *a,
                                 struct view *value, struct error *e)
{
    struct cdb_state *s = t->state;

    if (key.n == 0 || key.n > UINT32_MAX - 1)
        return TABLE_NOT_FOUND;
    int found = cdb_find(&s->cdb, key.p, (unsigned)key.n);
    if (found == 0)
        found = cdb_find(&s->cdb, arena_cstr(a, key), (unsigned)key.n + 1);
    if (found < 0) {
        error_set_errno(e, "4.3.0", "read");
        return TABLE_ERROR;
    }
    if (found == 0)
        return TABLE_NOT_FOUND;
    return table_found(a, text_at(&s->cdb, cdb_datapos(&s->cdb), cdb_datalen(&s->cdb)),
                       value);
}

static bool walk_cdb(struct table *t, table_entry_fn *fn, void *arg, struct error *e)
{
    struct cdb_state *s = t->state;
    unsigned position;
    int found;

    cdb_seqinit(&position, &s->cdb);
    while ((found = cdb_seqnext(&position, &s->cdb)) > 0)
        if (!fn(text_at(&s->cdb, cdb_keypos(&s->cdb), cdb_keylen(&s->cdb)),
                text_at(&s->cdb, cdb_datapos(&s->cdb), cdb_datalen(&s->cdb)), arg))
            return true;
    if (found < 0)
        error_set_errno(e, "4.3.0", "read");
    return found == 0;
}

const struct table_type table_type_cdb = {
    .name = "cdb",
    .open = open_cdb,
    .close = close_cdb,
    .get = get_cdb,
    .walk = walk_cdb,
};
