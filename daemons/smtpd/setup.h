/* setup - what the sessions of a process share, made from the configuration */
#ifndef SMTPD_SETUP_H
#define SMTPD_SETUP_H

#include "session.h"

/* Open tables and lists; restrictions are compiled here, so a mistake in them ends the
 * program at its start: NULL with *E.  STANDALONE: sendmail -bs, without policy. */
struct smtpd *smtpd_new(const struct conf *c, bool standalone, struct error *e);
/* For tests: let all go; no session may run. */
void smtpd_free(struct smtpd *d);
/* starttls.c: keys and levels; what is wrong is logged, and TLS is refused then. */
void smtpd_tls_setup(struct smtpd *d);
void smtpd_tls_free(struct smtpd *d);
/* auth.c: whom to ask for passwords; false with *E when the settings cannot be used. */
bool smtpd_auth_setup(struct smtpd *d, struct error *e) MUST_CHECK;
void smtpd_auth_free(struct smtpd *d);
/* What the lists say of the client of S, once it is known. */
void smtpd_judge_client(struct session *s);

#endif
