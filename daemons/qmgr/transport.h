/* transport - one delivery service: its schedule, its agents, its state of health */
#ifndef QMGR_TRANSPORT_H
#define QMGR_TRANSPORT_H

#include "ipc/endpoint.h"
#include "qmgr.h"
#include "schedule.h"

struct agent_link;

struct transport {
    struct schedule_transport schedule;
    struct list_link link; /* in qmgr.all_transports */
    struct qmgr *q;
    char path[ENDPOINT_PATH_BYTES];
    struct list agents; /* of struct agent_link */
    unsigned n_agents;
    struct waitq work;
    bool is_asked;           /* the dispatcher has something to look at */
    int64_t suspended_until; /* monotonic; 0: in order */
    char status[12];         /* why suspended */
    char reason[200];
    char name[];
};

/* One delivery request: some recipients of one message to one destination.  In the
 * message's arena; its recipients are chained by route_next. */
struct entry {
    struct schedule_entry scheduled;
    struct list_link in_work;
    struct work *work;
    struct transport *transport;
    struct view nexthop;
    uint32_t first, last, n; /* recipients */
    uint32_t unanswered;
    size_t bytes;      /* of its DELIVER message, about */
    unsigned attempts; /* agents that had it */
    bool is_running;
    bool is_bad; /* the agent said that the destination is dead */
    char dead_status[12];
    struct view dead_text;
};

/* Found or made. */
struct transport *transport_get(struct qmgr *q, struct view name);
/* After a reload. */
void transports_reconfigure(struct qmgr *q);
/* Something changed: let the dispatcher look. */
void transport_poke(struct transport *t);
/* No agent can be had: defer what waits, and all that comes until transport_retry_time is
 * over. */
void transport_suspend(struct transport *t, const char *status, const char *reason);
/* Is it suspended now? */
bool transport_is_suspended(struct transport *t);
/* An agent answered: in order again. */
void transport_resume(struct transport *t);
/* Forget suspended transports and dead destinations (a flush). */
void transports_forgive(struct qmgr *q);
/* Put ENTRY, whose chain is complete, into the schedule. */
void transport_add(struct entry *x, struct schedule_destination *d);
/* An agent is done with X, or X could not be handed over. */
void transport_entry_ended(struct entry *x, enum schedule_feedback f);
/* X goes back into the schedule (its agent went away). */
void transport_entry_again(struct entry *x);
/* Take all waiting entries of W out of the schedule; their recipients keep no outcome. */
void transport_withdraw(struct work *w);
/* Defer the recipients of X that have no answer. */
void entry_defer(struct entry *x, const char *status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* agents.c: hand X to an agent, dialling one when needed; false: none could be had (the
 * transport is suspended then).  May suspend. */
bool agents_deliver(struct transport *t, struct entry *x);

/* results.c: one DELIVERED message for X; true when it is the last. */
bool result_take(struct qmgr *q, struct entry *x, struct ipc_message *m);

#endif
