/* limits - how many sessions a client may have, and how often it may do what */
#ifndef SMTPD_LIMITS_H
#define SMTPD_LIMITS_H

#include "access/anvil.h"
#include "session.h"

/* At the connection: count it.  False: too many, the last reply was sent.  May suspend.
 */
bool limits_begin(struct session *s);
void limits_end(struct session *s);
/* Count EVENT (a message, a recipient, AUTH, a new TLS session) before it is done; false:
 * too many, the reply was sent.  ANVIL_NEW_TLS_REPORT asks without counting.  May
 * suspend.
 */
bool limits_allow(struct session *s, enum anvil_event event);

#endif
