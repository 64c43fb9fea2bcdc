/* schedule - which delivery starts next (pure: no I/O, time is an argument)
 *
 * A transport has destinations, a destination has entries: delivery requests that wait.
 * An entry starts when its destination's window and the transport's limit have room.
 * Among those that could start the one with the smallest tag goes first.  Tags are given
 * by start-time fair queueing: each message at a transport (a job) has a line of its own,
 * and the lines advance side by side.  So a mailing of ten thousand recipients and a
 * single message that comes later share the transport half and half, whatever their
 * destinations are; this replaces the delivery slots of SCHEDULER_README and keeps their
 * promise.
 */
#ifndef QMGR_SCHEDULE_H
#define QMGR_SCHEDULE_H

#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "window.h"

#include <stdint.h>

struct schedule_limits {
    struct window_limits window;
    unsigned recipient_limit; /* per delivery; 0 none */
    unsigned transport_limit; /* deliveries at a time of the whole transport */
    int64_t rate_delay;       /* between deliveries to one destination */
    int64_t transport_rate_delay;
};

struct schedule_transport {
    struct schedule_limits limits;
    struct hash *destinations;
    struct heap open;   /* destinations that may start, by the tag of their first entry */
    struct heap paused; /* destinations with work that wait for a time */
    struct list dead;   /* dead destinations, the first to come back in front */
    unsigned busy, waiting; /* entries that run, and that do not */
    unsigned n_dead;
    int64_t clock;      /* the largest tag that was started */
    int64_t not_before; /* transport_rate_delay */
    uint32_t sequence;
};

struct schedule_destination {
    struct schedule_transport *transport;
    struct heap entries;
    struct heap_link place; /* in open or paused */
    struct heap *in;        /* which; NULL neither */
    struct list_link dead_link;
    struct window window;
    unsigned busy;
    int64_t paused_until;
    int64_t dead_until; /* 0: alive */
    char dead_status[12];
    char *dead_text;   /* owned */
    int64_t warned_at; /* qmgr_clog_warn_time */
    void *filling;     /* the caller's: a request that is being made up */
    char name[];       /* as it is looked up; NUL-terminated */
};

/* The line of one message at one transport. */
struct schedule_job {
    int64_t next_tag;
};
struct schedule_entry {
    struct heap_link by_tag;
    struct schedule_destination *destination;
};

void schedule_init(struct schedule_transport *t, const struct schedule_limits *l);
void schedule_done(struct schedule_transport *t);
/* After a change of limits. */
void schedule_set_limits(struct schedule_transport *t, const struct schedule_limits *l);

/* Found or made. */
struct schedule_destination *schedule_destination(struct schedule_transport *t,
                                                  struct view name);
/* Free D when nothing keeps it. */
void schedule_forget(struct schedule_destination *d);
/* Dead until its time; a destination whose time has come is revived by this call. */
bool schedule_is_dead(struct schedule_destination *d, int64_t now);
void schedule_revive(struct schedule_destination *d);
/* Forget dead destinations whose time has come, all with EVERY. */
void schedule_revive_due(struct schedule_transport *t, int64_t now, bool every);

void schedule_add(struct schedule_destination *d, struct schedule_job *job,
                  struct schedule_entry *entry);
/* Take a waiting entry out. */
void schedule_remove(struct schedule_entry *entry);
/* Any waiting entry of D, taken out; NULL when there is none. */
struct schedule_entry *schedule_take(struct schedule_destination *d);
/* The entry to start now (it counts as busy until schedule_end), or NULL. */
struct schedule_entry *schedule_pick(struct schedule_transport *t, int64_t now);
/* The time at which schedule_pick may find something without any other event; INT64_MAX
 * none. */
int64_t schedule_next_time(const struct schedule_transport *t);

enum schedule_feedback {
    SCHEDULE_GOOD,   /* the destination answered */
    SCHEDULE_BAD,    /* connection or handshake failure */
    SCHEDULE_NEITHER /* nothing learned */
};
/* ENTRY has ended.  False when its destination is dead by this: the caller says so with
 * schedule_kill and takes its entries. */
bool schedule_end(struct schedule_entry *entry, enum schedule_feedback f, int64_t now);
void schedule_kill(struct schedule_destination *d, int64_t until, struct view status,
                   struct view text);

#endif
