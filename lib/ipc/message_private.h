/* message_private - a message in memory
 *
 * Private to lib/ipc.  A message is kept in the form in which it travels:
 *
 *     type                 2 bytes, low byte first
 *     attributes, each     1 byte attribute, then
 *       U64 BOOL           the value
 *       I64                the value, zigzag
 *       BYTES SECRET TEXT  the length, then the bytes
 *
 * Numbers and lengths are groups of 7 bits, the lowest first, the top bit set on all but
 * the last; only the shortest form is valid.
 */
#ifndef IPC_MESSAGE_PRIVATE_H
#define IPC_MESSAGE_PRIVATE_H

#include "ipc/messages_schema.h"

struct ipc_message {
    struct arena *arena;
    enum ipc_type type;
    char *p;
    size_t n, cap;
    bool is_received;   /* descriptors are ours to close */
    const char *broken; /* the attribute that could not be put; NULL when all could */
    unsigned nfds;
    int fds[IPC_MAX_FDS];      /* -1 when taken */
    uint32_t first[IPC_ATTRS]; /* offset of the first occurrence; 0 when absent */
};

/* Check a whole message against the list.  Also sets m->first. */
bool ipc_message_check(struct ipc_message *m, unsigned nfds, struct error *e) MUST_CHECK;

#endif
