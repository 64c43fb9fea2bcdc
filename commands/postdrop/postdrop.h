/* postdrop - take a message from standard input into maildrop/
 *
 * main.c: the file.  sender.c: who may use which sender address.
 */
#ifndef POSTDROP_POSTDROP_H
#define POSTDROP_POSTDROP_H

#include "conf/conf.h"

#include <sys/types.h>

/* Log a fatal line, remove the file under way, end with STATUS (sysexits.h). */
void fail(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* May the user UID, whose login name is LOGIN, send as SENDER?  local_login_sender_maps;
 * the super-user and the mail owner always may.  Ends the process when a table cannot be
 * asked. */
bool sender_is_allowed(const struct conf *c, uid_t uid, struct view login,
                       struct view sender);

#endif
