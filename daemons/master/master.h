/* master - the process that starts all others
 *
 * It owns the listening sockets and the table of processes, and nothing else: no mail
 * passes here. Read in this order: main.c (arguments, lock), services.c (master.cf
 * becomes units), sockets.c, unit.c (when to start a process), child.c (one process),
 * reload.c.
 *
 * A unit is what runs as one kind of process: a line of master.cf, together with the
 * sockets of the lines whose matter its program holds (showq and flush belong to qmgr).
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "base/arena.h"
#include "base/list.h"
#include "conf/master_cf.h"
#include "ipc/ipc.h"
#include "run/loop.h"
#include "service/instance.h"

/* One listening socket.  KEY names it across reloads: "inet 0.0.0.0 25", "unix
 * public/qmgr". */
struct endpoint {
    char *name; /* the service's name, as the program sees it */
    char *key;
    int fd;
    bool is_kept; /* moved to the fresh set at a reload */
};

#define PER_CORE 1 /* one process a core, else one */
#define OWNER    2 /* owns state: runs always, reloads in place */
#define SHARED   4 /* all lines with this command share one process */

/* What a command name of master.cf means here. */
struct program {
    const char *command; /* "lmtp" */
    const char *file;    /* in our libexec: "smtp"; NULL: no process */
    const char *holder;  /* command whose process holds this one's matter; NULL none */
    int socket_type; /* SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM for its UNIX socket */
    unsigned traits;
};

struct unit {
    struct list_link link;
    char *name; /* "smtp/unix" */
    const struct program *program;
    char **argv;
    int64_t wakeup; /* microseconds; 0 never */
    bool wakeup_only_if_used;
    unsigned most_processes;    /* at a time */
    unsigned first_processes;   /* started at the first connection */
    unsigned session_limit;     /* per process; 0: the program's own */
    struct endpoint *endpoints; /* n_endpoints of them */
    size_t n_endpoints;
    struct list children;
    struct waitq changed; /* a child ended, retired or the unit was closed */
    int64_t not_before;   /* no start before this (mono): throttled */
    int64_t pause;        /* the next throttle pause */
    bool was_used;
    bool is_closed;  /* replaced by a reload; lives until its fibers are done */
    unsigned fibers; /* that may still watch the sockets */
    unsigned references;
};

enum child_state { CHILD_STARTING, CHILD_SERVING, CHILD_RETIRING };

struct child {
    struct list_link link;
    struct unit *unit;
    pid_t pid;
    int pidfd;
    struct ipc *status;
    enum child_state state;
    int64_t started;
    unsigned references;
};

/* One reading of main.cf and master.cf. */
struct setup {
    const struct conf *conf;
    int main_cf; /* its text in memory, for all processes of this reading */
    struct instance_owner owner;
    struct list units;
};

struct master {
    struct setup *setup;
    struct list leaving; /* units of earlier readings whose processes are still ending */
    const char *directory;
    char *libexec;
    int log_fd; /* maillog_file; -1: syslog */
    bool is_stopping;
    int verbose;
};
extern struct master master;

/* --- services.c --- */
/* Read both files and make units; no socket is opened.
 */
struct setup *setup_load(const char *directory, struct error *e);
void setup_free(struct setup *s);
/* The entry for COMMAND; NULL when we have no such program. */
const struct program *program_find(struct view command);

/* --- sockets.c --- */
/* Add the endpoints of a master.cf line to U (fd -1 so far). */
bool endpoints_plan(const struct conf *c, const struct master_service *line,
                    const struct program *program, struct unit *u,
                    struct error *e) MUST_CHECK;
/* Open all that are not open, taking over those of OLD (may be NULL) with the same key.
 */
bool endpoints_open(struct setup *s, struct setup *old, struct error *e) MUST_CHECK;
/* Close what U has and was not taken over; its sockets are no longer its own then. */
void endpoints_close(struct unit *u);

/* --- unit.c --- */
/* Start the fibers of U: processes at need, wake-ups. */
void unit_start(struct unit *u);
void unit_unref(struct unit *u);
/* Children that accept or will. */
unsigned unit_serving(const struct unit *u);
/* A child of U ended; PLAUSIBLY: it had worked. */
void unit_child_ended(struct unit *u, bool failed, bool was_plausible);

/* --- child.c --- */
/* Start a process of U. */
void child_start(struct unit *u);
/* Send TYPE with descriptor FD (or -1).  Does not suspend. */
void child_send(struct child *c, enum ipc_type type, int fd);
/* Send to every child of every unit. */
void children_send(enum ipc_type type, int fd);
size_t children_count(void);

/* --- reload.c --- */
void master_reload(void);
/* Open maillog_file anew and hand it out. */
void master_reopen_log(void);
/* End all children; SIGKILL after a while.  May suspend. */
void master_stop_children(void);

#endif
