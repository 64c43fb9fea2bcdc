/* queue_list - the queue as lines of JSON, in the form of "postqueue -j" */
#include "queue/queue_list.h"
#include "base/clock.h"
#include "format/address.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_FLUSH (256u << 10)
#define LINE_MAX     (256u << 20) /* a message with the most recipients */

bool queue_list_open(struct queue_list *l, const struct queue_dir *d, struct error *e)
{
    *l = (struct queue_list){.dir = d};
    l->fd = memfd_create("queue-list", MFD_CLOEXEC);
    if (l->fd < 0) {
        error_set_errno(e, "4.3.0", "make a memory file");
        return false;
    }
    l->arena = arena_new();
    str_init(&l->buffer, LINE_MAX);
    return true;
}

static void flush_lines(struct queue_list *l)
{
    l->failed |= l->buffer.overflow ||
                 !queue_write_full(l->fd, l->buffer.p, l->buffer.n, l->written);
    l->written += l->buffer.n;
    str_clear(&l->buffer);
}

bool queue_json_string(struct view v, struct str *out)
{
    static const char letters[] = "\b\f\n\r\t", names[] = "bfnrt";
    bool is_utf8 = view_is_utf8(v);
    str_add_char(out, '"');
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        const char *at = c ? strchr(letters, c) : NULL;
        if (c == '"' || c == '\\')
            str_addf(out, "\\%c", c);
        else if (at)
            str_addf(out, "\\%c", names[at - letters]);
        else if (c < 0x20 || c == 0x7f)
            str_addf(out, "\\u%04X", c);
        else
            str_add_char(out, c > 0x7f && !is_utf8 ? '?' : (char)c);
    }
    return str_add_char(out, '"');
}

static void add_address(struct queue_list *l, struct view address)
{
    struct str quoted = STR_INIT(ADDRESS_QUOTED_MAX + 4 * ENVELOPE_ADDRESS_MAX);
    if (address.n == 0)
        str_add(&quoted, VIEW("MAILER-DAEMON"));
    else
        (void)address_quote_822(address, &quoted);
    queue_json_string(str_view(&quoted), &l->buffer);
    str_done(&quoted);
}

void queue_list_add(struct queue_list *l, const char *shown_as, struct view id,
                    uint64_t content_size, const struct envelope *env,
                    const struct defer_reason *reasons, size_t n_reasons)
{
    struct str *out = &l->buffer;
    const char *comma = "";
    str_addf(out, "{\"queue_name\": \"%s\", \"queue_id\": \"%.*s\", ", shown_as,
             VIEW_FMT(id));
    str_addf(out, "\"arrival_time\": %" PRId64 ", \"message_size\": %" PRIu64 ", ",
             env->arrival / CLOCK_SECOND, content_size);
    str_addf(out, "\"forced_expire\": %s, \"sender\": ",
             env->flags & MESSAGE_FORCED_EXPIRE ? "true" : "false");
    add_address(l, env->sender);
    str_add(out, VIEW(", \"recipients\": ["));
    for (size_t i = 0; i < env->n_recipients; i++) {
        if (env->recipients[i].status != RECIPIENT_PENDING)
            continue;
        const struct defer_reason *r = defer_log_find(reasons, n_reasons, (uint32_t)i);
        str_addf(out, "%s{\"address\": ", comma);
        add_address(l, env->recipients[i].address);
        if (r && r->text.n > 0) {
            str_add(out, VIEW(", \"delay_reason\": "));
            queue_json_string(r->text, out);
        }
        str_add_char(out, '}');
        comma = ", ";
    }
    str_add(out, VIEW("]}\n"));
    l->count++;
    if (out->n >= BUFFER_FLUSH)
        flush_lines(l);
}

void queue_list_image(struct queue_list *l, const char *shown_as, struct view id, int fd,
                      uint64_t offset, uint64_t size, const uint32_t *marks,
                      size_t n_marks)
{
    struct queue_message m;
    struct defer_reason *reasons;
    size_t n;
    if (queue_file_read(l->arena, fd, offset, size, &m, NULL) == OK) {
        queue_marks_apply(&m.envelope, marks, n_marks);
        if (!defer_log_read(l->dir, id, l->arena, &reasons, &n, NULL))
            n = 0;
        queue_list_add(l, shown_as, id, m.content_size, &m.envelope, reasons, n);
    }
    arena_reset(l->arena);
}

void queue_list_file_marked(struct queue_list *l, const char *shown_as,
                            enum queue_name where, struct view id, const uint32_t *marks,
                            size_t n_marks)
{
    struct stat st;
    int fd = queue_dir_open_file(l->dir, where, id, O_RDONLY);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0)
        queue_list_image(l, shown_as, id, fd, 0, (uint64_t)st.st_size, marks, n_marks);
    close(fd);
}

void queue_list_file(struct queue_list *l, const char *shown_as, enum queue_name where,
                     struct view id)
{
    queue_list_file_marked(l, shown_as, where, id, NULL, 0);
}

int queue_list_take(struct queue_list *l, struct error *e)
{
    flush_lines(l);
    str_done(&l->buffer);
    arena_free(l->arena);
    if (!l->failed && lseek(l->fd, 0, SEEK_SET) == 0)
        return l->fd;
    error_set(e, "4.3.0", "write the queue listing");
    close(l->fd);
    return -1;
}
