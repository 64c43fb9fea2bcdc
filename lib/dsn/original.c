/* original - the reported message, or its header, copied into a notification */
#include "dsn/dsn.h"

#include "format/header.h"

#include <errno.h>
#include <unistd.h>

/* Longest line that is copied in one piece. */
#define LINE_PIECE 2048
#define READ_PIECE 8192

/* Lines out of a file. */
struct line_reader {
    int fd;
    uint64_t offset, size;
    struct str buffer;
    size_t taken;
};

/* The next line of the original; false at its end, or with *E set after an error. */
static bool read_line(struct line_reader *r, struct view *line, struct error *e)
{
    for (;;) {
        struct view rest = view_from(str_view(&r->buffer), r->taken);
        size_t end = view_find(rest, '\n');
        if (end != VIEW_NPOS || (r->offset == r->size && rest.n > 0) ||
            rest.n >= LINE_PIECE) {
            size_t n = end != VIEW_NPOS ? end : rest.n < LINE_PIECE ? rest.n : LINE_PIECE;
            *line = view_sub(rest, 0, n);
            r->taken += n + (end != VIEW_NPOS);
            return true;
        }
        if (r->offset == r->size)
            return false;
        str_consume(&r->buffer, r->taken);
        r->taken = 0;
        size_t want =
            r->size - r->offset < READ_PIECE ? (size_t)(r->size - r->offset) : READ_PIECE;
        char *place = str_reserve(&r->buffer, want);
        ssize_t got = place ? pread(r->fd, place, want, (off_t)r->offset) : -1;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error_set_errno(e, "4.3.0", "read the message to be returned");
            r->offset = r->size;
            return false;
        }
        r->buffer.n += (size_t)got;
        r->offset += (uint64_t)got;
    }
}

bool dsn_copy_original(const struct dsn_original *o, bool headers_only,
                       dsn_line_fn *write_line, void *arg, struct error *e)
{
    struct line_reader r = {
        .fd = o->content_fd, .size = o->content_size, .buffer = STR_INIT(4 * READ_PIECE)};
    struct error failure = ERROR_INIT;
    struct view line;
    bool in_header = true, first = true;
    while (read_line(&r, &line, &failure)) {
        bool goes_on = !first && line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
        in_header = in_header && (goes_on || header_name_length(line) > 0);
        if (headers_only && !in_header)
            break;
        first = false;
        write_line(arg, line);
    }
    str_done(&r.buffer);
    if (!error_is_set(&failure))
        return true;
    write_line(arg, VIEW(""));
    write_line(arg, VIEW("\t--- The message could not be read to its end ---"));
    if (e)
        *e = failure;
    return false;
}
