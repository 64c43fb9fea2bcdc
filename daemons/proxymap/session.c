/* session - TABLE_GET and TABLE_PUT in, TABLE_IS or ERROR out
 *
 * One question at a time a connection; a slow server keeps only those waiting who ask it.
 * A client that says what is not in the list of messages is cut off.
 */
#include "proxymap.h"

#include "base/log.h"
#include "base/memory.h"
#include "ipc/ipc.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* A longer value goes into a memory file. */
enum { VALUE_MAX = 16384 };
/* What a client may ask of a table. */
enum { FLAGS_ALLOWED = TABLE_FOLD | TABLE_NO_REGEXP_SUBST };

/* The table of question M; NULL when it is not approved. */
static struct table *find_table(struct proxymap *p, const struct ipc_message *m,
                                struct arena *a)
{
    struct view spec = ipc_get_view(m, IPC_ATTR_TABLE);
    unsigned flags = (unsigned)ipc_get_u64(m, IPC_ATTR_FLAGS, 0) & FLAGS_ALLOWED;
    struct view key = arena_printf(a, "%u %.*s", flags, VIEW_FMT(spec));

    if (hash_get(p->approved, spec) == NULL) {
        log_warning("request for unapproved table: \"%.*s\"", VIEW_FMT(spec));
        log_warning("to approve this table for %s access, list proxy:%.*s in main.cf:%s",
                    p->writes ? "read-write" : "read-only", VIEW_FMT(spec), p->parameter);
        return NULL;
    }
    struct table *t = hash_get(p->open, key);
    if (t == NULL) {
        t = table_open(p->conf, spec, flags);
        struct table *other = hash_put(p->open, key, t);
        table_close(other); /* somebody else opened it meanwhile */
    }
    return t;
}

/* A read-only descriptor with VALUE; -1 with *E. */
static int make_memory(struct view value, struct error *e)
{
    int fd = memfd_create("value", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, value.p, value.n) == (ssize_t)value.n)
        return fd;
    error_set_errno(e, "4.3.0", "memory file");
    if (fd >= 0)
        close(fd);
    return -1;
}

static struct ipc_message *refusal(struct arena *a, const struct error *e)
{
    struct ipc_message *m = ipc_message_new(a, IPC_ERROR);

    ipc_put_cstr(m, IPC_ATTR_STATUS, e->status[0] ? e->status : "4.3.0");
    ipc_put_cstr(m, IPC_ATTR_TEXT, e->text);
    return m;
}

/* Put VALUE into the answer M; *MEMORY stays open until M was sent. */
static bool put_value(struct ipc_message *m, struct view value, int *memory,
                      struct error *e)
{
    if (value.n <= VALUE_MAX) {
        ipc_put_view(m, IPC_ATTR_VALUE, value);
        return true;
    }
    *memory = make_memory(value, e);
    if (*memory >= 0)
        ipc_put_fd(m, *memory);
    return *memory >= 0;
}

/* The answer to question M.  May suspend. */
static struct ipc_message *answer(struct proxymap *p, const struct ipc_message *m,
                                  struct arena *a, int *memory)
{
    struct error e = ERROR_INIT;
    struct table *t = find_table(p, m, a);
    struct ipc_message *reply = ipc_message_new(a, IPC_TABLE_IS);
    struct view key = ipc_get_view(m, IPC_ATTR_KEY), value = VIEW_NONE;
    enum table_result result = TABLE_NOT_FOUND;

    if (t == NULL) {
        ipc_put_u64(reply, IPC_ATTR_DENIED, 1);
    } else if (proxymap_is_file(p, table_spec(t))) {
        result = ipc_message_type(m) == IPC_TABLE_GET
                     ? proxymap_file_get(p, table_spec(t), key, a, &value, &e)
                     : proxymap_file_put(p, table_spec(t), key,
                                         ipc_get_view(m, IPC_ATTR_VALUE), &e);
    } else if (ipc_message_type(m) == IPC_TABLE_GET) {
        result = table_get(t, key, a, &value, &e);
    } else {
        struct view new_value = ipc_get_view(m, IPC_ATTR_VALUE);
        bool ok = ipc_has(m, IPC_ATTR_VALUE) ? table_put(t, key, new_value, &e)
                                             : table_delete(t, key, &e);
        result = ok ? TABLE_FOUND : TABLE_ERROR;
    }
    if (result == TABLE_FOUND && !put_value(reply, value, memory, &e))
        result = TABLE_ERROR;
    ipc_put_u64(reply, IPC_ATTR_FOUND, result == TABLE_FOUND);
    return result == TABLE_ERROR ? refusal(a, &e) : reply;
}

static bool is_same_build(const struct ipc_message *m)
{
    if (ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version())
        return true;
    log_warning("%.*s is of another build; restart the whole mail system",
                VIEW_FMT(ipc_get_view(m, IPC_ATTR_NAME)));
    return false;
}

/* May this be asked of us?  Only proxywrite writes. */
static bool is_question(const struct proxymap *p, const struct ipc_message *m)
{
    switch ((int)ipc_message_type(m)) {
    case IPC_TABLE_GET:
        return true;
    case IPC_TABLE_PUT:
        return p->writes;
    default:
        return false;
    }
}

/* One message; false at the end. */
static bool take_message(struct proxymap *p, struct ipc *ipc, struct arena *a,
                         int64_t timeout)
{
    struct error e = ERROR_INIT;
    struct ipc_message *m = ipc_receive(ipc, a, CLOCK_NEVER, &e);
    int memory = -1;
    bool go_on = false;

    if (m == NULL) {
        if (strcmp(e.text, "closed") != 0)
            log_warning("client: %s", error_cstr(&e));
        return false;
    }
    if (ipc_message_type(m) == IPC_HELLO)
        go_on = is_same_build(m);
    else if (is_question(p, m))
        go_on = ipc_send(ipc, answer(p, m, a, &memory), clock_in(timeout), &e);
    else
        log_warning("unexpected message %s", ipc_type_name(ipc_message_type(m)));
    ipc_message_close_fds(m);
    if (memory >= 0)
        close(memory);
    return go_on;
}

void proxymap_session(struct proxymap *p, int fd, int64_t timeout)
{
    struct ipc *ipc = ipc_open(fd);
    struct arena *a = arena_new();

    while (take_message(p, ipc, a, timeout))
        arena_reset(a);
    arena_free(a);
    ipc_close(ipc);
}
