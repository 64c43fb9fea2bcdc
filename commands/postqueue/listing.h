/* listing - the queue in the form of mailq
 *
 * Read from lines of JSON as `postqueue -j` prints them.  Pure.
 */
#ifndef POSTQUEUE_LISTING_H
#define POSTQUEUE_LISTING_H

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

/* "-Queue ID-  --Size-- ...", in the wider form for long queue IDs. */
void listing_heading(bool long_ids, struct str *out);
void listing_message(bool long_ids, const struct listed_message *m, struct str *out);

#endif
