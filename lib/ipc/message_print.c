/* message_print - a message as one readable line, for traces and tests
 *
 *     COMMIT tag=7 queue_id="351BD800081" content_size=4096 (1 descriptor)
 *
 * Long values are cut, secrets are not shown.
 */
#include "ipc/message_private.h"

#define SHOWN_BYTES 200

static void print_bytes(struct view v, struct str *out)
{
    str_add_char(out, '"');
    for (size_t i = 0; i < v.n && i < SHOWN_BYTES; i++) {
        char c = v.p[i];
        if (c == '"' || c == '\\')
            str_addf(out, "\\%c", c);
        else if (ascii_is_print(c))
            str_add_char(out, c);
        else
            str_addf(out, "\\x%02x", (unsigned)(unsigned char)c);
    }
    str_add_char(out, '"');
    if (v.n > SHOWN_BYTES)
        str_addf(out, "...(%zu bytes)", v.n);
}

static void print_value(const struct ipc_value *v, struct str *out)
{
    str_addf(out, " %s=", ipc_attr_schemas[v->attr].name);
    switch (ipc_attr_schemas[v->attr].kind) {
    case IPC_KIND_U64:
    case IPC_KIND_BOOL:
        str_addf(out, "%llu", (unsigned long long)v->u64);
        break;
    case IPC_KIND_I64:
        str_addf(out, "%lld", (long long)v->i64);
        break;
    case IPC_KIND_BYTES:
    case IPC_KIND_TEXT:
        print_bytes(v->view, out);
        break;
    case IPC_KIND_SECRET:
        str_add_cstr(out, "***");
        break;
    }
}

void ipc_message_print(const struct ipc_message *m, struct str *out)
{
    struct ipc_value v;
    size_t position = 0;

    str_add_cstr(out, ipc_type_name(m->type));
    while (ipc_next(m, &position, &v))
        print_value(&v, out);
    if (m->nfds > 0)
        str_addf(out, " (%u descriptor%s)", m->nfds, m->nfds == 1 ? "" : "s");
}
