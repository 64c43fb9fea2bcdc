/* errand - a child process with a user's rights looks at files or writes mail
 *
 * One errand may do two things in one process: look for .forward files, and when there is
 * none deliver into the mailbox.  The parent stays as it is and believes the child
 * nothing but the reply's form.
 */
#ifndef LOCAL_ERRAND_H
#define LOCAL_ERRAND_H

#include "local.h"
#include "store/maildir.h"
#include "store/mbox.h"

#define ERRAND_PATHS_MAX 16

enum errand_target { ERRAND_NOTHING, ERRAND_MBOX, ERRAND_MAILDIR };

struct errand {
    const struct identity *user;   /* who reads .forward files; may be root */
    const struct identity *writer; /* who writes; never root */
    /* 1: read the first of these that is there. */
    const char *paths[ERRAND_PATHS_MAX];
    bool with_extension[ERRAND_PATHS_MAX]; /* the path was made with $extension */
    size_t n_paths;
    const char *home; /* must be reachable (require_home_directory); NULL: need not */
    bool is_include;  /* one path with the rules of :include: files instead */
    /* 2: deliver. */
    enum errand_target target;
    const char *path;
    const char
        *spool_directory; /* where path is, when that is the system's spool; else NULL */
    bool strict_owner;    /* the file must be the writer's */
    bool is_mailbox;      /* only regular files; else anything but programs */
    struct lock_policy lock;
    struct mbox_message mbox;
    struct maildir_delivery maildir;
};

struct errand_reply {
    enum result result; /* of what was done; with OK: */
    bool found;         /* a file was read: text is its content, path_index which */
    size_t path_index;
    uid_t file_owner;
    struct error error;
    struct view text;
};

/* Run it; the reply lives in arena A.  A child that dies or takes too long is a
 * reply with TEMPFAIL. May suspend. */
struct errand_reply *errand_run(struct local *local, const struct errand *errand,
                                struct arena *a);

/* Put the message and the locks into E, whose path is set.  False with *ERROR when the
 * content cannot be read. */
bool errand_set_message(struct work *w, const struct context *c, struct errand *e,
                        struct error *error) MUST_CHECK;

/* --- between the two sides --- */
/* Runs in the child; writes its reply to FD. */
int errand_child(const struct errand *errand, bool acts_for_users, int fd);

#define ERRAND_MAGIC 0x64617265u
/* What goes through the pipe in front of the text. */
struct errand_report {
    uint32_t magic;
    uint8_t result, found;
    uint16_t path_index;
    uint32_t file_owner;
    uint32_t saved_errno;
    char status[12];
    char text[1000];
    uint64_t size; /* of the text behind it */
};

#endif
