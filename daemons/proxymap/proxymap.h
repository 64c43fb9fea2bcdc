/* proxymap - tables that one process asks for all others */
#ifndef PROXYMAP_PROXYMAP_H
#define PROXYMAP_PROXYMAP_H

#include "base/hash.h"
#include "service/service.h"
#include "table/table.h"

struct proxymap {
    const struct conf *conf;
    bool writes;           /* the service proxywrite */
    const char *parameter; /* proxy_read_maps or proxy_write_maps */
    struct hash *approved; /* "type:name" of tables that may be asked for */
    struct hash *open;     /* tables by flags and "type:name"; never closed */
    struct hash *files;    /* likewise, files of proxywrite: struct cache */
};

/* Fill in P->approved: what the parameter lists as proxy:type:name; and for reading the
 * network tables that main.cf and master.cf name themselves, which other programs cannot
 * open (lib/table/network.c). */
void approval_read(struct proxymap *p, const char *directory);
/* --- files.c: proxywrite keeps tables in files itself --- */
enum { MOST_DIRECTORIES = 64 };
/* The directories of all that are approved; ended by NULL. */
const char *const *proxymap_directories(const struct proxymap *p);
bool proxymap_is_file(const struct proxymap *p, struct view spec);
enum table_result proxymap_file_get(struct proxymap *p, struct view spec, struct view key,
                                    struct arena *a, struct view *value, struct error *e);
/* An empty VALUE takes the entry out.  May suspend. */
enum table_result proxymap_file_put(struct proxymap *p, struct view spec, struct view key,
                                    struct view value, struct error *e);

/* Serve one connection until it ends; owns FD.  May suspend. */
void proxymap_session(struct proxymap *p, int fd, int64_t timeout);

#endif
