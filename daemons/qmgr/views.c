/* views - the queue as it is at one moment: QUEUE_LIST and QUEUE_READ
 *
 * A snapshot is taken in the loop; a worker reads envelopes and reasons from the disk,
 * also of what is active, with the marks that the disk does not have yet.
 */
#include "views.h"
#include "base/memory.h"
#include "run/thread.h"

#include <fcntl.h>
#include <stdio.h>

/* The queue in which M is shown. */
enum queue_name view_queue_of(const struct message *m)
{
    switch ((enum message_state)m->state) {
    case MESSAGE_ACTIVE:
        return QUEUE_NAME_ACTIVE;
    case MESSAGE_DEFERRED:
        return QUEUE_NAME_DEFERRED;
    case MESSAGE_HELD:
        return QUEUE_NAME_HOLD;
    case MESSAGE_WAITING:
        return m->has_file && m->where == QUEUE_NAME_DEFERRED ? QUEUE_NAME_DEFERRED
                                                              : QUEUE_NAME_INCOMING;
    case MESSAGE_COMMITTING:
    case MESSAGE_LEAVING:
    case MESSAGE_MISSING:
        break;
    }
    return QUEUE_NAMES; /* not to be seen */
}

/* --- all messages, as they are now --- */

/* Marks that the image on disk does not have yet. */
static void copy_marks(struct snapshot *s, struct sight *x, const struct message *m)
{
    const struct work *w = m->work;
    size_t n = w          ? w->image.envelope.n_recipients + ENVELOPE_N_MARKS
               : m->marks ? m->marks[0]
                          : 0;
    if (n == 0)
        return;
    x->marks = arena_alloc_array(s->arena, n, sizeof *x->marks);
    if (w == NULL) {
        memcpy(x->marks, m->marks + 1, n * sizeof *x->marks);
        x->n_marks = n;
        return;
    }
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++)
        if (w->image.envelope.recipients[i].status != RECIPIENT_PENDING)
            x->marks[x->n_marks++] = (uint32_t)i;
    for (uint32_t i = 0; i < ENVELOPE_N_MARKS; i++)
        if (w->image.envelope.flags & envelope_marks[i])
            x->marks[x->n_marks++] = UINT32_MAX - i;
}

static void see(struct snapshot *s, const struct message *m)
{
    enum queue_name shown = view_queue_of(m);
    if (shown == QUEUE_NAMES || (!m->has_file && m->hold.segment == NULL))
        return;
    struct sight *x = &s->items[s->n++];
    snprintf(x->id.text, sizeof x->id.text, "%s", m->id);
    x->shown = shown;
    x->where = (enum queue_name)m->where;
    x->has_file = m->has_file;
    x->fd = m->has_file ? -1 : journal_hold_fd(&m->hold);
    x->offset = m->hold.offset;
    x->size = m->hold.size;
    copy_marks(s, x, m);
}

static struct snapshot *snapshot_new(struct qmgr *q, size_t n)
{
    struct snapshot *s = NEW(struct snapshot);
    s->q = q;
    s->arena = arena_new();
    s->fd = -1;
    s->items = memory_alloc_array(n + 1, sizeof *s->items);
    return s;
}

struct snapshot *snapshot_take(struct qmgr *q)
{
    struct snapshot *s = snapshot_new(q, q->n_messages);
    for (size_t i = 0; i < q->n_buckets; i++)
        for (const struct message *m = q->buckets[i]; m; m = m->next)
            see(s, m);
    return s;
}

void snapshot_free(struct snapshot *s)
{
    arena_free(s->arena);
    memory_free(s->items);
    memory_free(s);
}

/* --- listing --- */

static int compare(const void *a, const void *b)
{
    const struct sight *x = a, *y = b;
    return x->shown != y->shown ? (int)x->shown - (int)y->shown
                                : strcmp(x->id.text, y->id.text);
}

static void list_work(void *arg)
{
    struct snapshot *s = arg;
    if (s->n > 0)
        qsort(s->items, s->n, sizeof *s->items, compare);
    if (!queue_list_open(&s->list, &s->q->dir, &s->error))
        return;
    for (size_t i = 0; i < s->n; i++) {
        const struct sight *x = &s->items[i];
        struct view id = queue_id_view(&x->id);
        if (x->has_file)
            queue_list_file_marked(&s->list, queue_name_text(x->shown), x->where, id,
                                   x->marks, x->n_marks);
        else if (journal_image_is(x->fd, x->offset, id))
            queue_list_image(&s->list, queue_name_text(x->shown), id, x->fd, x->offset,
                             x->size, x->marks, x->n_marks);
    }
    s->fd = queue_list_take(&s->list, &s->error);
}

struct ipc_message *view_refusal(struct arena *a, const char *status, const char *text)
{
    struct ipc_message *m = ipc_message_new(a, IPC_ERROR);
    ipc_put_cstr(m, IPC_ATTR_STATUS, status[0] ? status : "4.3.0");
    ipc_put_cstr(m, IPC_ATTR_TEXT, text);
    return m;
}

struct ipc_message *view_list(struct qmgr *q, struct arena *a, int *fd)
{
    struct ipc_message *m;
    struct snapshot *s = snapshot_take(q);
    thread_run(list_work, s);
    if (s->fd < 0) {
        m = view_refusal(a, s->error.status, s->error.text);
    } else {
        m = ipc_message_new(a, IPC_QUEUE_LIST_IS);
        ipc_put_u64(m, IPC_ATTR_COUNT, s->list.count);
        ipc_put_fd(m, s->fd);
        *fd = s->fd;
    }
    snapshot_free(s);
    return m;
}

/* --- reading one message --- */

static void read_work(void *arg)
{
    struct snapshot *s = arg;
    const struct sight *x = &s->items[0];
    struct view id = queue_id_view(&x->id);
    if (x->has_file)
        s->fd = queue_dir_open_file(&s->q->dir, x->where, id, O_RDONLY);
    else if (journal_image_is(x->fd, x->offset, id))
        s->fd =
            queue_file_copy(x->fd, x->offset, x->size, x->marks, x->n_marks, &s->error);
}

struct ipc_message *view_read(struct qmgr *q, struct arena *a, struct view id, int *fd)
{
    struct snapshot *s = snapshot_new(q, 1);
    struct message *m = message_find(q, id);
    struct queue_id parsed;
    enum queue_name shown = QUEUE_NAME_CORRUPT;
    if (m)
        see(s, m);
    if (s->n > 0) {
        shown = s->items[0].shown;
        thread_run(read_work, s);
    } else if (queue_id_parse(id, &parsed)) { /* damaged ones are not in memory */
        s->fd = queue_dir_open_file(&q->dir, QUEUE_NAME_CORRUPT, id, O_RDONLY);
    }
    *fd = s->fd;
    snapshot_free(s);
    if (*fd < 0)
        return view_refusal(a, "5.0.0", "no such message in the queue");
    struct ipc_message *answer = ipc_message_new(a, IPC_QUEUE_READ_IS);
    ipc_put_cstr(answer, IPC_ATTR_QUEUE_NAME, queue_name_text(shown));
    ipc_put_fd(answer, *fd);
    return answer;
}
