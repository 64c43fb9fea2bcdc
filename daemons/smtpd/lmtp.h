/* lmtp - mail into mailboxes, with an answer for each recipient (RFC 2033)
 *
 * As the service "lmtpd" this program takes mail for the mailboxes of this system only,
 * and has it delivered before it answers: by the agents that qmgr would ask, without a
 * queue.
 */
#ifndef SMTPD_LMTP_H
#define SMTPD_LMTP_H

#include "session.h"

struct lmtp; /* the recipients of one message */

/* This process speaks LMTP. */
void lmtp_setup(struct smtpd *d);
/* After a good end: a reply for each recipient, in order. */
void lmtp_reply(struct session *s);

#endif
