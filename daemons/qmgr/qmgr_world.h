/* qmgr_world - tests: the real queue manager, with submitters, agent and bounce of the
 * test
 *
 * The agent "fake" answers by the local part of the recipient: ok*, defer*, bounce*,
 * dead* (while refuses_dead), crash* (while crashes > 0), slow*, store* (with a
 * checkpoint).
 */
#ifndef QMGR_QMGR_WORLD_H
#define QMGR_QMGR_WORLD_H

#include "base/arena.h"
#include "net/listen.h"
#include "queue/draft.h"
#include "queue/queue_admin.h"
#include "run/fiber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* As root the program becomes OWNER, who must then own the queue. */
#define OWNER    "games"
#define PATIENCE (20 * CLOCK_SECOND)

extern char program_path[4096];
extern struct world {
    char directory[64];
    struct conf *conf;
    struct queue_link *link;
    int listener; /* public/qmgr */
    pid_t pid;
    struct listener *agent, *bounce;
    struct arena *arena;
    /* What the agent saw. */
    unsigned delivered, attempts, running, most_running, crashes;
    bool is_stalled, refuses_dead;
    struct waitq released;
    struct str seen; /* "ID:recipient " for each success */
    /* What bounce saw. */
    unsigned reports, reported_recipients;
    char last_report[16];
    bool bounce_commits;
} w;

/* NAME below the directory of the test. */
const char *path_of(const char *name);
bool log_has(const char *text);
/* Each waits for at most PATIENCE; false, with words, when it did not come. */
bool wait_log(const char *text);
bool wait_count(const unsigned *counter, unsigned wanted);
bool wait_empty(void);
void listen_qmgr(void);
void start_qmgr(void);
void end_qmgr(int signo);
void start_bounce(void);
/* RECIPIENTS end with NULL; ID may be NULL. */
enum result submit(const char *sender, const char *const *recipients, size_t size,
                   const struct queue_id *origin, struct queue_id *id);
enum result send_to(const char *recipient, struct queue_id *id);
/* postqueue -j, and postsuper or postqueue with ID. */
const char *listing(uint64_t *count);
uint64_t control(enum queue_request request, const char *id);
/* Run BODY on a fiber in a new world; MORE is added to main.cf. */
void in_world(fiber_fn *body, const char *more);

#endif
