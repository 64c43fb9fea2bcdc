/* counts - sessions and rates of each client, and the peaks for the log */
#ifndef ANVIL_COUNTS_H
#define ANVIL_COUNTS_H

#include "access/anvil.h"
#include "base/hash.h"

/* One (service, client). */
struct client {
    uint64_t count; /* sessions */
    uint64_t rates[ANVIL_EVENTS];
    int64_t start; /* of the running time unit, monotonic */
    char ident[];  /* "smtp:192.0.2.1" */
};

struct peak {
    uint64_t value;
    int64_t when; /* wall clock */
    char ident[400];
};

struct counts {
    struct hash *clients;
    int64_t time_unit; /* microseconds */
    struct peak rates[ANVIL_EVENTS], sessions, size;
};

void counts_init(struct counts *c, int64_t time_unit);
void counts_done(struct counts *c);
/* A session begins; the client stays valid until counts_leave(). */
struct client *counts_enter(struct counts *c, struct view ident, int64_t now,
                            struct anvil_counts *out);
void counts_leave(struct client *client);
void counts_event(struct counts *c, struct client *client, enum anvil_event event,
                  int64_t now, struct anvil_counts *out);
/* Forget clients without sessions whose time unit is over. */
void counts_sweep(struct counts *c, int64_t now);
/* Log the peaks, and begin anew. */
void counts_log(struct counts *c);

#endif
