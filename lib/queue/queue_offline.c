/* queue_offline - queue_admin's work while no qmgr runs */
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "queue/journal.h"
#include "queue/queue_list.h"
#include "queue/queue_offline_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- opening --- */

static void found(const struct journal_found *f, void *arg)
{
    struct queue_offline *o = arg;
    if (f->is_done) { /* its file was to go */
        for (int q = 0; q < QUEUE_NAMES; q++)
            (void)queue_dir_unlink(&o->dir, (enum queue_name)q, f->id);
        return;
    }
    struct journaled *m = NEW(struct journaled);
    memcpy(m->id.text, f->id.p, f->id.n);
    m->n_marks = f->n_marks;
    m->marks = memory_alloc_array(f->n_marks + 1, sizeof *m->marks);
    if (f->n_marks > 0)
        memcpy(m->marks, f->marks, f->n_marks * sizeof *m->marks);
    if (f->segment)
        journal_hold_found(f, &m->hold);
    if (f->is_message)
        list_append(&o->live, &m->link);
    else
        hash_put(o->file_marks, f->id, m);
}

static void flushed(uint64_t ticket, bool good, const struct error *e, void *arg)
{
    (void)ticket, (void)good, (void)e, (void)arg;
}

/* The super-user acts as the owner of the queue, so that what is written stays the
 * owner's. */
bool queue_offline_become_owner(struct queue_offline *o, const struct conf *c,
                                struct error *e)
{
    struct view directory = conf_queue_directory(c);
    struct stat st;
    if (geteuid() != 0)
        return true;
    struct arena *a = arena_new();
    const char *path = arena_printf(a, "%.*s/incoming", VIEW_FMT(directory)).p;
    bool good = stat(path, &st) == 0;
    if (good && st.st_uid != 0) {
        o->was_root = true;
        good = setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0;
    }
    if (!good)
        error_set_errno(e, "4.3.0", "become the owner of %s", path);
    arena_free(a);
    return good;
}

void queue_offline_become_root(const struct queue_offline *o)
{
    if (o->was_root && (seteuid(0) < 0 || setegid(getgid()) < 0))
        log_fatal("cannot become the super-user again");
}

bool queue_offline_open(struct queue_offline *o, const struct conf *c, struct error *e)
{
    *o = (struct queue_offline){.lock = -1, .dir = {.fd = -1}};
    list_init(&o->live);
    o->file_marks = hash_new();
    if (!queue_offline_become_owner(o, c, e))
        return false;
    if (!queue_dir_open(&o->dir, c, e))
        return false;
    o->lock = queue_dir_lock(&o->dir, e);
    if (o->lock < 0)
        return false;
    struct journal_setup setup = {
        .dir = &o->dir,
        .segment_size = (uint64_t)conf_int(c, P_queue_journal_segment_size),
        .soft_segments = UINT16_MAX,
        .hard_segments = UINT16_MAX,
        .found = found,
        .flushed = flushed,
        .arg = o,
    };
    o->journal = journal_open(&setup, e);
    return o->journal != NULL;
}

static void journaled_free(void *p)
{
    struct journaled *m = p;
    list_remove(&m->link);
    list_remove(&m->hold.link);
    memory_free(m->marks);
    memory_free(m);
}

void queue_offline_close(struct queue_offline *o)
{
    if (o->journal)
        journal_close(o->journal);
    LIST_FOR_EACH_SAFE (struct journaled, m, &o->live, link)
        journaled_free(m);
    hash_free(o->file_marks, journaled_free);
    if (o->lock >= 0)
        close(o->lock);
    queue_dir_close(&o->dir);
    queue_offline_become_root(o);
}

/* --- one message --- */

/* What a request does, whatever holds the message. */
struct change {
    uint32_t mark; /* to set; 0 none */
    bool is_delete, is_due;
    bool moves; /* to TO */
    enum queue_name to;
};

static struct change change_of(enum queue_request request, enum queue_name from)
{
    switch (request) {
    case QUEUE_DELETE:
        return (struct change){.is_delete = true};
    case QUEUE_HOLD:
        return (struct change){.moves = true, .to = QUEUE_NAME_HOLD};
    case QUEUE_RELEASE:
        return (struct change){.moves = true, .to = QUEUE_NAME_DEFERRED, .is_due = true};
    case QUEUE_REQUEUE:
        return (struct change){.mark = JOURNAL_MARK_REQUEUE,
                               .moves = from == QUEUE_NAME_HOLD,
                               .to = QUEUE_NAME_DEFERRED,
                               .is_due = true};
    case QUEUE_EXPIRE:
        return (struct change){.mark = JOURNAL_MARK_FORCED_EXPIRE};
    case QUEUE_EXPIRE_ALL:
        return (struct change){.mark = JOURNAL_MARK_FORCED_EXPIRE,
                               .moves = from == QUEUE_NAME_HOLD,
                               .to = QUEUE_NAME_DEFERRED,
                               .is_due = true};
    case QUEUE_FLUSH:
    case QUEUE_FLUSH_ID:
    case QUEUE_FLUSH_SITE:
    case QUEUE_REQUESTS:
        break;
    }
    return (struct change){.is_due = true};
}

static bool set_mark(const struct queue_dir *d, enum queue_name q, struct view id,
                     uint32_t mark)
{
    struct arena *a = arena_new();
    struct queue_message m;
    struct stat st;
    int fd = queue_dir_open_file(d, q, id, O_RDWR);
    bool good = fd >= 0 && fstat(fd, &st) == 0 &&
                queue_file_read(a, fd, 0, (uint64_t)st.st_size, &m, NULL) == OK;
    if (good) {
        char byte = RECIPIENT_DONE;
        good = queue_write_full(
            fd, &byte, 1, m.content_size + m.envelope.marks_offset + (UINT32_MAX - mark));
    }
    if (fd >= 0)
        close(fd);
    arena_free(a);
    return good;
}

static bool change_file(struct queue_offline *o, enum queue_name q, struct view id,
                        const struct change *c)
{
    if (c->is_delete) {
        (void)queue_dir_unlink(&o->dir, QUEUE_NAME_DEFER, id);
        if (!queue_dir_unlink(&o->dir, q, id))
            return false;
        journal_done(o->journal, id);
        return true;
    }
    if (c->mark && !set_mark(&o->dir, q, id, c->mark))
        return false;
    if (c->moves && !queue_dir_rename(&o->dir, id, q, c->to))
        return false;
    return !c->is_due ||
           queue_dir_set_time(&o->dir, c->moves ? c->to : q, id, clock_wall());
}

static bool change_journaled(struct queue_offline *o, struct journaled *m,
                             const struct change *c)
{
    struct view id = queue_id_view(&m->id);
    if (c->is_delete) {
        journal_done(o->journal, id);
        (void)queue_dir_unlink(&o->dir, QUEUE_NAME_DEFER, id);
        return true;
    }
    if (c->mark)
        journal_mark(o->journal, id, &c->mark, 1);
    if (!c->moves)
        return true;
    struct arena *a = arena_new();
    struct queue_message image;
    struct error e = ERROR_INIT;
    int fd = journal_hold_fd(&m->hold);
    bool good = queue_file_read(a, fd, m->hold.offset, m->hold.size, &image, &e) == OK;
    if (good) {
        queue_marks_apply(&image.envelope, m->marks, m->n_marks);
        good = queue_file_store(&o->dir, c->to, id, fd, m->hold.offset, &image,
                                clock_wall(), &e);
    }
    if (good)
        journal_wait(o->journal, journal_moved(o->journal, id));
    else
        log_warning("%s: %s", m->id.text, error_cstr(&e));
    arena_free(a);
    return good;
}

/* --- control --- */

struct control {
    struct queue_offline *o;
    enum queue_request request;
    const struct queue_selection *selection;
    uint64_t count;
    struct list chosen; /* of struct choice, so that a walk does not meet what it moved */
};

struct choice {
    struct list_link link;
    enum queue_name q;
    struct queue_id id;
};

static bool file_has_site(const struct queue_dir *d, enum queue_name q, struct view id,
                          struct view site)
{
    struct arena *a = arena_new();
    struct queue_message m;
    struct stat st;
    int fd = queue_dir_open_file(d, q, id, O_RDONLY);
    bool has = fd >= 0 && fstat(fd, &st) == 0 &&
               queue_file_read(a, fd, 0, (uint64_t)st.st_size, &m, NULL) == OK &&
               envelope_has_site(&m.envelope, site);
    if (fd >= 0)
        close(fd);
    arena_free(a);
    return has;
}

static bool is_selected(const struct control *c, struct view id)
{
    struct view wanted = c->selection->id;
    return wanted.n == 0 || view_eq(wanted, VIEW("ALL")) || view_eq(wanted, id);
}

struct walk {
    struct control *c;
    enum queue_name q;
};

static bool choose(const struct queue_dir_entry *entry, void *arg)
{
    struct walk *w = arg;
    struct control *c = w->c;
    if (entry->misplaced || !is_selected(c, entry->id) ||
        (c->request == QUEUE_FLUSH_SITE &&
         !file_has_site(&c->o->dir, w->q, entry->id, c->selection->site)))
        return true;
    struct choice *x = NEW(struct choice);
    x->q = w->q;
    memcpy(x->id.text, entry->id.p, entry->id.n);
    list_append(&c->chosen, &x->link);
    return true;
}

static void control_files(struct control *c)
{
    for (int i = 0; i < QUEUE_NAME_MESSAGES; i++) {
        struct walk w = {c, (enum queue_name)i};
        if (queue_request_applies(c->request, c->selection->queue_name, w.q))
            (void)queue_dir_walk(&c->o->dir, w.q, choose, &w, NULL);
    }
    LIST_FOR_EACH_SAFE (struct choice, x, &c->chosen, link) {
        struct change change = change_of(c->request, x->q);
        if (change_file(c->o, x->q, queue_id_view(&x->id), &change)) {
            queue_request_log(c->request, x->q, x->id.text);
            c->count++;
        }
        list_remove(&x->link);
        memory_free(x);
    }
}

static void control_journal(struct control *c)
{
    enum queue_name q = QUEUE_NAME_INCOMING;
    if (!queue_request_applies(c->request, c->selection->queue_name, q))
        return;
    struct change change = change_of(c->request, q);
    LIST_FOR_EACH (struct journaled, m, &c->o->live, link)
        if (is_selected(c, queue_id_view(&m->id)))
            c->count += change_journaled(c->o, m, &change);
}

enum result queue_offline_control(const struct conf *conf, enum queue_request request,
                                  const struct queue_selection *selection,
                                  uint64_t *count, struct error *e)
{
    struct queue_offline o;
    struct control c = {.o = &o, .request = request, .selection = selection};
    list_init(&c.chosen);
    bool good = queue_offline_open(&o, conf, e);
    if (good) {
        control_files(&c);
        control_journal(&c);
    }
    queue_offline_close(&o);
    *count = c.count;
    return good ? OK : TEMPFAIL;
}

/* --- list and read --- */

struct list_walk {
    struct queue_list *list;
    enum queue_name q;
};

static bool list_entry(const struct queue_dir_entry *entry, void *arg)
{
    struct list_walk *w = arg;
    if (!entry->misplaced)
        queue_list_file(w->list, queue_name_text(w->q), w->q, entry->id);
    return true;
}

static bool write_list(struct queue_offline *o, int *fd, uint64_t *count, struct error *e)
{
    struct queue_list list;
    if (!queue_list_open(&list, &o->dir, e))
        return false;
    LIST_FOR_EACH (struct journaled, m, &o->live, link)
        queue_list_image(&list, "incoming", queue_id_view(&m->id),
                         journal_hold_fd(&m->hold), m->hold.offset, m->hold.size,
                         m->marks, m->n_marks);
    for (int i = 0; i < QUEUE_NAME_MESSAGES; i++) {
        struct list_walk w = {&list, (enum queue_name)i};
        (void)queue_dir_walk(&o->dir, w.q, list_entry, &w, NULL);
    }
    *count = list.count;
    *fd = queue_list_take(&list, e);
    return *fd >= 0;
}

enum result queue_offline_list(const struct conf *c, int *fd, uint64_t *count,
                               struct error *e)
{
    struct queue_offline o;
    bool good = queue_offline_open(&o, c, e) && write_list(&o, fd, count, e);
    queue_offline_close(&o);
    return good ? OK : TEMPFAIL;
}

static int find_message(struct queue_offline *o, struct view id, char queue_name[16],
                        struct error *e)
{
    LIST_FOR_EACH (struct journaled, m, &o->live, link) {
        if (view_eq(queue_id_view(&m->id), id)) {
            snprintf(queue_name, 16, "incoming");
            return queue_file_copy(journal_hold_fd(&m->hold), m->hold.offset,
                                   m->hold.size, m->marks, m->n_marks, e);
        }
    }
    for (int q = 0; q <= QUEUE_NAME_CORRUPT; q++) {
        int fd = queue_dir_open_file(&o->dir, (enum queue_name)q, id, O_RDONLY);
        if (fd >= 0) {
            snprintf(queue_name, 16, "%s", queue_name_text((enum queue_name)q));
            return fd;
        }
    }
    error_set(e, "5.0.0", "no such message in the queue: %.*s", VIEW_FMT(id));
    return -1;
}

enum result queue_offline_read(const struct conf *c, struct view id, int *fd,
                               char queue_name[16], struct error *e)
{
    struct queue_offline o;
    bool is_open = queue_offline_open(&o, c, e);
    *fd = is_open ? find_message(&o, id, queue_name, e) : -1;
    queue_offline_close(&o);
    if (*fd >= 0)
        return OK;
    return is_open ? PERMFAIL : TEMPFAIL;
}
