/* stream_buffer - buffers that many streams take turns with
 *
 * A session needs a buffer only while it works, so a few buffers serve thousands of
 * sessions.  Under AddressSanitizer nothing is kept, so that a use after
 * giving back is seen.
 */
#include "base/memory.h"
#include "net/stream_private.h"

#ifdef __SANITIZE_ADDRESS__
#define KEEP 0
#else
#define KEEP 64
#endif

/* The first bytes of a kept buffer lead to the next one. */
struct kept {
    struct kept *next;
};

static struct kept *first;
static unsigned room = KEEP; /* buffers that may still be kept */

void stream_buffer_take(struct stream_bytes *b)
{
    *b = (struct stream_bytes){.cap = STREAM_BUFFER};
    if (!first) {
        b->p = memory_resize(NULL, STREAM_BUFFER);
        return;
    }
    b->p = (char *)first;
    first = first->next;
    room++;
}

void stream_buffer_give(struct stream_bytes *b)
{
    if (b->p && b->cap == STREAM_BUFFER && room > 0) {
        struct kept *k = (struct kept *)(void *)b->p;
        k->next = first;
        first = k;
        room--;
    } else {
        memory_free(b->p);
    }
    *b = (struct stream_bytes){.p = NULL};
}
