/* commits - new messages on their way to disk
 *
 * A commit's memory file is sealed, read once into the running batch of the journal and
 * checked there like a stranger's.  Nobody is answered before the batch is on disk. Large
 * messages become queue files at once.
 */
#include "base/log.h"
#include "base/memory.h"
#include "run/thread.h"
#include "submitter.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* A message in a batch that is not yet on disk. */
struct commit {
    struct list_link link;
    struct submitter *from;
    uint64_t tag, ticket;
    struct message *m;
    bool replaces; /* recipient `index` of `origin` */
    uint32_t index;
    struct queue_id origin;
};

/* What a COMMIT message says. */
struct offer {
    struct list_link link; /* in file_commits */
    struct submitter *from;
    uint64_t tag, content_size, envelope_size, total;
    struct queue_id id, origin;
    bool has_origin, is_memory;
    bool replaces; /* recipient `index` of `origin`; else a report about it */
    uint32_t index;
    int fd;
};

/* The offer's message is in the running batch (or, with IS_FILE, on disk): what it says
 * about its origin goes with it.  The batch in which a replaced recipient is marked, 0
 * without one. */
static uint64_t settle_origin(struct qmgr *q, const struct offer *o, bool is_file)
{
    if (o->replaces)
        return result_replacing(q, queue_id_view(&o->origin), o->index, is_file);
    if (o->has_origin)
        report_committed(q, queue_id_view(&o->origin));
    return 0;
}

static void register_commit(struct qmgr *q, const struct offer *o, struct message *m,
                            uint64_t ticket)
{
    struct commit *c = NEW(struct commit);
    *c = (struct commit){.from = o->from,
                         .tag = o->tag,
                         .ticket = ticket,
                         .m = m,
                         .replaces = o->replaces,
                         .index = o->index,
                         .origin = o->origin};
    o->from->users++;
    list_append(&q->commits, &c->link);
}

bool submitters_are_replacing(const struct qmgr *q, struct view id)
{
    LIST_FOR_EACH (struct commit, c, &q->commits, link)
        if (c->replaces && view_eq(queue_id_view(&c->origin), id))
            return true;
    LIST_FOR_EACH (struct offer, o, &q->file_commits, link)
        if (o->replaces && view_eq(queue_id_view(&o->origin), id))
            return true;
    return false;
}

/* M is durable: into the queue where it belongs. */
static void admit(struct qmgr *q, struct message *m)
{
    q->count.committed++;
    if (m->wants_delete) {
        finish_remove(q, m, true);
        return;
    }
    active_enqueue(q, m, true);
}

void submitters_flushed(struct qmgr *q, uint64_t ticket, bool good, const struct error *e)
{
    LIST_FOR_EACH_SAFE (struct commit, c, &q->commits, link) {
        if (c->ticket > ticket)
            break;
        list_remove(&c->link);
        if (good) {
            if (c->replaces)
                result_replaced(q, queue_id_view(&c->origin), c->index, c->m->id);
            submitter_answer_committed(c->from, c->tag);
            admit(q, c->m);
        } else {
            submitter_answer_refused(c->from, c->tag, e);
            message_free(q, c->m);
        }
        submitter_release(c->from);
        memory_free(c);
    }
    if (good)
        active_poke(q);
}

/* Does the envelope name the recipient that the offer is to replace, or none? */
static bool is_same_origin(const struct offer *o, const struct envelope *env)
{
    struct queue_id id;
    uint32_t index;
    if (!o->replaces || env->replaces.n == 0)
        return !o->replaces && env->replaces.n == 0;
    return envelope_replaces(env, &id, &index) && index == o->index &&
           view_eq(queue_id_view(&id), queue_id_view(&o->origin));
}

/* Sizes, content and origin agree with what was announced. */
static bool accept_image(const struct offer *o, const struct queue_message *image,
                         struct error *e)
{
    if (!is_same_origin(o, &image->envelope)) {
        error_set(e, "5.6.0", "origin of the message is not what was announced");
        return false;
    }
    if (image->content_size == o->content_size &&
        image->envelope_bytes.n == o->envelope_size)
        return true;
    error_set(e, "5.6.0", "sizes of the message are not those announced");
    return false;
}

/* Put the offer into the running batch.  May suspend (a full batch). */
static bool commit_to_journal(struct qmgr *q, struct offer *o, struct error *e)
{
    struct view id = queue_id_view(&o->id);
    char *p;
    while ((p = journal_message_begin(q->journal, id, (size_t)o->total)) == NULL)
        journal_wait_room(q->journal);
    struct arena *a = arena_new();
    struct queue_message image;
    bool good = message_find(q, id) == NULL;
    if (!good)
        error_set(e, "5.6.0", "queue ID is in use");
    if (good && !queue_read_full(o->fd, p, (size_t)o->total, 0)) {
        error_set_errno(e, "4.3.0", "read the message");
        good = false;
    }
    good = good &&
           queue_image_parse(a, (struct view){p, (size_t)o->total}, true, &image, e) &&
           accept_image(o, &image, e);
    if (!good) {
        journal_message_drop(q->journal);
        arena_free(a);
        return false;
    }
    struct message *m = message_new(q, id);
    m->state = MESSAGE_COMMITTING;
    uint64_t ticket = journal_message_keep(q->journal, &m->hold);
    work_new(q, m, a, &image, o->fd, true);
    o->fd = -1;
    (void)settle_origin(q, o, false);
    register_commit(q, o, m, ticket);
    return true;
}

/* --- large messages --- */

struct file_job {
    const struct queue_dir *dir;
    struct offer *o;
    struct arena *arena;
    struct queue_message image;
    struct error error;
    bool good;
};

/* Flush and name the submitter's own file. */
static bool link_spilled(struct file_job *job)
{
    const struct offer *o = job->o;
    struct view id = queue_id_view(&o->id);
    if (ftruncate(o->fd, (off_t)o->total) == 0 && fsync(o->fd) == 0 &&
        queue_dir_link(job->dir, o->fd, QUEUE_NAME_INCOMING, id) &&
        queue_dir_sync(job->dir, QUEUE_NAME_INCOMING, id))
        return true;
    error_set_errno(&job->error, errno == ENOSPC || errno == EDQUOT ? "4.3.1" : "4.3.0",
                    "flush queue file");
    return false;
}

static void file_work(void *arg)
{
    struct file_job *job = arg;
    struct offer *o = job->o;
    uint32_t checksum;
    job->good =
        queue_file_read(job->arena, o->fd, 0, o->total, &job->image, &job->error) == OK &&
        accept_image(o, &job->image, &job->error) &&
        queue_file_checksum(o->fd, 0, o->content_size, &checksum, &job->error);
    if (job->good && checksum != job->image.content_checksum) {
        error_set(&job->error, "5.6.0", "content checksum does not match");
        job->good = false;
    }
    if (!job->good)
        return;
    job->good = o->is_memory ? queue_file_store(job->dir, QUEUE_NAME_INCOMING,
                                                queue_id_view(&o->id), o->fd, 0,
                                                &job->image, clock_wall(), &job->error)
                             : link_spilled(job);
}

/* The file of M is durable; what it says about its origin has to be, before anybody may
 * move it.  A crash in between: loader.c.  May suspend. */
static void settle_file_origin(struct qmgr *q, const struct offer *o, struct message *m)
{
    uint64_t batch = settle_origin(q, o, true);
    if (batch == 0)
        return;
    journal_wait(q->journal, batch);
    result_replaced(q, queue_id_view(&o->origin), o->index, m->id);
}

/* The fiber of one large message. */
static void commit_to_file(void *arg)
{
    struct offer *o = arg;
    struct submitter *s = o->from;
    struct qmgr *q = s->q;
    struct view id = queue_id_view(&o->id);
    struct file_job job = {.dir = &q->dir, .o = o, .arena = arena_new()};
    struct message *m = NULL;
    job.good = message_find(q, id) == NULL;
    if (job.good) {
        m = message_new(q, id);
        m->state = MESSAGE_COMMITTING;
        m->where = QUEUE_NAME_INCOMING;
        thread_run(file_work, &job);
    } else {
        error_set(&job.error, "5.6.0", "queue ID is in use");
    }
    if (m != NULL && job.good) {
        m->has_file = true;
        work_new(q, m, job.arena, &job.image, -1, false);
        settle_file_origin(q, o, m);
        submitter_answer_committed(s, o->tag);
        admit(q, m);
        active_poke(q);
    } else {
        submitter_answer_refused(s, o->tag, &job.error);
        arena_free(job.arena);
        if (m)
            message_free(q, m);
    }
    list_remove(&o->link);
    close(o->fd);
    memory_free(o);
    submitter_release(s);
}

/* --- taking a commit --- */

static bool is_own_spill(struct submitter *s, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 0)
        return false;
    for (unsigned i = 0; i < s->n_spills; i++)
        if (s->spills[i] == st.st_ino) {
            s->spills[i] = s->spills[--s->n_spills];
            return true;
        }
    return false;
}

/* Make the descriptor's bytes unchangeable, or know it as a file of ours. */
static bool seal(struct submitter *s, struct offer *o, struct error *e)
{
    if (fcntl(o->fd, F_ADD_SEALS, ALL_SEALS) == 0) {
        o->is_memory = true;
        return true;
    }
    if (errno == EINVAL && is_own_spill(s, o->fd))
        return true;
    error_set(e, "4.3.0", "the message's file cannot be sealed");
    return false;
}

static bool accept_offer(struct qmgr *q, struct offer *o, const struct ipc_message *m,
                         struct error *e)
{
    o->content_size = ipc_get_u64(m, IPC_ATTR_CONTENT_SIZE, 0);
    o->envelope_size = ipc_get_u64(m, IPC_ATTR_ENVELOPE_SIZE, 0);
    struct view origin = ipc_get_view(m, IPC_ATTR_ORIGIN);
    o->has_origin = origin.n > 0;
    o->replaces = ipc_has(m, IPC_ATTR_INDEX);
    o->index = (uint32_t)ipc_get_u64(m, IPC_ATTR_INDEX, 0);
    if (o->replaces && (!o->has_origin || !o->from->may_replace)) {
        error_set(e, "5.7.0", "not permitted");
        return false;
    }
    if (!queue_id_parse(ipc_get_view(m, IPC_ATTR_QUEUE_ID), &o->id) ||
        (o->has_origin && !queue_id_parse(origin, &o->origin)) ||
        o->content_size > INT64_MAX / 4 || o->envelope_size > ENVELOPE_MAX_BYTES) {
        error_set(e, "5.6.0", "malformed commit");
        return false;
    }
    o->total = o->content_size + o->envelope_size + QUEUE_FOOTER_SIZE;
    if (q->is_stopping) {
        error_set(e, "4.3.2", "mail system is stopping");
        return false;
    }
    /* What comes in the place of mail that is here already is no new mail. */
    if (q->set.minfree > 0 && !o->has_origin &&
        q->free_bytes < q->set.minfree + o->total) {
        error_set(e, "4.3.1", "insufficient system storage");
        return false;
    }
    return true;
}

void commit_take(struct submitter *s, struct ipc_message *m)
{
    struct qmgr *q = s->q;
    struct error *e = &s->error;
    submitters_update_space(q);
    struct offer o = {.from = s, .tag = ipc_get_u64(m, IPC_ATTR_TAG, 0), .fd = -1};
    o.fd = ipc_take_fd(m, 0);
    if (!accept_offer(q, &o, m, e) || !seal(s, &o, e)) {
        submitter_answer_refused(s, o.tag, e);
    } else if (o.is_memory && o.content_size <= q->set.file_threshold &&
               o.total <= journal_message_max(q->journal)) {
        if (!commit_to_journal(q, &o, e))
            submitter_answer_refused(s, o.tag, e);
    } else {
        struct offer *kept = NEW(struct offer);
        *kept = o;
        o.fd = -1;
        s->users++;
        list_append(&q->file_commits, &kept->link);
        fiber_spawn("large message", commit_to_file, kept);
    }
    if (o.fd >= 0)
        close(o.fd);
}
