/* qmgr - the queue manager: what its files share
 *
 * A message's way: submitters.c takes a commit, the journal makes it durable, active.c
 * lets it into the active window, resolve.c finds a destination for each recipient,
 * schedule.c says which delivery starts, transport.c and agents.c hand it to an agent,
 * results.c takes the answers, finish.c ends the pass: reports.c tells the sender, park.c
 * puts what is left into deferred/, active.c brings it back when its time has come.
 */
#ifndef QMGR_QMGR_H
#define QMGR_QMGR_H

#include "agent/agent.h"
#include "base/arena.h"
#include "base/heap.h"
#include "base/list.h"
#include "conf/master_cf.h"
#include "ipc/ipc.h"
#include "queue/journal.h"
#include "queue/queue_file.h"
#include "rewrite/rewrite.h"
#include "run/fiber.h"
#include "service/service.h"

#include "retry.h"

struct work;
struct transport;
struct submitter;

/* --- a message --- */

enum message_state {
    MESSAGE_COMMITTING, /* in the running batch */
    MESSAGE_WAITING,    /* on disk, waits for room in the active window */
    MESSAGE_ACTIVE,
    MESSAGE_DEFERRED, /* in the retry heap */
    MESSAGE_HELD,
    MESSAGE_LEAVING, /* delivered; a checkpoint will make that durable */
    MESSAGE_MISSING  /* marks in the journal for a file that was not met yet */
};

/* What is known of every message, about 130 bytes; the rest is in `work` or on disk. */
struct message {
    struct heap_link retry; /* by the time of the next attempt */
    struct list_link link;  /* in a list of those that wait */
    struct message *next;   /* in the index */
    struct journal_hold hold;
    struct work *work; /* while active, or while memory allows */
    uint32_t
        *marks;    /* from the journal, not yet in the image; marks[0] is their number */
    uint8_t state; /* enum message_state */
    uint8_t where; /* enum queue_name of its file, when it has one */
    bool has_file;
    bool is_new;                   /* waits in `incoming` */
    bool is_parking;               /* park.c has it */
    bool is_flushed;               /* deferred transports too, for one pass */
    bool maybe_tried;              /* from an earlier life: an agent may have had it */
    bool wants_delete, wants_hold; /* asked while it is busy */
    bool is_gone;                  /* out of the index; freed when `users` is 0 */
    uint16_t users;                /* fibers that hold the pointer across a wait */
    char id[];
};

/* What became of one recipient in this pass. */
struct outcome_record {
    uint8_t outcome; /* enum outcome of lib/agent */
    bool is_answered;
    uint32_t
        follows; /* the number + 1 of the recipient that stands for this one; 0 none */
    char status[12];
    struct view text, diagnostic_type, diagnostic, remote_mta;
    struct view relay; /* where known */
};

/* Where a recipient goes. */
struct route {
    struct view transport, nexthop, recipient;
    struct transport *found;
    uint32_t next; /* recipient of the same delivery request */
    bool is_ready; /* to be put into the schedule */
};

/* A message that is loaded. */
struct work {
    struct qmgr *q;
    struct message *m;
    struct arena *arena;
    struct queue_message image;
    int content_fd;      /* -1 not open */
    bool is_memory;      /* content_fd is a sealed memory file, counted in memory_used */
    bool any_checkpoint; /* some recipients wait for one */
    bool is_aborted;     /* no more deliveries are to start */
    bool is_finishing;   /* the pass is over */
    struct outcome_record *outcomes; /* by recipient */
    struct route *routes;
    struct list entries;       /* of struct entry: those that wait or run */
    struct list filling;       /* entries that are being grouped */
    struct work_job *jobs;     /* its lines at the transports */
    unsigned waiting, running; /* entries */
    size_t n_pending;          /* recipients not done */
    int64_t active_since;      /* wall clock */
    unsigned report;           /* enum report_kind under way; 0 none */
    size_t report_only;        /* the number + 1 of its one recipient; 0 all */
    bool report_is_committed;  /* a draft with ORIGIN came */
};

/* --- settings, renewed by a reload --- */

struct settings {
    struct retry_settings retry;
    int64_t queue_run_delay, transport_retry_time, checkpoint_interval, ipc_timeout;
    int64_t clog_warn_time, in_flow_delay, daemon_timeout;
    uint64_t active_limit, recipient_limit, probe_limit, memory_limit, minfree,
        file_threshold;
    unsigned process_limit;
    bool soft_bounce, external_form, allow_min_user, long_ids, confirm_delay_cleared,
        feedback_debug, helpful_warnings;
    int delay_digits;
    struct view recipient_delimiter, double_bounce_sender, default_filter_nexthop;
    char error_tag[128]; /* "postfix/error", for what Postfix's error(8) would log */
};

/* Tables and lists of one configuration; kept until the last user is done. */
struct routing {
    const struct conf *conf;
    struct arena *arena; /* of master_cf */
    struct master_cf master_cf;
    struct rewrite *rewrite;
    struct match_list *defer_transports;
    unsigned users;
    bool is_old;
};

/* --- the program --- */

struct qmgr {
    struct service *service;
    struct settings set;
    struct routing *routing;
    struct queue_dir dir;
    int lock;
    struct journal *journal;
    struct message **buckets; /* the index by ID */
    size_t n_buckets, n_messages;
    struct list incoming, due; /* messages that wait for the active window */
    uint64_t n_incoming;
    struct heap retry;
    struct hash *transports;
    struct list all_transports;
    struct list submitters;
    struct list commits;      /* in the running batch and the one before */
    struct list file_commits; /* large messages on their way into files */
    struct list checkpoints, to_park;
    struct waitq parking, checkpoint_wanted, checkpoint_over;
    uint64_t checkpoint_round; /* of the last one that is over */
    uint64_t active, active_recipients, active_probes, memory_used, content_fds, fd_limit;
    unsigned activators;
    uint64_t free_bytes;
    int64_t space_due; /* monotonic: when to look again */
    int64_t flow_delay;
    bool is_stopping, journal_is_crowded;
    bool is_settling; /* at start: `incoming` may tell of recipients that are done */
    struct hash
        *done_early;     /* messages that ended before is_loaded; a file may be left */
    bool is_loaded;      /* all files of the life before are in the index */
    struct waitq loaded; /* those who want to see the whole queue */
    struct {
        uint64_t committed, refused, activated, delivered, deferred, bounced, removed;
    } count;
};

/* --- message.c: the index, loading and letting go --- */
struct message *message_new(struct qmgr *q, struct view id);
struct message *message_find(const struct qmgr *q, struct view id);
/* Out of the index and all lists, its journal segment released; freed when nobody uses
 * it. */
void message_free(struct qmgr *q, struct message *m);
/* Keep the memory of M over a wait; m->is_gone says whether it still counts. */
void message_hold(struct message *m);
void message_release(struct message *m);
static inline struct view message_id(const struct message *m)
{
    return view_of(m->id);
}
/* Attach an image: the arena and the descriptor (-1 none) are taken over. */
struct work *work_new(struct qmgr *q, struct message *m, struct arena *a,
                      const struct queue_message *image, int fd, bool is_memory);
void work_free(struct qmgr *q, struct work *w);
/* Read footer and envelope into m->work.  PERMFAIL: damaged; TEMPFAIL with errno ENOENT:
 * gone. May suspend. */
enum result work_load(struct qmgr *q, struct message *m, struct error *e) MUST_CHECK;
/* w->content_fd is open afterwards.  May suspend. */
bool work_open_content(struct qmgr *q, struct work *w, struct error *e) MUST_CHECK;
/* Is more content open than queue_memory_limit or the limit of open files allows? */
bool memory_is_short(const struct qmgr *q);
/* Close the content when memory is short, nobody has it and it can be had again. */
void work_relax(struct qmgr *q, struct work *w);
/* Set MARK (JOURNAL_MARK_...) for M, in the journal and in memory. */
void message_mark(struct qmgr *q, struct message *m, uint32_t mark);
/* Recipients, without lists that others stand for. */
size_t work_count_recipients(const struct work *w);
/* The sender for recipient I: of VERP mail each has one of its own. */
struct view work_sender(struct work *w, size_t i);
/* Recipient I needs no more attempts: in memory only. */
void work_mark(struct work *w, size_t i);
/* ADDRESS as info_log_address_format wants it, in A. */
struct view log_address(const struct qmgr *q, struct view address, struct arena *a);

/* --- settings.c --- */
void settings_read(struct qmgr *q, const struct conf *c);
void routing_use(struct qmgr *q, const struct conf *c);
struct routing *routing_hold(struct qmgr *q);
void routing_release(struct routing *r);

/* --- submitters.c --- */
void submitters_session(struct qmgr *q, int fd);
/* Journal callback. */
void submitters_flushed(struct qmgr *q, uint64_t ticket, bool good,
                        const struct error *e);
/* Is a new message on its way to disk that takes the place of a recipient of ID? */
bool submitters_are_replacing(const struct qmgr *q, struct view id);
/* Look at the free space (at most ten times a second) and tell when it changed much. */
void submitters_update_space(struct qmgr *q);
/* Tell free space and flow delay to those who want to know. */
void submitters_tell_state(struct qmgr *q);

/* --- active.c --- */
/* M is on disk and may be tried now. */
void active_enqueue(struct qmgr *q, struct message *m, bool is_new);
/* Let messages in while there is room. */
void active_poke(struct qmgr *q);
/* M is about to be freed: out of its line. */
void active_forget(struct qmgr *q, struct message *m);
/* M leaves the active window; its work is freed. */
void active_leave(struct qmgr *q, struct message *m);
/* Put M into the retry heap; DUE is wall clock. */
void active_defer(struct qmgr *q, struct message *m, int64_t due);
/* The fiber of queue runs. */
void active_runs(void *arg);
/* All that is due now, everything with EVERY. */
void active_run(struct qmgr *q, bool every);

/* --- requeue.c --- */
/* Write the message into maildrop/ for pickup, with its pending recipients (postsuper
 * -r).  May suspend. */
bool requeue_message(struct qmgr *q, struct work *w, struct error *e);

/* --- resolve.c --- */
/* Find a route for each pending recipient and put the deliveries into the schedule;
 * recipients that cannot be delivered get their outcome at once.  May suspend. */
void resolve_work(struct qmgr *q, struct work *w);

/* --- results.c --- */
/* Recipient I has failed here in qmgr: recorded and logged as error(8) does. */
void result_local(struct qmgr *q, struct work *w, size_t i, bool is_permanent,
                  struct view status, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* As result_local, a success without delivery (discarded). */
void result_discarded(struct qmgr *q, struct work *w, size_t i, const char *text);

/* Lists that cleanup has expanded have their outcome already. */
void result_expanded_lists(struct work *w);

/* An agent's new message, just appended (or, with IS_FILE, on disk), takes the place of
 * recipient I of ID: mark it in the same commit.  The number of its batch; 0 when that
 * recipient waits for nothing. */
uint64_t result_replacing(struct qmgr *q, struct view id, uint32_t i, bool is_file);
/* After a crash: recipient I of ID, which may not be known yet, was done by a file that
 * was found. */
void result_replaced_before(struct qmgr *q, struct view id, uint32_t i);
/* That message, NEW_ID, is on disk: the recipient is done, whatever becomes of the agent.
 */
void result_replaced(struct qmgr *q, struct view id, uint32_t i, const char *new_id);

/* --- finish.c --- */
/* Nothing of W waits or runs: end the pass. */
void finish_work(struct qmgr *q, struct work *w);
/* Take M out of the queue for good and log "removed" unless QUIET. */
void finish_remove(struct qmgr *q, struct message *m, bool quiet);

/* --- park.c --- */
/* Make M a durable file in WHERE, due at DUE; false with *E.  May suspend. */
bool park_message(struct qmgr *q, struct message *m, enum queue_name where, int64_t due,
                  struct error *e);
/* Free the oldest journal segment by parking what is live in it. */
void park_crowded(struct qmgr *q);
void park_fiber(void *arg);

/* --- checkpoint.c --- */
void checkpoint_fiber(void *arg);
/* The deliveries of M's recipients so far are durable after a sync of PATH. */
void checkpoint_note(struct qmgr *q, struct view path);
/* M is done once the next checkpoint is over; its journal segment goes with it.  Frees M.
 */
void checkpoint_remove(struct qmgr *q, struct message *m);
/* Does nothing wait for a checkpoint? */
bool checkpoint_is_idle(void);
/* Wait until a checkpoint that began after this call is over.  May suspend. */
void checkpoint_wait(struct qmgr *q);

/* --- reports.c --- */
enum report_kind {
    REPORT_NONE,
    REPORT_KIND_FAILURE,
    REPORT_KIND_DELAY,
    REPORT_KIND_SUCCESS,
    REPORT_KIND_VERIFY
};
/* Is the sender of W to be told that recipient I has it: by RFC 3461, or after a delay by
 * confirm_delay_cleared? */
bool report_wants_success(const struct qmgr *q, const struct work *w, size_t i);
/* Have bounce tell the sender about recipients with the given outcome.  False: try later.
 * May suspend. */
bool report_send(struct qmgr *q, struct work *w, enum report_kind kind);
/* A draft that is a report about ID is in the running batch. */
void report_committed(struct qmgr *q, struct view id);

/* --- probe.c --- */
/* Tell the verify program about the recipients of a probe.  May suspend. */
void probe_results(struct qmgr *q, struct work *w);

/* --- loader.c --- */
void loader_found(const struct journal_found *f, void *arg);
void loader_fiber(void *arg);
/* ID was finished while the files of the life before are being listed: what is found
 * under that name is not to be taken for a message. */
void loader_note_done(struct qmgr *q, struct view id);

/* --- control.c --- */
/* Answer QUEUE_CONTROL, QUEUE_LIST, QUEUE_READ, TRIGGER of a peer; false when the
 * connection must end.  May suspend. */
bool control_request(struct qmgr *q, struct ipc *c, struct ipc_message *m, bool is_owner);

#endif
