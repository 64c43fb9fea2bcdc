/* journal_replay - what the journal says after a start
 *
 * All segments with a valid header are read in order of their sequence numbers, each up
 * to its first invalid record: behind that nothing was acknowledged.  A new life never
 * appends to an old segment, so what a crash left behind a torn tail is never read.
 */
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "queue/journal_private.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct replayed {
    struct list_link link; /* in order of arrival */
    char id[QUEUE_ID_MAX];
    struct journal_segment *segment;
    uint32_t offset, size;
    bool is_message, is_done;
    uint32_t *marks;
    size_t n_marks, cap_marks;
};

struct replay {
    struct journal *j;
    struct hash *by_id;
    struct list order;
    struct journal_segment *segment;
    size_t records;
};

uint32_t journal_record_checksum(uint64_t sequence, const char *record, size_t length)
{
    return queue_checksum((uint32_t)sequence, (struct view){record + 4, length - 4});
}

static bool is_record(const struct journal_record *r)
{
    static const char zero[6];
    struct queue_id id;
    bool has_id = r->type != JOURNAL_PAD && r->type != JOURNAL_SERIAL;
    return r->type >= JOURNAL_PAD && r->type <= JOURNAL_SERIAL &&
           memcmp(r->zero, zero, sizeof zero) == 0 && r->tied <= 1 &&
           memchr(r->id, '\0', sizeof r->id) != NULL &&
           (!has_id || queue_id_parse(view_of(r->id), &id));
}

size_t journal_scan(struct view bytes, uint64_t sequence, journal_record_fn *fn,
                    void *arg)
{
    size_t at = JOURNAL_PAGE;
    while (at <= bytes.n && bytes.n - at >= sizeof(struct journal_record)) {
        struct journal_record r;
        memcpy(&r, bytes.p + at, sizeof r);
        size_t length = le32toh(r.length);
        size_t size = journal_record_size(length);
        if (length > bytes.n || size > bytes.n - at || !is_record(&r) ||
            le32toh(r.checksum) != journal_record_checksum(sequence, bytes.p + at, size))
            break;
        fn(&r, (struct view){bytes.p + at + sizeof r, length}, (uint32_t)(at + sizeof r),
           arg);
        at += size;
    }
    return at;
}

static struct replayed *entry_for(struct replay *re, struct view id)
{
    struct replayed *x = hash_get(re->by_id, id);
    if (x == NULL) {
        x = NEW(struct replayed);
        memcpy(x->id, id.p, id.n);
        hash_put(re->by_id, id, x);
        list_append(&re->order, &x->link);
    }
    return x;
}

static void entry_free(struct replayed *x)
{
    list_remove(&x->link);
    memory_free(x->marks);
    memory_free(x);
}

static void add_marks(struct replayed *x, struct view payload)
{
    size_t n = payload.n / sizeof(uint32_t);
    if (x->cap_marks - x->n_marks < n) {
        x->cap_marks = 2 * x->cap_marks + n;
        x->marks = memory_resize(x->marks, x->cap_marks * sizeof *x->marks);
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t mark;
        memcpy(&mark, payload.p + i * sizeof mark, sizeof mark);
        x->marks[x->n_marks++] = le32toh(mark);
    }
}

/* A finished message is forgotten; one whose image is elsewhere stays as "done". */
static void finish_entry(struct replay *re, struct view id)
{
    struct replayed *x = hash_get(re->by_id, id);
    if (x == NULL || !x->is_message) {
        entry_for(re, id)->is_done = true;
        return;
    }
    hash_remove(re->by_id, id);
    entry_free(x);
}

static void replay_record(const struct journal_record *r, struct view payload,
                          uint32_t offset, void *arg)
{
    struct replay *re = arg;
    struct view id = view_of(r->id);
    uint64_t ceiling;
    re->records++;
    switch (r->type) {
    case JOURNAL_MESSAGE: {
        struct replayed *x = entry_for(re, id);
        x->is_message = true;
        x->is_done = false;
        x->segment = re->segment;
        x->offset = offset;
        x->size = (uint32_t)payload.n;
        break;
    }
    case JOURNAL_MARKS: {
        struct replayed *x = entry_for(re, id);
        if (x->segment == NULL)
            x->segment = re->segment;
        add_marks(x, payload);
        break;
    }
    case JOURNAL_DONE:
        finish_entry(re, id);
        break;
    case JOURNAL_MOVED: {
        struct replayed *x = hash_remove(re->by_id, id);
        if (x)
            entry_free(x);
        break;
    }
    case JOURNAL_SERIAL:
        if (payload.n != sizeof ceiling)
            break;
        memcpy(&ceiling, payload.p, sizeof ceiling);
        if (le64toh(ceiling) > re->j->serial_ceiling)
            re->j->serial_ceiling = le64toh(ceiling);
        break;
    default:
        break;
    }
}

/* Read the records of segment S.  A file that cannot be read ends the start: guessing
 * would lose mail. */
static bool replay_segment(struct replay *re, struct journal_segment *s, struct error *e)
{
    struct stat st;
    if (fstat(s->fd, &st) < 0 || st.st_size < (off_t)JOURNAL_PAGE) {
        error_set_errno(e, "4.3.0", "read journal segment %u", s->number);
        return false;
    }
    size_t size = (size_t)st.st_size;
    char *p = mmap(NULL, size, PROT_READ, MAP_SHARED, s->fd, 0);
    if (p == MAP_FAILED) {
        error_set_errno(e, "4.3.0", "map journal segment %u", s->number);
        return false;
    }
    madvise(p, size, MADV_SEQUENTIAL);
    re->segment = s;
    s->end =
        (uint32_t)journal_scan((struct view){p, size}, s->sequence, replay_record, re);
    munmap(p, size);
    return true;
}

/* Put S among the used ones by its sequence number, or among the free ones. */
static void sort_in(struct journal *j, struct journal_segment *s, bool is_used)
{
    if (!is_used) {
        list_append(&j->free, &s->link);
        j->n_free++;
        return;
    }
    j->n_used++;
    LIST_FOR_EACH (struct journal_segment, other, &j->used, link) {
        if (other->sequence > s->sequence) {
            list_insert_before(&other->link, &s->link);
            return;
        }
    }
    list_append(&j->used, &s->link);
}

static bool open_segment(struct journal *j, unsigned number, struct error *e)
{
    char path[QUEUE_PATH_MAX], raw[sizeof(struct journal_header)];
    struct journal_header h;
    struct stat st;
    journal_segment_path(number, path);
    int fd = openat(j->setup.dir->fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0) {
        error_set_errno(e, "4.3.0", "open %s", path);
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool is_used = queue_read_full(fd, raw, sizeof raw, 0) &&
                   journal_header_parse(raw, sizeof raw, &h);
    if (!is_used && (uint64_t)st.st_size != j->segment_size) {
        unlinkat(j->setup.dir->fd, path, 0); /* half made, or of another size */
        close(fd);
        return true;
    }
    struct journal_segment *s = NEW(struct journal_segment);
    list_init(&s->holds);
    s->number = number;
    s->fd = fd;
    if (is_used) {
        s->sequence = h.sequence;
        if (h.sequence >= j->next_sequence)
            j->next_sequence = h.sequence + 1;
        if (h.serial_ceiling > j->serial_ceiling)
            j->serial_ceiling = h.serial_ceiling;
    }
    sort_in(j, s, is_used);
    return true;
}

static bool open_segments(struct journal *j, struct error *e)
{
    static const struct view prefix = VIEW("journal.");
    int fd = openat(j->setup.dir->fd, "incoming", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        error_set_errno(e, "4.3.0", "read queue directory incoming");
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool good = true;
    struct dirent *de;
    while (good && (de = readdir(dir)) != NULL) {
        struct view name = view_of(de->d_name);
        uint64_t number;
        if (!view_starts(name, prefix) ||
            !number_parse_u64(view_from(name, prefix.n), 1, UINT32_MAX / 2, &number))
            continue;
        if (number >= j->next_number)
            j->next_number = (unsigned)number + 1;
        good = open_segment(j, (unsigned)number, e);
    }
    closedir(dir);
    return good;
}

static void tell_found(struct replay *re)
{
    LIST_FOR_EACH_SAFE (struct replayed, x, &re->order, link) {
        struct journal_found f = {view_of(x->id), x->is_message, x->is_done, x->marks,
                                  x->n_marks,     x->segment,    x->offset,  x->size};
        if (re->j->setup.found)
            re->j->setup.found(&f, re->j->setup.arg);
        entry_free(x);
    }
}

/* A segment of another size than wanted is not used again. */
static void drop_odd_sizes(struct journal *j)
{
    LIST_FOR_EACH_SAFE (struct journal_segment, s, &j->used, link) {
        struct stat st;
        if (!list_is_empty(&s->holds) || fstat(s->fd, &st) < 0 ||
            (uint64_t)st.st_size == j->segment_size)
            return;
        char path[QUEUE_PATH_MAX];
        journal_segment_path(s->number, path);
        unlinkat(j->setup.dir->fd, path, 0);
        j->n_used--;
        journal_segment_close(s);
    }
}

bool journal_replay(struct journal *j, struct error *e)
{
    struct replay re = {.j = j};
    j->next_sequence = 1;
    j->next_number = 1;
    if (!open_segments(j, e))
        return false;
    re.by_id = hash_new();
    list_init(&re.order);
    bool good = true;
    LIST_FOR_EACH (struct journal_segment, s, &j->used, link) {
        good = replay_segment(&re, s, e);
        if (!good)
            break;
    }
    hash_free(re.by_id, NULL);
    if (good && re.records > 0)
        log_debug("queue journal: %zu records in %u segments", re.records, j->n_used);
    if (good) {
        tell_found(&re);
        drop_odd_sizes(j);
    } else {
        LIST_FOR_EACH_SAFE (struct replayed, x, &re.order, link)
            entry_free(x);
    }
    return good;
}
