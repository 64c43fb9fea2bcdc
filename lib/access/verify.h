/* verify - what is known of an address by trying it: ADDRESS_VERIFICATION_README
 *
 * Shared by those who ask (the restrictions), by the verify program that remembers, and
 * by qmgr, which tells what became of a probe.
 */
#ifndef ACCESS_VERIFY_H
#define ACCESS_VERIFY_H

#include "conf/conf.h"

#include "base/arena.h"

/* Numbers as in Postfix's cache. */
enum verify_verdict {
    VERIFY_DELIVERABLE = 0,
    VERIFY_DEFERRED = 1, /* a try failed for a while */
    VERIFY_UNDELIVERABLE = 2,
    VERIFY_UNKNOWN = 3 /* a probe is under way */
};

/* The envelope sender of probes at NOW (wall clock): address_verify_sender, with a part
 * that changes when address_verify_sender_ttl says so.  Empty for "" and "<>". */
struct view verify_sender(const struct conf *c, int64_t now, struct arena *a);
/* Is ADDRESS such a sender, of this or the last period?  Who probes us with it is told
 * that it is good. */
bool verify_sender_is(const struct conf *c, struct view address, int64_t now);

#endif
