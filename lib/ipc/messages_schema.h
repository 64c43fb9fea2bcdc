/* messages_schema - the tables that messages.def expands to
 *
 * Private to lib/ipc.
 */
#ifndef IPC_MESSAGES_SCHEMA_H
#define IPC_MESSAGES_SCHEMA_H

#include "ipc/ipc.h"

enum ipc_kind {
    IPC_KIND_U64,
    IPC_KIND_I64,
    IPC_KIND_BOOL,
    IPC_KIND_BYTES,
    IPC_KIND_SECRET,
    IPC_KIND_TEXT
};

struct ipc_attr_schema {
    const char *name;
    enum ipc_kind kind;
    uint64_t max; /* largest value or length; 0 for any value */
};

enum ipc_use_kind { IPC_USE_NONE, IPC_USE_REQUIRED, IPC_USE_OPTIONAL, IPC_USE_REPEATED };

struct ipc_message_schema {
    const char *name;
    unsigned fds_min, fds_max;
    uint8_t use[IPC_ATTRS]; /* enum ipc_use_kind by attribute */
};

extern const struct ipc_attr_schema ipc_attr_schemas[IPC_ATTRS];
extern const struct ipc_message_schema ipc_message_schemas[IPC_TYPES];

#endif
