/* entry - what the cache holds of one address: "status:probed:updated:text" */
#ifndef VERIFY_ENTRY_H
#define VERIFY_ENTRY_H

#include "access/verify.h"
#include "base/str.h"

struct entry {
    enum verify_verdict verdict;
    int64_t probed, updated; /* seconds since 1970; 0 never */
    struct view text;
};

/* Times of main.cf, in seconds. */
struct entry_times {
    int64_t positive_refresh, positive_expire, negative_refresh, negative_expire;
};

void entry_write(const struct entry *x, struct str *out);
/* False: not an entry. */
bool entry_parse(struct view text, struct entry *out);
/* Is it too old to be believed?  Not while a probe is under way. */
bool entry_is_expired(const struct entry *x, const struct entry_times *t, int64_t now);
/* Should the address be probed (again)? */
bool entry_wants_probe(const struct entry *x, const struct entry_times *t, int64_t now);

#endif
