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
};

/* Fill in P->approved: what the parameter lists as proxy:type:name; and for reading the
 * network tables that main.cf and master.cf name themselves, which other programs cannot
 * open (lib/table/network.c). */
void approval_read(struct proxymap *p, const char *directory);
/* Serve one connection until it ends; owns FD.  May suspend. */
void proxymap_session(struct proxymap *p, int fd, int64_t timeout);

#endif
