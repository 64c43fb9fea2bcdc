/* lines - logical lines of main.cf, master.cf and table files */
#include "conf/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void lines_init(struct lines *l, struct view text)
{
    *l = (struct lines){.rest = text, .joined = STR_INIT(LINES_MAX)};
}

void lines_done(struct lines *l)
{
    str_done(&l->joined);
}

/* Take one physical line without its end. */
static struct view take_line(struct lines *l)
{
    struct view line, tail;

    view_cut(l->rest, '\n', &line, &tail);
    l->rest = tail;
    l->number++;
    return line;
}

/* An empty line or a comment? */
static bool is_idle(struct view line)
{
    for (size_t i = 0; i < line.n; i++)
        if (!ascii_is_space((unsigned char)line.p[i]))
            return line.p[i] == '#';
    return true;
}

/* Does the next physical line belong to the one before it? */
static bool is_continued(const struct lines *l)
{
    return l->rest.n > 0 &&
           (l->rest.p[0] == '#' || ascii_is_space((unsigned char)l->rest.p[0]));
}

/* Put the continuation lines that follow behind OUT's text. */
static void join(struct lines *l, struct line *out)
{
    bool joined = false;

    while (is_continued(l)) {
        struct view more = take_line(l);
        if (is_idle(more))
            continue;
        if (!joined) {
            str_set(&l->joined, out->text);
            joined = true;
        }
        str_add(&l->joined, more);
        out->last = l->number;
    }
    if (joined) {
        out->text = str_view(&l->joined);
        out->too_long = l->joined.overflow;
    }
}

bool lines_next(struct lines *l, struct line *out)
{
    while (l->rest.n > 0) {
        struct view line = take_line(l);
        if (is_idle(line))
            continue;
        *out = (struct line){.text = line, .first = l->number, .last = l->number};
        out->starts_with_space = ascii_is_space((unsigned char)line.p[0]);
        str_clear(&l->joined);
        join(l, out);
        if (out->text.n > LINES_MAX) {
            out->text.n = LINES_MAX;
            out->too_long = true;
        }
        return true;
    }
    return false;
}

bool lines_read_fd(int fd, struct str *out, struct error *e)
{
    for (;;) {
        size_t want = 64 * 1024;
        if (out->limit - out->n < want)
            want = out->limit - out->n;
        if (want == 0) {
            error_set(e, "4.3.0", "larger than %zu bytes", out->limit);
            return false;
        }
        char *to = str_reserve(out, want);
        ssize_t got = read(fd, to, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_set_errno(e, "4.3.0", "read");
            return false;
        }
        if (got == 0)
            return true;
        out->n += (size_t)got;
        to[got] = '\0';
    }
}

bool lines_read_file(const char *path, struct str *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0) {
        error_set_errno(e, "4.3.0", "open %s", path);
        return false;
    }
    ok = lines_read_fd(fd, out, e);
    if (!ok)
        error_prefix(e, "%s: ", path);
    close(fd);
    return ok;
}
