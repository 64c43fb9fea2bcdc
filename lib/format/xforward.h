/* xforward - the commands that tell a filter who brought a message (XFORWARD_README) */
#ifndef FORMAT_XFORWARD_H
#define FORMAT_XFORWARD_H

#include "base/str.h"

/* Longest command, without its line end; RFC 5321 4.5.3.1.4 */
#define XFORWARD_COMMAND_MAX 510

struct xforward_fact {
    const char *name; /* "ADDR" */
    struct view value;
};

/* Append the commands, LF behind each, that tell those of the N FACTS that a server WANTS
 * ("NAME ADDR ..."); none when it wants none.  What is empty, "unknown" or longer than a
 * value may be (255 bytes) is told to be unavailable.  False: OUT is full. */
bool xforward_write(struct view wants, const struct xforward_fact *facts, size_t n,
                    struct str *out) __attribute__((warn_unused_result));

/* An address as ADDR has it ("IPv6:::1") in OUT, which is cleared first. */
void xforward_address(struct view address, struct str *out);

#endif
