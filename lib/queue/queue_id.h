/* queue_id - names of messages, in Postfix's short and long forms
 *
 * Both are made of a time and a serial number.  qmgr hands serial numbers out
 * in blocks; a number is never given twice in the life of a queue.  Short: microseconds
 * as five hex digits, serial in hex.  Long (enable_long_queue_ids): seconds and
 * microseconds in base 52, 'z', serial in base 51.
 */
#ifndef QUEUE_QUEUE_ID_H
#define QUEUE_QUEUE_ID_H

#include "base/view.h"

#include <stdint.h>

#define QUEUE_ID_MAX 32
struct queue_id {
    char text[QUEUE_ID_MAX]; /* NUL-terminated */
};
void queue_id_make(struct queue_id *id, bool long_form, int64_t wall_usec,
                   uint64_t serial);
/* Is TEXT the form of a queue ID (safe as a file name)? */
bool queue_id_parse(struct view text, struct queue_id *id);
/* The microseconds in an ID: they choose its subdirectory in hashed queues. */
unsigned queue_id_microseconds(struct view id);
static inline struct view queue_id_view(const struct queue_id *id)
{
    return view_of(id->text);
}

#endif
