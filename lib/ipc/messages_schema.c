/* messages_schema - the checking tables of all messages, made from messages.def */
#include "ipc/messages_schema.h"

#define IPC_MESSAGE(...)
#define IPC_ATTRIBUTE(id, kind, max, name) [IPC_ATTR_##id] = {name, IPC_KIND_##kind, max},
const struct ipc_attr_schema ipc_attr_schemas[IPC_ATTRS] = {
#include "ipc/messages.def"
};
#undef IPC_MESSAGE
#undef IPC_ATTRIBUTE

#define REQUIRED(attr) [IPC_ATTR_##attr] = IPC_USE_REQUIRED
#define OPTIONAL(attr) [IPC_ATTR_##attr] = IPC_USE_OPTIONAL
#define REPEATED(attr) [IPC_ATTR_##attr] = IPC_USE_REPEATED
#define IPC_ATTRIBUTE(...)
#define IPC_MESSAGE(id, fds_min, fds_max, ...)                                           \
    [IPC_##id] = {#id, fds_min, fds_max, {__VA_ARGS__}},
const struct ipc_message_schema ipc_message_schemas[IPC_TYPES] = {
#include "ipc/messages.def"
};
#undef IPC_MESSAGE
#undef IPC_ATTRIBUTE

_Static_assert(IPC_ATTRS <= 256, "an attribute travels as one byte");
_Static_assert(IPC_TYPES <= 65536, "a type travels as two bytes");
