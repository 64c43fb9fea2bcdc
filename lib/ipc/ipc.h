/* ipc - typed messages between the programs of one instance
 *
 * A message has a type and named attributes; both are listed once, in
 * ipc/messages.def, with kind, limits and whether they are required or may repeat.
 * It travels as one SOCK_SEQPACKET record of at most IPC_MAX_BYTES, descriptors
 * beside it by SCM_RIGHTS.  The receiver treats its peer as hostile: type,
 * attributes, kinds, lengths and number of descriptors are checked against
 * the list before anybody sees the message; a violation is an error that closes
 * the connection.  With -v each message is traced readably.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "run/fiber.h"

#include <stdint.h>
#include <sys/types.h>

#define IPC_MAX_BYTES (64 * 1024)
#define IPC_MAX_FDS   4

#define IPC_MESSAGE(id, ...) IPC_##id,
#define IPC_ATTRIBUTE(...)
enum ipc_type {
#include "ipc/messages.def"
    IPC_TYPES
};
#undef IPC_MESSAGE
#undef IPC_ATTRIBUTE
#define IPC_MESSAGE(...)
#define IPC_ATTRIBUTE(id, ...) IPC_ATTR_##id,
enum ipc_attr {
#include "ipc/messages.def"
    IPC_ATTRS
};
#undef IPC_MESSAGE
#undef IPC_ATTRIBUTE

struct ipc_message; /* built or received; lives in an arena */

/* Start a message in arena A. */
struct ipc_message *ipc_message_new(struct arena *a, enum ipc_type type);
void ipc_put_u64(struct ipc_message *m, enum ipc_attr attr, uint64_t value);
void ipc_put_i64(struct ipc_message *m, enum ipc_attr attr, int64_t value);
void ipc_put_view(struct ipc_message *m, enum ipc_attr attr, struct view value);
void ipc_put_cstr(struct ipc_message *m, enum ipc_attr attr, const char *value);
/* (A put of an attribute that the message does not have, or of another kind, is a bug and
 * panics; a value that its attribute does not allow makes ipc_send fail.) */
/* Attach a descriptor; it stays the caller's (the kernel duplicates it when sent). */
void ipc_put_fd(struct ipc_message *m, int fd);
/* Bytes so far, to stop before IPC_MAX_BYTES when packing lists. */
size_t ipc_message_size(const struct ipc_message *m);

enum ipc_type ipc_message_type(const struct ipc_message *m);
const char *ipc_type_name(enum ipc_type type);
/* Checksum of the list of messages, for HELLO: programs of different builds must not
 * talk. */
uint64_t ipc_version(void);
/* Values of single attributes; the default when the attribute is absent (optional). */
uint64_t ipc_get_u64(const struct ipc_message *m, enum ipc_attr attr, uint64_t absent);
int64_t ipc_get_i64(const struct ipc_message *m, enum ipc_attr attr, int64_t absent);
struct view ipc_get_view(const struct ipc_message *m,
                         enum ipc_attr attr); /* empty when absent */
bool ipc_has(const struct ipc_message *m, enum ipc_attr attr);
/* Walk all attributes in order (for repeated ones, which keep their order among each
 * other): start with *POSITION = 0. */
struct ipc_value {
    enum ipc_attr attr;
    uint64_t u64; /* unsigned kinds */
    int64_t i64;  /* signed kinds */
    struct view view;
};
bool ipc_next(const struct ipc_message *m, size_t *position, struct ipc_value *out);
/* Take descriptor I over from a received message; -1 when there is none.  Those not taken
 * are closed by ipc_message_close_fds. */
int ipc_take_fd(struct ipc_message *m, unsigned i);
void ipc_message_close_fds(struct ipc_message *m);
/* One line, for traces and tests. */
void ipc_message_print(const struct ipc_message *m, struct str *out);

/* A connection. */
struct ipc;
struct ipc *ipc_open(int fd); /* owns FD */
void ipc_close(struct ipc *c);
int ipc_fd(const struct ipc *c);
/* Peer's credentials (SO_PEERCRED). */
bool ipc_peer(const struct ipc *c, pid_t *pid, uid_t *uid, gid_t *gid);
/* Send; false with *E when the peer is gone ("closed"), the deadline passed ("timed out")
 * or M does not fit the list.  Several fibers may send.  May suspend. */
bool ipc_send(struct ipc *c, const struct ipc_message *m, int64_t deadline,
              struct error *e) MUST_CHECK;
/* Receive the next message into arena A; NULL with *E at end (text "closed"), deadline or
 * violation. One fiber at a time.  May suspend. */
struct ipc_message *ipc_receive(struct ipc *c, struct arena *a, int64_t deadline,
                                struct error *e) MUST_CHECK;

/* Encode and decode without a connection, for tests and the fuzzer. */
struct view ipc_message_bytes(const struct ipc_message *m);
struct ipc_message *ipc_message_parse(struct arena *a, struct view bytes, unsigned nfds,
                                      struct error *e);

#endif
