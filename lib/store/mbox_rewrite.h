/* mbox_rewrite - replace the end of an mbox file so that kill -9 loses nothing
 *
 * A mail spool's directory may not be written by its users, so a new file cannot take the
 * old one's place.  Instead the new end is written beside the index first, flushed; then
 * into the file.  Whoever locks the file next and finds such a journal finishes the work,
 * or drops it when it was not begun; what others appended meanwhile stays.  All of this
 * blocks, with the file locked.  See docs/decisions/0020-mbox-in-place.md.
 */
#ifndef STORE_MBOX_REWRITE_H
#define STORE_MBOX_REWRITE_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

/* Replace what is from offset AT to the end of the file FD by TAIL, on disk when it
 * returns; JOURNAL is the path of the journal.  False with errno: the file is as it
 * was, or the journal is still there. */
bool mbox_replace_end(int fd, const char *journal, uint64_t at,
                      struct view tail) MUST_CHECK;
/* Finish what JOURNAL tells of FD, if it is there.  False with errno. */
bool mbox_recover(int fd, const char *journal) MUST_CHECK;

/* For tests: end the process at step N (from 1); 0 never. */
extern unsigned mbox_rewrite_die_at;

#endif
