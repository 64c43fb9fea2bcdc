/* queue_file - read and write the file that holds one message */
#include "queue/queue_file.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define COPY_CHUNK (256u * 1024)

bool queue_read_full(int fd, void *p, size_t n, uint64_t offset)
{
    char *at = p;
    while (n > 0) {
        ssize_t got = pread(fd, at, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EPIPE : errno;
            return false;
        }
        at += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

bool queue_write_full(int fd, const void *p, size_t n, uint64_t offset)
{
    const char *at = p;
    while (n > 0) {
        ssize_t put = pwrite(fd, at, n, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            errno = put == 0 ? ENOSPC : errno;
            return false;
        }
        at += put;
        n -= (size_t)put;
        offset += (uint64_t)put;
    }
    return true;
}

/* Footer and envelope agree: parse BYTES and hold them against F. */
static bool accept_envelope(struct arena *a, struct view bytes,
                            const struct queue_footer *f, struct queue_message *out,
                            struct error *e)
{
    if (!envelope_parse(a, bytes, &out->envelope, e))
        return false;
    out->content_size = f->content_size;
    out->content_checksum = f->content_checksum;
    out->envelope_bytes = bytes;
    if (envelope_checksum(&out->envelope, bytes, f->content_size) != f->checksum) {
        error_set(e, "5.6.0", "envelope checksum does not match");
        return false;
    }
    return true;
}

/* Do the sizes in F fill SIZE bytes exactly? */
static bool accept_sizes(const struct queue_footer *f, uint64_t size, struct error *e)
{
    if (f->content_size + f->envelope_size + QUEUE_FOOTER_SIZE == size)
        return true;
    error_set(e, "5.6.0", "sizes in the footer do not match the file");
    return false;
}

bool queue_image_parse(struct arena *a, struct view image, bool check_content,
                       struct queue_message *out, struct error *e)
{
    struct queue_footer f;
    if (image.n < QUEUE_FOOTER_SIZE) {
        error_set(e, "5.6.0", "too short for a message");
        return false;
    }
    if (!queue_footer_parse(image.p + image.n - QUEUE_FOOTER_SIZE, &f, e) ||
        !accept_sizes(&f, image.n, e))
        return false;
    if (check_content &&
        queue_checksum(0, view_sub(image, 0, f.content_size)) != f.content_checksum) {
        error_set(e, "5.6.0", "content checksum does not match");
        return false;
    }
    struct view bytes = arena_dup(a, view_sub(image, f.content_size, f.envelope_size));
    return accept_envelope(a, bytes, &f, out, e);
}

enum result queue_file_read(struct arena *a, int fd, uint64_t offset, uint64_t size,
                            struct queue_message *out, struct error *e)
{
    char raw[QUEUE_FOOTER_SIZE];
    struct queue_footer f;
    if (size < sizeof raw) {
        error_set(e, "5.6.0", "too short for a message");
        return PERMFAIL;
    }
    if (!queue_read_full(fd, raw, sizeof raw, offset + size - sizeof raw)) {
        error_set_errno(e, "4.3.0", "read footer");
        return TEMPFAIL;
    }
    if (!queue_footer_parse(raw, &f, e) || !accept_sizes(&f, size, e))
        return PERMFAIL;
    char *p = arena_alloc(a, f.envelope_size + 1);
    if (!queue_read_full(fd, p, f.envelope_size, offset + f.content_size)) {
        error_set_errno(e, "4.3.0", "read envelope");
        return TEMPFAIL;
    }
    return accept_envelope(a, (struct view){p, f.envelope_size}, &f, out, e) ? OK
                                                                             : PERMFAIL;
}

bool queue_file_checksum(int fd, uint64_t offset, uint64_t size, uint32_t *out,
                         struct error *e)
{
    char *buffer = memory_alloc(COPY_CHUNK);
    uint32_t c = 0;
    while (size > 0) {
        size_t n = size < COPY_CHUNK ? (size_t)size : COPY_CHUNK;
        if (!queue_read_full(fd, buffer, n, offset)) {
            error_set_errno(e, "4.3.0", "read content");
            memory_free(buffer);
            return false;
        }
        c = queue_checksum(c, (struct view){buffer, n});
        offset += n;
        size -= n;
    }
    memory_free(buffer);
    *out = c;
    return true;
}

void queue_file_mark(const struct envelope *env, char *bytes, size_t n)
{
    assert(env->marks_offset + ENVELOPE_N_MARKS <= n);
    for (size_t i = 0; i < ENVELOPE_N_MARKS; i++)
        bytes[env->marks_offset + i] =
            env->flags & envelope_marks[i] ? RECIPIENT_DONE : RECIPIENT_PENDING;
    for (size_t i = 0; i < env->n_recipients; i++) {
        assert(env->recipients[i].offset < n);
        bytes[env->recipients[i].offset] = (char)env->recipients[i].status;
    }
}

bool queue_file_tail(const struct queue_message *m, struct str *out)
{
    char footer[QUEUE_FOOTER_SIZE];
    struct queue_footer f = {
        .content_size = m->content_size,
        .envelope_size = m->envelope_bytes.n,
        .checksum = envelope_checksum(&m->envelope, m->envelope_bytes, m->content_size),
        .content_checksum = m->content_checksum,
    };
    queue_footer_write(&f, footer);
    return str_add(out, m->envelope_bytes) &&
           str_add(out, (struct view){footer, sizeof footer});
}

/* Copy N bytes from SOURCE at OFFSET to the start of FD. */
static bool copy_content(int fd, int source, uint64_t offset, uint64_t n)
{
    size_t size = n < COPY_CHUNK ? (size_t)n : COPY_CHUNK;
    char *buffer = memory_alloc(size + 1);
    bool good = true;
    for (uint64_t at = 0; good && at < n;) {
        size_t part = n - at < size ? (size_t)(n - at) : size;
        good = queue_read_full(source, buffer, part, offset + at) &&
               queue_write_full(fd, buffer, part, at);
        at += part;
    }
    int saved = errno;
    memory_free(buffer);
    errno = saved;
    return good;
}

bool queue_file_write(int fd, int source, uint64_t offset, const struct queue_message *m,
                      struct error *e)
{
    struct str tail = STR_INIT(ENVELOPE_MAX_BYTES + QUEUE_FOOTER_SIZE);
    uint64_t size = m->content_size + m->envelope_bytes.n + QUEUE_FOOTER_SIZE;
    bool good = queue_file_tail(m, &tail) &&
                copy_content(fd, source, offset, m->content_size) &&
                queue_write_full(fd, tail.p, tail.n, m->content_size) &&
                ftruncate(fd, (off_t)size) == 0;
    if (!good)
        error_set_errno(e, errno == ENOSPC ? "4.3.1" : "4.3.0", "write queue file");
    str_done(&tail);
    return good;
}

bool queue_file_update(int fd, const struct queue_message *m, struct error *e)
{
    if (queue_write_full(fd, m->envelope_bytes.p, m->envelope_bytes.n, m->content_size))
        return true;
    error_set_errno(e, "4.3.0", "mark recipients in the queue file");
    return false;
}

void queue_marks_apply(struct envelope *env, const uint32_t *marks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (marks[i] < env->n_recipients)
            env->recipients[marks[i]].status =
                recipient_done(env->recipients[marks[i]].status);
        else if (UINT32_MAX - marks[i] < ENVELOPE_N_MARKS)
            env->flags |= envelope_marks[UINT32_MAX - marks[i]];
    }
}

bool queue_file_store(const struct queue_dir *d, enum queue_name q, struct view id,
                      int source, uint64_t offset, struct queue_message *m, int64_t time,
                      struct error *e)
{
    queue_file_mark(&m->envelope, (char *)(uintptr_t)m->envelope_bytes.p,
                    m->envelope_bytes.n);
    int fd = queue_dir_open_file(d, q, id, O_RDWR | O_CREAT);
    if (fd < 0) {
        error_set_errno(e, errno == ENOSPC ? "4.3.1" : "4.3.0", "create queue file %.*s",
                        VIEW_FMT(id));
        return false;
    }
    bool good = queue_file_write(fd, source, offset, m, e);
    if (good && !(queue_dir_set_time(d, q, id, time) && fsync(fd) == 0 &&
                  queue_dir_sync(d, q, id))) {
        error_set_errno(e, "4.3.0", "flush queue file %.*s", VIEW_FMT(id));
        good = false;
    }
    close(fd);
    if (!good)
        (void)queue_dir_unlink(d, q, id);
    return good;
}

int queue_file_copy(int source, uint64_t offset, uint64_t size, const uint32_t *marks,
                    size_t n_marks, struct error *e)
{
    struct arena *a = arena_new();
    struct queue_message m;
    int fd = -1;
    if (queue_file_read(a, source, offset, size, &m, e) == OK) {
        queue_marks_apply(&m.envelope, marks, n_marks);
        queue_file_mark(&m.envelope, (char *)(uintptr_t)m.envelope_bytes.p,
                        m.envelope_bytes.n);
        fd = memfd_create("queue-file", MFD_CLOEXEC);
        if (fd < 0) {
            error_set_errno(e, "4.3.0", "make a memory file");
        } else if (!queue_file_write(fd, source, offset, &m, e)) {
            close(fd);
            fd = -1;
        }
    }
    arena_free(a);
    return fd;
}
