/* local - what the files of the local delivery program share
 *
 * A delivery to one recipient is a list of steps: expanding an alias or a .forward file
 * takes one step away and puts others in its place, in order; no recursion.  Each step
 * carries a context: for whom, from where, with whose rights.  What goes elsewhere is
 * collected in resubmissions, which become new messages when all steps are done and none
 * was deferred.  Source: local(8).
 *
 *   recipient.c  the order of local(8): alias, .forward, mailbox, fallbacks
 *   alias.c      alias_maps, owner- aliases
 *   forward.c    .forward files
 *   include.c    :include: files
 *   mailbox.c    mailbox_transport, mailbox_command, home_mailbox, mail_spool_directory
 *   file.c       /file/name
 *   program.c    |command, with its environment
 *   unknown.c    fallback_transport, luser_relay
 *   resubmit.c   new messages
 *   errand.c     a child process with the recipient's rights
 */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

#include "agent/agent.h"
#include "cleanup/cleanup.h"
#include "format/address.h"
#include "rewrite/rewrite.h"
#include "run/fiber.h"
#include "store/lock.h"
#include "table/table.h"

#include <sys/types.h>

/* Where a destination was found; bits of the parameters allow_mail_to_commands,
 * allow_mail_to_files and propagate_unmatched_extensions. */
#define FROM_ALIAS   1
#define FROM_FORWARD 2
#define FROM_INCLUDE 4
/* Bits of prepend_delivered_header. */
#define IN_COMMAND 1
#define IN_FILE    2
#define IN_FORWARD 4

/* Whose rights a delivery has. */
struct identity {
    uid_t uid;
    gid_t gid;
    struct view name, home, shell;
};

struct alias_table {
    struct table *table;
    bool is_pattern; /* asked with whole names only */
};

struct local {
    const struct conf *conf;
    struct alias_table *aliases;
    size_t n_aliases;
    struct maps *transports, *commands,
        *fallbacks; /* mailbox_.._maps, fallback_transport_maps */
    struct rewrite *rewrite;
    struct cleanup_setup *cleanup;
    struct queue_link *queue;
    struct address_delimiters delimiters;
    unsigned allow_commands, allow_files, propagate; /* FROM_... */
    unsigned prepend;                                /* IN_... */
    struct lock_policy lock;
    struct identity nobody; /* default_privs */
    bool acts_for_users;    /* started by root */
    struct slots children;  /* processes at a time */
};

struct context {
    struct recipient recipient; /* whom the log names */
    struct view sender;
    struct view owner; /* "owner-list@domain", or the user of a .forward; empty: none */
    struct view delivered_to; /* for Delivered-To: headers; empty: not yet set */
    struct view alias;        /* the name that was expanded last */
    struct view unmatched;    /* extension to put behind results, without delimiter */
    unsigned source;          /* FROM_...; 0 at the start */
    unsigned level;           /* of expansion */
    const struct identity *identity; /* NULL: none chosen, or root's: default_privs */
    /* Parts of the recipient, once it is known to be local. */
    struct view local;     /* folded, with extension */
    struct view user;      /* folded, without */
    struct view extension; /* without the delimiter */
};

enum step_kind { STEP_LOCAL, STEP_ADDRESS, STEP_COMMAND, STEP_FILE, STEP_INCLUDE };
struct step {
    struct list_link link;
    enum step_kind kind;
    struct view text;
    const struct context *context;
};

/* One recipient of a request under way. */
struct work {
    struct service *service;
    struct local *local;
    struct delivery *d;
    struct delivery_recipient *r; /* the queue manager's */
    struct list steps;
    size_t n_steps; /* ever made */
    struct hash *seen;
    struct list resubmissions;
    struct delivery_recipient best; /* the outcome that counts so far */
};

#define LOCAL_LEVEL_MAX 100
#define LOCAL_STEPS_MAX ((size_t)200 * 1000)
#define LOCAL_TEXT_MAX  ((size_t)16 << 20) /* of a .forward or :include: file */

/* --- work.c --- */
/* The agent's function; the service's state is a struct local. */
agent_deliver_fn local_deliver;
/* A copy of C in the work's arena, one level deeper. */
struct context *work_deeper(struct work *w, const struct context *c);
/* Has this been done before in this delivery?  Remembers it, up to
 * duplicate_filter_limit. */
bool work_seen(struct work *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same without remembering. */
bool work_was_seen(struct work *w, struct view key);
/* The headers of delivery for C's recipient, in the arena; IN is IN_COMMAND or IN_FILE.
 */
struct view work_headers(struct work *w, const struct context *c, unsigned in);
/* The sender for a From_ line, in the arena. */
struct view work_from_sender(struct work *w, const struct context *c);
/* Conclude a step: log it, and let it count for the recipient. */
void work_sent(struct work *w, const struct context *c, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void work_failed(struct work *w, const struct context *c, const struct error *e);
/* The same for a command with OUTPUT. */
void work_command_failed(struct work *w, const struct context *c, const struct error *e,
                         struct view output);
void work_refused(struct work *w, const struct context *c, const char *status,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Another agent delivers to C's recipient: "transport:nexthop".  May suspend. */
void work_pass(struct work *w, const struct context *c, struct view target);
/* Parse LINES (an alias' text; or a file's, where "#" starts a comment line) and put its
 * steps, with context C, in front. The number of destinations found. */
size_t work_expand(struct work *w, const struct context *c, struct view lines,
                   bool is_file);
/* The rights that C's deliveries have: its identity, or default_privs; never root's. */
const struct identity *work_rights(const struct work *w, const struct context *c);

/* --- one file each --- */
void recipient_step(struct work *w, const struct context *c, struct view address);
void address_step(struct work *w, const struct context *c, struct view address);
void command_step(struct work *w, const struct context *c, struct view command);
void file_step(struct work *w, const struct context *c, struct view path);
void include_step(struct work *w, const struct context *c, struct view path);

/* Is NAME an alias?  Then its steps are made, or the failure is told. May suspend. */
bool alias_expand(struct work *w, const struct context *c, struct view name);
/* Names that take no owner- alias: owner-x, x-request. */
bool alias_is_special(struct view name);

struct errand;
struct errand_reply;
/* Put the .forward files of USER that are to be looked for into E. */
void forward_prepare(struct work *w, const struct context *c, const struct identity *user,
                     struct errand *e);
/* One was found: its steps.  False when it names nobody. */
bool forward_expand(struct work *w, const struct context *c, const struct identity *user,
                    const struct errand *e, const struct errand_reply *reply);

/* Deliver to USER (NULL: not in the password database) as its .forward and the mailbox
 * parameters say; NO_FORWARD for \user.  False when there is no such user. May suspend.
 */
bool mailbox_deliver(struct work *w, const struct context *c, const struct identity *user,
                     bool no_forward);
void unknown_deliver(struct work *w, const struct context *c);
/* Remember the recipient for a new message. */
void resubmit_add(struct work *w, const struct context *c, struct view address);
/* Bring the new messages into the queue. May suspend. */
void resubmit_all(struct work *w, const struct context *c);

/* --- user.c --- */
enum user_result { USER_FOUND, USER_UNKNOWN, USER_ERROR };
/* Look NAME (or UID when NAME is empty) up in the password database, in a worker thread.
 * May suspend. */
enum user_result user_find(struct arena *a, struct view name, uid_t uid,
                           struct identity *out, struct error *e);
/* The same for the start of the program: at once, and the texts are never freed. */
bool user_read(const char *name, struct identity *out);

/* --- macro.c --- */
/* Expand TEXT with $user, $home, $shell, $recipient, $extension, $domain, $local,
 * $recipient_delimiter. Bytes of values that are not in FILTER become "_"; an empty
 * FILTER lets all pass. *USED_EXTENSION (may be NULL) tells whether $extension was asked
 * for.  Only what can be known of a user that does not exist when USER is NULL. */
bool macro_expand(struct work *w, const struct context *c, const struct identity *user,
                  struct view text, struct view filter, struct str *out,
                  bool *used_extension, struct error *e);
/* V with bytes outside FILTER replaced, in the arena. */
struct view macro_filter(struct arena *a, struct view v, struct view filter);

#endif
