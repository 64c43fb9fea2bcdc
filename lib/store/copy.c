/* copy - a message's content on its way into a mailbox or a command */
#include "store/copy.h"

#include "base/memory.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <unistd.h>

ptrdiff_t copy_source_read(const struct copy_source *s, uint64_t offset, char *buf,
                           size_t n)
{
    if (offset >= s->size)
        return 0;
    if (n > s->size - offset)
        n = (size_t)(s->size - offset);
    if (s->memory.p) {
        struct view part = view_sub(s->memory, (size_t)offset, n);
        if (part.n > 0)
            memcpy(buf, part.p, part.n);
        return (ptrdiff_t)part.n;
    }
    for (;;) {
        ssize_t got = pread(s->fd, buf, n, (off_t)offset);
        if (got > 0)
            return got;
        if (got == 0) {
            errno = EIO; /* shorter than the queue manager said */
            return -1;
        }
        if (errno != EINTR)
            return -1;
    }
}

bool copy_write_all(int fd, struct view v)
{
    while (v.n > 0) {
        ssize_t n = write(fd, v.p, v.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        v = view_from(v, (size_t)n);
    }
    return true;
}

/* Through a buffer, from OFFSET on: for descriptors that sendfile does not take. */
static bool send_by_hand(const struct copy_source *s, uint64_t offset, int fd)
{
    char *buf = memory_alloc(COPY_PIECE);
    bool ok = true;

    while (ok && offset < s->size) {
        ptrdiff_t n = copy_source_read(s, offset, buf, COPY_PIECE);
        ok = n >= 0 && copy_write_all(fd, (struct view){buf, (size_t)n});
        offset += n > 0 ? (uint64_t)n : 0;
    }
    int err = errno;
    memory_free(buf);
    errno = err;
    return ok;
}

bool copy_source_send(const struct copy_source *s, int fd)
{
    off_t offset = 0;

    if (s->memory.p)
        return copy_write_all(fd, s->memory);
    while ((uint64_t)offset < s->size) {
        uint64_t left = s->size - (uint64_t)offset;
        ssize_t n =
            sendfile(fd, s->fd, &offset, left > (1u << 30) ? 1u << 30 : (size_t)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EINVAL || errno == ENOSYS))
            return send_by_hand(s, (uint64_t)offset, fd);
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return false;
    }
    return true;
}

void copy_filter_init(struct copy_filter *f, struct view line_end)
{
    *f = (struct copy_filter){.line_end = line_end};
}

/* Is there still doubt whether the N bytes at P start a line "From "? */
static bool may_become_from(const char *p, size_t n)
{
    return n < 5 && memcmp(p, "From ", n) == 0;
}

/* Put what the start P of a line asks for in front of it. */
static bool add_prefix(struct copy_filter *f, struct view line, struct str *out)
{
    if (f->quote_from && view_starts(line, VIEW("From ")))
        return str_add_char(out, '>');
    if (f->stuff_dots && view_starts(line, VIEW(".")))
        return str_add_char(out, '.');
    return true;
}

/* The start of a line is being collected: take bytes of *IN until it is known what it is.
 */
static bool take_start(struct copy_filter *f, struct view *in, struct str *out)
{
    while (in->n > 0 && may_become_from(f->held, f->n_held)) {
        if (*in->p == '\n')
            break;
        f->held[f->n_held++] = *in->p;
        *in = view_from(*in, 1);
    }
    if (in->n == 0 && may_become_from(f->held, f->n_held))
        return true;
    struct view start = {f->held, f->n_held};
    f->n_held = 0;
    f->in_line = true;
    return add_prefix(f, start, out) && str_add(out, start);
}

bool copy_filter_add(struct copy_filter *f, struct view in, struct str *out)
{
    bool plain_ends = view_eq(f->line_end, VIEW("\n"));

    if (!f->quote_from && !f->stuff_dots && plain_ends) {
        if (in.n > 0)
            f->in_line = in.p[in.n - 1] != '\n';
        return str_add(out, in);
    }
    while (in.n > 0) {
        if (!f->in_line) {
            if (!take_start(f, &in, out))
                return false;
            continue;
        }
        size_t end = view_find(in, '\n');
        if (!str_add(out, view_sub(in, 0, end)))
            return false;
        if (end == VIEW_NPOS)
            return true;
        if (!str_add(out, f->line_end))
            return false;
        f->in_line = false;
        in = view_from(in, end + 1);
    }
    return true;
}

bool copy_filter_end(struct copy_filter *f, struct str *out)
{
    struct view start = {f->held, f->n_held};

    if (f->n_held > 0 && (!add_prefix(f, start, out) || !str_add(out, start)))
        return false;
    if ((f->n_held > 0 || f->in_line) && !str_add(out, f->line_end))
        return false;
    f->n_held = 0;
    f->in_line = false;
    return !f->blank_end || str_add(out, f->line_end);
}
