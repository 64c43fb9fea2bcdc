/* listing - the queue in the form of mailq
 *
 * Read from lines of JSON as `postqueue -j` prints them.  Pure.
 */
#ifndef POSTQUEUE_LISTING_H
#define POSTQUEUE_LISTING_H

#include "queue/queue_listing.h"

/* "-Queue ID-  --Size-- ...", in the wider form for long queue IDs. */
void listing_heading(bool long_ids, struct str *out);
void listing_message(bool long_ids, const struct listed_message *m, struct str *out);

#endif
