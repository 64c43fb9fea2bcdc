/* qshape - what the files of qshape share; not for others */
#ifndef QSHAPE_QSHAPE_H
#define QSHAPE_QSHAPE_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"

#include <stdint.h>

enum { BUCKETS_MAX = 60 };

struct options {
    unsigned buckets; /* -b */
    int64_t tick;     /* -t, minutes */
    size_t width;     /* -w */
    uint64_t min_subdomains;
    bool linear, parents, senders;
    uint64_t batch_messages, batch_domains; /* -N, -n; 0: no batches, all domains */
    bool clear_screen;
};

struct domain {
    struct view name;
    uint64_t counts[BUCKETS_MAX + 1]; /* [0] is the sum */
    uint64_t subdomains;
};

struct table {
    const struct options *options;
    struct arena *arena;
    struct hash *by_name;
    struct domain **items; /* the first is "TOTAL" */
    size_t n, room;
};

void table_start(struct table *t, const struct options *o);
/* One ADDRESS of a message that is AGE seconds old. */
void table_count(struct table *t, struct view address, int64_t age);
void table_print(struct table *t);

#endif
