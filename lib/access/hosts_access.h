/* hosts_access - who may connect at all: the rules of hosts.allow and hosts.deny
 *
 * For every service that takes connections from the network, when hosts_access_enable.
 * A client is let in that fits a rule of hosts_allow_file, else kept out that fits one of
 * hosts_deny_file, else let in; ": allow" and ": deny" at the end of a rule turn its
 * meaning.  A file that is not there has no rules.  Files that change are taken up within
 * a second, without reload.  Nothing suspends; a changed file blocks on the disk.
 * Source: hosts_access(5).
 */
#ifndef ACCESS_HOSTS_ACCESS_H
#define ACCESS_HOSTS_ACCESS_H

#include "access/access.h"
#include "access/hosts_rules.h"

struct hosts_access;

/* NULL: not hosts_access_enable.  Faults in the files are logged as "file: line N: ...".
 * C must live as long. */
struct hosts_access *hosts_access_open(const struct conf *c);
void hosts_access_close(struct hosts_access *h); /* NULL is fine */

enum hosts_verdict {
    HOSTS_LET_IN,
    HOSTS_KEPT_OUT,
    HOSTS_UNSURE /* a file cannot be read (logged): nobody may come in now */
};
/* May CLIENT use the service?  The trail is told.  H may be NULL: all may. */
enum hosts_verdict hosts_access_ask(struct hosts_access *h,
                                    const struct hosts_client *client);

/* The same for SMTP: S of the service NAMES; OUT as from access_evaluate, "554 5.7.1
 * <name[address]>: Client host rejected: Access denied" or "421 4.3.0 ...", in A, and the
 * log is told.  True: refused. */
bool hosts_access_refuses(struct hosts_access *h, const struct access_subject *s,
                          const struct view *names, size_t n_names, struct arena *a,
                          struct access_outcome *out);

#endif
