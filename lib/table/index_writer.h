/* index_writer - one index file being made; for indexed.c */
#ifndef TABLE_INDEX_WRITER_H
#define TABLE_INDEX_WRITER_H

#include "base/error.h"

#include <stdint.h>

enum index_put { INDEX_ADDED, INDEX_EXISTS, INDEX_FAILED };

/* A file format. */
struct index_format {
    const char *suffix;
    bool is_incremental; /* can begin with a copy of the old file */
    /* Begin on the empty or copied file PATH; SIZE is a guess of the content's bytes. */
    void *(*begin)(const char *path, uint64_t size, struct error *e);
    enum index_put (*put)(void *writer, struct view key, struct view value, bool replace,
                          struct error *e);
    /* Take KEY out; *DELETED says whether it was there.  NULL: not possible. */
    bool (*remove)(void *writer, struct view key, bool *deleted, struct error *e);
    /* Write all to disk and free WRITER. */
    bool (*finish)(void *writer, struct error *e);
    /* Give up and free WRITER. */
    void (*abandon)(void *writer);
};

extern const struct index_format index_format_db, index_format_lmdb, index_format_cdb;

#endif
