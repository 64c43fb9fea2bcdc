/* report - what happened to the recipients of one message, on its way from qmgr to bounce
 *
 * See report.h for the layout.
 */
#include "dsn/report.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_MAGIC  VIEW("DLR1")
#define REPORT_FIELDS 8
/* The least that one recipient takes: action, notify and eight lengths. */
#define REPORT_RECIPIENT_MIN (2 + REPORT_FIELDS * 4)

const char *report_action_name(enum report_action action)
{
    static const char *const names[REPORT_ACTIONS] = {
        "failed",   "delayed",     "delivered",     "relayed",
        "expanded", "deliverable", "undeliverable",
    };
    return action < REPORT_ACTIONS ? names[action] : "failed";
}

/* The fields of R in the order in which they travel. */
static void report_fields(struct report_recipient *r, struct view *fields[REPORT_FIELDS])
{
    fields[0] = &r->address;
    fields[1] = &r->original;
    fields[2] = &r->orcpt;
    fields[3] = &r->status;
    fields[4] = &r->text;
    fields[5] = &r->diagnostic_type;
    fields[6] = &r->diagnostic;
    fields[7] = &r->remote_mta;
}

static bool put_u32(struct str *out, size_t value)
{
    char bytes[4] = {(char)(value & 0xff), (char)(value >> 8 & 0xff),
                     (char)(value >> 16 & 0xff), (char)(value >> 24 & 0xff)};
    return str_add(out, (struct view){bytes, sizeof bytes});
}

/* Take a u32 from the front of *REST; false when there are no four bytes. */
static bool take_u32(struct view *rest, uint32_t *value)
{
    if (rest->n < 4)
        return false;
    const unsigned char *b = (const unsigned char *)rest->p;
    *value = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
             (uint32_t)b[3] << 24;
    *rest = view_from(*rest, 4);
    return true;
}

bool report_write(const struct report_recipient *recipients, size_t n, struct str *out)
{
    if (n > REPORT_RECIPIENTS_MAX)
        return false;
    str_add(out, REPORT_MAGIC);
    put_u32(out, n);
    for (size_t i = 0; i < n; i++) {
        struct report_recipient r = recipients[i];
        struct view *fields[REPORT_FIELDS];
        report_fields(&r, fields);
        str_add_char(out, (char)r.action);
        str_add_char(out, (char)r.notify);
        for (size_t f = 0; f < REPORT_FIELDS; f++) {
            struct view v = view_sub(*fields[f], 0, REPORT_FIELD_MAX);
            put_u32(out, v.n);
            str_add(out, v);
        }
    }
    return !out->overflow;
}

/* Take one recipient from the front of *REST. */
static bool report_take_recipient(struct view *rest, struct report_recipient *r,
                                  struct error *e)
{
    if (rest->n < REPORT_RECIPIENT_MIN) {
        error_set(e, "4.3.0", "malformed report: it ends within a recipient");
        return false;
    }
    unsigned char action = (unsigned char)rest->p[0];
    if (action >= REPORT_ACTIONS) {
        error_set(e, "4.3.0", "malformed report: unknown action %u", action);
        return false;
    }
    r->action = (enum report_action)action;
    r->notify = (uint8_t)rest->p[1];
    *rest = view_from(*rest, 2);
    struct view *fields[REPORT_FIELDS];
    report_fields(r, fields);
    for (size_t f = 0; f < REPORT_FIELDS; f++) {
        uint32_t length;
        if (!take_u32(rest, &length) || length > REPORT_FIELD_MAX || length > rest->n) {
            error_set(e, "4.3.0", "malformed report: bad length of field %zu", f);
            return false;
        }
        *fields[f] = view_sub(*rest, 0, length);
        *rest = view_from(*rest, length);
    }
    if (view_is_empty(r->address)) {
        error_set(e, "4.3.0", "malformed report: recipient without address");
        return false;
    }
    return true;
}

bool report_parse(struct arena *a, struct view bytes,
                  struct report_recipient **recipients, size_t *n, struct error *e)
{
    uint32_t count;
    struct view rest = view_from(bytes, REPORT_MAGIC.n);
    if (!view_starts(bytes, REPORT_MAGIC) || !take_u32(&rest, &count)) {
        error_set(e, "4.3.0", "malformed report: no header");
        return false;
    }
    if (count > REPORT_RECIPIENTS_MAX || count > rest.n / REPORT_RECIPIENT_MIN) {
        error_set(e, "4.3.0", "malformed report: %u recipients in %zu bytes", count,
                  rest.n);
        return false;
    }
    struct report_recipient *items =
        arena_alloc_array(a, count ? count : 1, sizeof *items);
    for (uint32_t i = 0; i < count; i++)
        if (!report_take_recipient(&rest, &items[i], e))
            return false;
    if (!view_is_empty(rest)) {
        error_set(e, "4.3.0", "malformed report: %zu bytes behind its end", rest.n);
        return false;
    }
    *recipients = items;
    *n = count;
    return true;
}

/* Write all of V to FD. */
static bool write_all(int fd, struct view v)
{
    while (v.n > 0) {
        ssize_t done = write(fd, v.p, v.n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        v = view_from(v, (size_t)done);
    }
    return true;
}

int report_write_memory(const struct report_recipient *recipients, size_t n,
                        struct error *e)
{
    struct str bytes = STR_INIT(REPORT_BYTES_MAX);
    int fd = -1;
    if (!report_write(recipients, n, &bytes)) {
        error_set(e, "4.3.0", "a report on %zu recipients is too large", n);
        goto done;
    }
    fd = memfd_create("report", MFD_CLOEXEC);
    if (fd < 0) {
        error_set_errno(e, "4.3.0", "create a memory file for a report");
        goto done;
    }
    if (!write_all(fd, str_view(&bytes)) || lseek(fd, 0, SEEK_SET) != 0) {
        error_set_errno(e, "4.3.0", "write a report");
        close(fd);
        fd = -1;
    }
done:
    str_done(&bytes);
    return fd;
}

bool report_read(struct arena *a, int fd, struct report_recipient **recipients, size_t *n,
                 struct error *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        error_set_errno(e, "4.3.0", "look at a report");
        return false;
    }
    if (!S_ISREG(st.st_mode) || st.st_size < 0 || st.st_size > (off_t)REPORT_BYTES_MAX) {
        error_set(e, "4.3.0", "malformed report: not a file, or too large");
        return false;
    }
    size_t size = (size_t)st.st_size, have = 0;
    char *bytes = arena_alloc(a, size + 1);
    while (have < size) {
        ssize_t got = pread(fd, bytes + have, size - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_set_errno(e, "4.3.0", "read a report");
            return false;
        }
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return report_parse(a, (struct view){bytes, have}, recipients, n, e);
}
