/* defer_log - why recipients of a message wait: the file defer/ID */
#include "queue/defer_log.h"
#include "base/number.h"
#include "base/str.h"
#include "queue/queue_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"recipient", offsetof(struct defer_reason, recipient)},
    {"status", offsetof(struct defer_reason, status)},
    {"reason", offsetof(struct defer_reason, text)},
    {"diag_type", offsetof(struct defer_reason, diagnostic_type)},
    {"diag_text", offsetof(struct defer_reason, diagnostic)},
    {"mta_mname", offsetof(struct defer_reason, remote_mta)},
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

/* VALUE without line ends, which would break the frame. */
static bool put_value(struct str *out, struct view value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (!str_add_char(out, c == '\n' || c == '\0' ? ' ' : c))
            return false;
    }
    return str_add_char(out, '\n');
}

bool defer_log_format(const struct defer_reason *reasons, size_t n, struct str *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!str_addf(out, "index=%u\n", reasons[i].index))
            return false;
        for (size_t f = 0; f < N_FIELDS; f++) {
            struct view v;
            memcpy(&v, (const char *)&reasons[i] + fields[f].offset, sizeof v);
            if (v.n > 0 && !(str_addf(out, "%s=", fields[f].name) && put_value(out, v)))
                return false;
        }
        if (!str_add_char(out, '\n'))
            return false;
    }
    return true;
}

static void set_field(struct defer_reason *r, struct view name, struct view value)
{
    for (size_t f = 0; f < N_FIELDS; f++)
        if (view_eq(name, view_of(fields[f].name)))
            memcpy((char *)r + fields[f].offset, &value, sizeof value);
}

static size_t count_blocks(struct view bytes)
{
    size_t n = 0;
    struct view line;
    while (bytes.n > 0) {
        view_cut(bytes, '\n', &line, &bytes);
        n += view_starts(line, VIEW("index="));
    }
    return n;
}

void defer_log_parse(struct view bytes, struct arena *a, struct defer_reason **out,
                     size_t *n)
{
    struct view line, name, value;
    struct defer_reason *current = NULL;
    *out = arena_alloc_array(a, count_blocks(bytes) + 1, sizeof **out);
    *n = 0;
    while (bytes.n > 0) {
        view_cut(bytes, '\n', &line, &bytes);
        if (!view_cut(line, '=', &name, &value)) {
            current = NULL;
        } else if (view_eq(name, VIEW("index"))) {
            uint64_t index;
            current = NULL;
            if (!number_parse_u64(value, 0, UINT32_MAX, &index))
                continue;
            current = &(*out)[(*n)++];
            current->index = (uint32_t)index;
        } else if (current) {
            set_field(current, name, value);
        }
    }
}

bool defer_log_write(const struct queue_dir *d, struct view id,
                     const struct defer_reason *reasons, size_t n, struct error *e)
{
    struct str text = STR_INIT(DEFER_LOG_MAX);
    bool good = false;
    (void)defer_log_format(reasons, n, &text); /* over the limit: the first ones */
    int fd = queue_dir_open_file(d, QUEUE_NAME_DEFER, id, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0 || !queue_write_full(fd, text.p, text.n, 0))
        error_set_errno(e, "4.3.0", "write defer/%.*s", VIEW_FMT(id));
    else
        good = true;
    if (fd >= 0)
        close(fd);
    str_done(&text);
    return good;
}

bool defer_log_read(const struct queue_dir *d, struct view id, struct arena *a,
                    struct defer_reason **out, size_t *n, struct error *e)
{
    struct stat st;
    *n = 0;
    *out = NULL;
    int fd = queue_dir_open_file(d, QUEUE_NAME_DEFER, id, O_RDONLY);
    if (fd < 0 && errno == ENOENT)
        return true;
    bool good = fd >= 0 && fstat(fd, &st) == 0;
    if (good) {
        size_t size =
            st.st_size > (off_t)DEFER_LOG_MAX ? DEFER_LOG_MAX : (size_t)st.st_size;
        char *p = arena_alloc(a, size + 1);
        good = queue_read_full(fd, p, size, 0);
        if (good)
            defer_log_parse((struct view){p, size}, a, out, n);
    }
    if (!good)
        error_set_errno(e, "4.3.0", "read defer/%.*s", VIEW_FMT(id));
    if (fd >= 0)
        close(fd);
    return good;
}

const struct defer_reason *defer_log_find(const struct defer_reason *reasons, size_t n,
                                          uint32_t index)
{
    size_t low = 0, high = n; /* they are in order of their numbers */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reasons[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && reasons[low].index == index ? &reasons[low] : NULL;
}
