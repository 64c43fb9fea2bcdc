/* limits - how many sessions a client may have, and how often it may do what */
#ifndef SMTPD_LIMITS_H
#define SMTPD_LIMITS_H

#include "access/anvil.h"
#include "session.h"

/* At the connection: count it.  May suspend. */
void limits_register(struct session *s);
/* Before the greeting; false: too many, the last reply was sent. */
bool limits_begin(struct session *s);
void limits_end(struct session *s);
/* Count EVENT (a message, a recipient, AUTH) before it is done; false: too many, the
 * reply was sent.  May suspend. */
bool limits_allow(struct session *s, enum anvil_event event);
/* Before a handshake: have there been too many?  After one that made a new session: count
 * it.  False: the reply was sent, behind a handshake the last one.  May suspend. */
bool limits_allow_starttls(struct session *s);
bool limits_allow_new_tls(struct session *s);

/* user_limits.c: count a message or a recipient of the user who logged in; false: that is
 * over a limit, the reply was sent.  May suspend. */
bool limits_allow_user(struct session *s, enum anvil_user_event event);
/* A value of smtpd_user_limit_exceptions: "none", or "message_hourly=100
 * recipient_daily=0 ..." in place of what *LIMITS has for EVENT; false: it is not of that
 * form, and *LIMITS is as before. */
bool user_limits_parse(struct view text, enum anvil_user_event event,
                       struct anvil_user_limits *limits);

#endif
