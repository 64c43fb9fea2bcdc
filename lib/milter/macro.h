/* macro - values of milter macros that sessions and messages have in common
 *
 * MILTER_README, "Sendmail macro emulation".
 */
#ifndef MILTER_MACRO_H
#define MILTER_MACRO_H

#include "base/str.h"
#include "rewrite/rewrite.h"

/* A macro about ADDRESS, where it goes: PART is what stands behind "{mail_" or "{rcpt_":
 * "addr}", "host}" or "mailer}".  False: it cannot be resolved now.  May suspend. */
bool milter_macro_of_address(struct rewrite *r, struct view address, struct view part,
                             struct str *value);

/* One macro and what it is worth now. */
struct milter_macro {
    const char *name; /* "{client_addr}" */
    struct view value;
};
/* NAME's value among the N of KNOWN; NULL when it is none of them. */
const struct view *milter_macro_find(const struct milter_macro *known, size_t n,
                                     struct view name);

#endif
