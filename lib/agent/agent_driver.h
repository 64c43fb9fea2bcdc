/* agent_driver - tests: run a delivery agent as the queue manager would
 *
 * Makes an instance in a temporary directory, starts the real program with one listening
 * socket, sends it requests and reads the answers.  Everything blocks and is bounded by
 * time; failures end the test (cmocka).
 */
#ifndef AGENT_AGENT_DRIVER_H
#define AGENT_AGENT_DRIVER_H

#include "agent/agent.h"
#include "ipc/ipc.h"

#include <sys/types.h>

#define DRIVER_RECIPIENTS 8

struct driver {
    char directory[128]; /* holds etc/main.cf, queue/, log */
    char *program;
    const char *name; /* process name: "local", "discard" */
    const char *service;
    const char *const *args; /* of the program, NULL-terminated; may be NULL */
    int listener, connection;
    pid_t pid;
    size_t log_read; /* bytes of the log that were looked at */
    struct arena *arena;
};

struct driver_request {
    const char *sender;
    const char *recipients[DRIVER_RECIPIENTS]; /* up to the first NULL */
    const char *originals[DRIVER_RECIPIENTS];  /* NULL: as the recipient */
    const char *nexthop;
    const char *content;
    const char *queue_id; /* NULL: "4F1A2B3C4D" */
    uint32_t flags;
    int repeat;  /* 0, 1; -1 leaves it out */
    int64_t age; /* microseconds since arrival */
};

struct driver_result {
    unsigned index;
    enum outcome outcome;
    char status[12];
    char text[1100];
    char diagnostic[300]; /* "type; text" */
};
struct driver_answer {
    size_t n;
    struct driver_result results[DRIVER_RECIPIENTS];
    char checkpoint[256]; /* "" when all is durable */
    char dead_status[12]; /* "" when the destination is not dead */
};

/* Make the instance; MAIN_CF is put behind the lines that name its directories. */
void driver_init(struct driver *d, const char *program, const char *name,
                 const char *service, const char *main_cf);
/* Start or restart the program and connect. */
void driver_start(struct driver *d, const char *const *args);
/* Ask and wait for the whole answer. */
void driver_deliver(struct driver *d, const struct driver_request *r,
                    struct driver_answer *out);
/* The two halves of it. */
void driver_send(struct driver *d, const struct driver_request *r);
/* False when the program went away instead. */
bool driver_receive(struct driver *d, struct driver_answer *out);
/* Log lines since the last call. */
const char *driver_log(struct driver *d);
/* A path in the directory, in storage of the driver. */
const char *driver_path(struct driver *d, const char *name);
/* Write or read a file of the directory (at most 64 KiB); mode 0644. */
void driver_write(struct driver *d, const char *name, const char *text);
const char *driver_read(struct driver *d, const char *name);
/* End the program: close the connection and wait, or kill. */
void driver_stop(struct driver *d, bool kill_it);
/* End it, remove the directory. */
void driver_done(struct driver *d);

#endif
