/* index_cdb - write cdb files */
#include "base/hash.h"
#include "base/memory.h"
#include "table/index_writer.h"

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct writer {
    struct cdb_make make;
    struct hash *keys; /* cdb itself would have to read back to find double keys */
    int fd;
};

static void free_writer(struct writer *w)
{
    hash_free(w->keys, NULL);
    if (w->fd >= 0)
        close(w->fd);
    memory_free(w);
}

static void abandon_cdb(void *p)
{
    struct writer *w = p;

    (void)cdb_make_finish(&w->make);
    free_writer(w);
}

static void *begin_cdb(const char *path, uint64_t size, struct error *e)
{
    struct writer *w = NEW(struct writer);

    (void)size;
    w->keys = hash_new();
    w->fd = open(path, O_RDWR | O_CLOEXEC);
    if (w->fd >= 0 && cdb_make_start(&w->make, w->fd) == 0)
        return w;
    error_set_errno(e, "4.3.0", "begin");
    free_writer(w);
    return NULL;
}

static enum index_put put_cdb(void *p, struct view key, struct view value, bool replace,
                              struct error *e)
{
    struct writer *w = p;
    bool exists = hash_put(w->keys, key, w) != NULL;

    if (exists && !replace)
        return INDEX_EXISTS;
    if (key.n > UINT32_MAX || value.n > UINT32_MAX) {
        error_set(e, "5.3.5", "entry too long");
        return INDEX_FAILED;
    }
    if (cdb_make_put(&w->make, key.p, (unsigned)key.n, value.p, (unsigned)value.n,
                     exists ? CDB_PUT_REPLACE : CDB_PUT_ADD) < 0) {
        error_set_errno(e, "4.3.0", "write");
        return INDEX_FAILED;
    }
    return INDEX_ADDED;
}

static bool finish_cdb(void *p, struct error *e)
{
    struct writer *w = p;
    bool ok = cdb_make_finish(&w->make) == 0 && fdatasync(w->fd) == 0;

    if (!ok)
        error_set_errno(e, "4.3.0", "write");
    free_writer(w);
    return ok;
}

const struct index_format index_format_cdb = {
    .suffix = ".cdb",
    .begin = begin_cdb,
    .put = put_cdb,
    .finish = finish_cdb,
    .abandon = abandon_cdb,
};
