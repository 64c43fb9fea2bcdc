/* queue_listing - read lines of JSON as "postqueue -j" prints them
 *
 * The other end of queue_list.  Pure.  Used by postqueue -p and qshape.
 */
#ifndef QUEUE_QUEUE_LISTING_H
#define QUEUE_QUEUE_LISTING_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

struct listed_recipient {
    struct view address, reason;
};

struct listed_message {
    struct view queue_name, queue_id, sender;
    int64_t arrival; /* seconds since 1970 */
    uint64_t size;
    bool forced_expire;
    struct listed_recipient *recipients;
    size_t n_recipients;
};

/* One line of JSON; false when it is not such an object.  Unknown members are passed
 * over. */
bool listing_parse(struct arena *a, struct view line, struct listed_message *out);

#endif
