/* recipients - is an address one that we know? (asked by smtpd at RCPT)
 *
 * Source: LOCAL_RECIPIENT_README, ADDRESS_CLASS_README, relocated(5): canonical and
 * virtual maps first, then the class's own list: local_recipient_maps,
 * virtual_mailbox_maps, relay_recipient_maps, virtual_alias_maps.  An empty list means
 * that all addresses of the class are taken.
 */
#ifndef REWRITE_RECIPIENTS_H
#define REWRITE_RECIPIENTS_H

#include "rewrite/rewrite.h"

struct recipients;
struct recipients *recipients_new(const struct conf *c, struct rewrite *r);
void recipients_free(struct recipients *r);

struct recipient_check {
    bool known;
    int code;         /* of the refusal: unknown_local_recipient_reject_code ... */
    char status[12];  /* "5.1.1", "5.1.6", "5.1.10" */
    struct view text; /* "User unknown in local recipient table", "User has moved to x";
                         in the arena */
};
/* Look ADDRESS (internal form) up.  TEMPFAIL with *E on a table error.  May suspend. */
enum result recipients_check(struct recipients *r, struct view address, struct arena *a,
                             struct recipient_check *out, struct error *e) MUST_CHECK;

#endif
