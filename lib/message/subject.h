/* subject - the base subject that SORT and THREAD compare (RFC 5256 2.1) */
#ifndef MESSAGE_SUBJECT_H
#define MESSAGE_SUBJECT_H

#include "base/str.h"
#include "base/view.h"

/* Append the base subject of VALUE (the body of a Subject field, encoded words
 * and folding included) to OUT as UTF-8: without "Re:", "Fwd:", "[list]",
 * "(fwd)".  *IS_REPLY (may be NULL): a reply or forward mark was taken off.
 * False when OUT is full.  For comparing pass it through message_fold(). */
bool message_base_subject(struct view value, bool *is_reply, struct str *out);

#endif
