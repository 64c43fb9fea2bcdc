/* mbox - append a message to a file of messages
 *
 * "From sender date", the headers of delivery, the content with ">From " quoting, an
 * empty line.  The file is locked; what fails is cut off again.  Opening and writing are
 * two steps, so that a caller may open with one set of rights and write with another.
 * Everything here blocks.  RFC 4155, where it fits what mail programs on UNIX read.
 */
#ifndef STORE_MBOX_H
#define STORE_MBOX_H

#include "store/copy.h"
#include "store/lock.h"

#include <sys/types.h>

struct mbox_place {
    const char *path;
    const struct lock_policy *lock;
    const char *status; /* of failures to open: "4.2.0" mailboxes, "5.2.0" other files */
    bool give_away;     /* a file that is created here is then given to the two below */
    uid_t give_uid;
    gid_t give_gid;
};

struct mbox {
    const struct mbox_place *place;
    int fd;
    bool has_dotlock;
    bool is_regular;
    uid_t owner; /* of the file */
    mode_t mode;
};

/* Lock and open; the file is created (0600) when it is not there.  Only regular files,
 * character devices and pipes, no file with more than one name, and a symbolic link only
 * when it and its directory are root's.  On failure nothing is held. */
enum result mbox_open(struct mbox *m, const struct mbox_place *place,
                      struct error *e) MUST_CHECK;

struct mbox_message {
    struct view sender;  /* as on the From_ line, quoted; never empty */
    struct view headers; /* complete lines */
    struct copy_source content;
    int64_t when;        /* wall clock, for the From_ line */
    uint64_t size_limit; /* of the file; 0 none */
};
/* Append and bring to disk; on failure the file has its former size. */
enum result mbox_append(struct mbox *m, const struct mbox_message *msg,
                        struct error *e) MUST_CHECK;
/* Unlock and close. */
void mbox_close(struct mbox *m);

/* Append "From SENDER DATE\n" to OUT; commands get it too. */
bool mbox_from_line(struct view sender, int64_t when, struct str *out);

#endif
