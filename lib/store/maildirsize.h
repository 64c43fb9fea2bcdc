/* maildirsize - how full a Maildir is, as the programs of the Maildir++ family keep it
 *
 * The file "maildirsize" in the root of a Maildir has the quota on its first line
 * ("10000000S,1000C": bytes, messages; 0 or absent: none), then a line "bytes messages"
 * for each count and each change behind it, with a sign; the sums are what is there.
 * Whoever finds it too long, too old or of another quota counts the Maildir anew.  What
 * lies in the folder Trash, or has the flag T, is not counted.  Everything here blocks;
 * no state is shared between calls, so worker threads may use it.
 * Source: README.maildirquota of Courier; maildirquota(7) of maildrop.
 */
#ifndef STORE_MAILDIRSIZE_H
#define STORE_MAILDIRSIZE_H

#include "base/error.h"

#include <stdint.h>

struct maildir_quota {
    uint64_t bytes, messages; /* 0: none */
};
struct maildirsize {
    struct maildir_quota limit;
    uint64_t bytes, messages; /* in use */
};

/* "10000000S,1000C".  False: no such thing; words with other letters are passed over. */
bool maildir_quota_parse(struct view text, struct maildir_quota *out) MUST_CHECK;

/* What the TEXT of such a file says.  False: no quota can be read from it.  *IS_WHOLE:
 * the sums can be trusted; *IS_COUNT (may be NULL): nothing came behind the first count.
 */
bool maildirsize_parse(struct view text, struct maildirsize *out, bool *is_whole,
                       bool *is_count) MUST_CHECK;

/* A descriptor of the root that the Maildir DIR, open, with PATH, counts for: DIR's
 * parent when it is a folder (".Name" in a Maildir), else DIR itself; *IS_FOLDER may be
 * NULL.  To be closed; -1 with errno. */
int maildirsize_root(int dir, const char *path, bool *is_folder);

/* What ROOT's file says; counted anew when its sums cannot be read.  False: there is no
 * file, or none with a quota. */
bool maildirsize_read(int root, struct maildirsize *out) MUST_CHECK;
/* Count what is there and write the file anew with LIMIT, as far as that can be done.
 * False with errno: the Maildir cannot be read. */
bool maildirsize_count(int root, const struct maildir_quota *limit,
                       struct maildirsize *out) MUST_CHECK;
/* Is there room for MESSAGES more with BYTES?  LIMIT: NULL takes that of the file, and
 * there is room when there is no file.  An answer of no is given on a fresh count only.
 * OK, or PERMFAIL with *E (5.2.2); TEMPFAIL when the Maildir cannot be read. */
enum result maildirsize_check(int root, const struct maildir_quota *limit, uint64_t bytes,
                              uint64_t messages, struct error *e) MUST_CHECK;
/* BYTES and MESSAGES came (or went: negative).  Without a file nothing is kept. */
void maildirsize_add(int root, int64_t bytes, int64_t messages);

#endif
