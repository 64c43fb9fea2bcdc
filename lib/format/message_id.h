/* message_id - make and find Message-IDs (RFC 5322 3.6.4) */
#ifndef FORMAT_MESSAGE_ID_H
#define FORMAT_MESSAGE_ID_H

#include "base/str.h"
#include "base/view.h"

#include <time.h>

/* "<20030511140623.61D3F800081@gw1.maison.mrs>": UTC time, queue ID, host. */
bool message_id_make(const struct tm *utc, struct view queue_id, struct view host,
                     struct str *out);
/* The first "<...>" in the body of a Message-Id, In-Reply-To or References
 * header; call again with *REST for the next.  Inner blanks are not taken. */
bool message_id_next(struct view *rest, struct view *id);
/* "<left@right>" with no blanks, controls or further "<" ">". */
bool message_id_is_valid(struct view id);

#endif
