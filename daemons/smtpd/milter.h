/* milter - the session's milters (smtpd_milters, smtpd_milter_maps)
 *
 * Each function puts one step of the dialogue to them.  Those that give a bool say false
 * when the command is refused, and the reply was sent.  All may suspend.
 */
#ifndef SMTPD_MILTER_H
#define SMTPD_MILTER_H

#include "session.h"

/* Which milters, for this client; says CONNECT.  False: the client got 554 or 421 in
 * place of the greeting. */
bool milter_connect(struct session *s);
/* HELO or EHLO; a refusal other than 421 waits for MAIL. */
bool milter_helo(struct session *s);
/* PATH as the client wrote it, and PARAMETERS.  Of a message that is to be discarded
 * milters hear no more. */
bool milter_mail(struct session *s, struct view path, struct view parameters);
/* OUTCOME: what the restrictions made of it; a refusal is what the client will hear. */
bool milter_rcpt(struct session *s, struct view path, struct view parameters,
                 const struct access_outcome *outcome);
bool milter_data(struct session *s);
bool milter_unknown(struct session *s, struct view line);
/* Other commands: did a milter refuse the whole session? */
bool milter_other(struct session *s);
void milter_abort(struct session *s);
void milter_disconnect(struct session *s);

#endif
