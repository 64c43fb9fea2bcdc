/* interfaces - the addresses on which this system receives mail
 *
 * inet_interfaces and proxy_interfaces.  Mail for user@[address] is local when the
 * address is one of them.  Names are resolved once, at start.
 */
#ifndef REWRITE_INTERFACES_H
#define REWRITE_INTERFACES_H

#include "conf/conf.h"

struct interfaces;
/* Blocks while names are resolved; names that cannot be are logged and left out.  C must
 * outlive it. */
struct interfaces *interfaces_new(const struct conf *c);
void interfaces_free(struct interfaces *i);
/* DOMAIN "[1.2.3.4]" or "[IPv6:...]" with one of our addresses inside? */
bool interfaces_have_literal(const struct interfaces *i, struct view domain);

#endif
