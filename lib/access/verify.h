/* verify - what is known of an address by trying it: ADDRESS_VERIFICATION_README
 *
 * Shared by those who ask (the restrictions), by the verify program that remembers, and
 * by qmgr, which tells what became of a probe.
 */
#ifndef ACCESS_VERIFY_H
#define ACCESS_VERIFY_H

/* Numbers as in Postfix's cache. */
enum verify_verdict {
    VERIFY_DELIVERABLE = 0,
    VERIFY_DEFERRED = 1, /* a try failed for a while */
    VERIFY_UNDELIVERABLE = 2,
    VERIFY_UNKNOWN = 3 /* a probe is under way */
};

#endif
