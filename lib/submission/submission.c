/* submission - write and parse the records behind the content */
#include "submission/submission.h"

#include "queue/queue_file.h"

#include <endian.h>
#include <errno.h>

enum record {
    RECORD_SENDER = 'S',
    RECORD_FULL_NAME = 'F',
    RECORD_ENVID = 'E',
    RECORD_VERP = 'V', /* the two delimiters */
    RECORD_FLAGS = 'f',
    RECORD_RET = 'r',
    RECORD_RECIPIENT = 'R', /* starts a recipient */
    RECORD_ORCPT = 'O',
    RECORD_NOTIFY = 'N'
};

enum { RECORD_HEAD = 5, TEXT_MAX = 1024 };

/* --- write --- */

static bool has_line_end(struct view v)
{
    return view_has(v, '\n') || view_has(v, '\r') || view_has(v, '\0');
}

static bool add_record(struct str *out, enum record type, struct view value)
{
    uint32_t length = htole32((uint32_t)value.n);
    char head[RECORD_HEAD] = {(char)type};

    memcpy(head + 1, &length, sizeof length);
    return str_add(out, (struct view){head, RECORD_HEAD}) && str_add(out, value);
}

static bool add_text(struct str *out, enum record type, struct view value, size_t longest)
{
    if (value.n > longest || has_line_end(value))
        return false;
    return add_record(out, type, value);
}

static bool add_number(struct str *out, enum record type, uint32_t value)
{
    uint32_t bytes = htole32(value);

    return add_record(out, type, (struct view){(const char *)&bytes, sizeof bytes});
}

static bool add_recipient(struct str *out, const struct recipient *r)
{
    if (r->address.n == 0 ||
        !add_text(out, RECORD_RECIPIENT, r->address, ENVELOPE_ADDRESS_MAX))
        return false;
    if (r->orcpt.n > 0 && !add_text(out, RECORD_ORCPT, r->orcpt, ENVELOPE_ADDRESS_MAX))
        return false;
    return r->notify == 0 || add_number(out, RECORD_NOTIFY, r->notify);
}

bool submission_write(const struct submission *s, uint64_t content_size,
                      uint32_t content_checksum, struct str *out)
{
    struct str records = STR_INIT(SUBMISSION_RECORDS_MAX);
    char footer[QUEUE_FOOTER_SIZE];
    bool ok = s->n_recipients > 0 &&
              add_text(&records, RECORD_SENDER, s->sender, ENVELOPE_ADDRESS_MAX) &&
              add_text(&records, RECORD_FULL_NAME, s->full_name, TEXT_MAX) &&
              add_text(&records, RECORD_ENVID, s->envid, TEXT_MAX) &&
              add_text(&records, RECORD_VERP, s->verp_delimiters, TEXT_MAX) &&
              add_number(&records, RECORD_FLAGS, s->flags) &&
              add_number(&records, RECORD_RET, s->ret);

    for (size_t i = 0; ok && i < s->n_recipients; i++)
        ok = add_recipient(&records, &s->recipients[i]);
    if (ok) {
        queue_footer_write(
            &(struct queue_footer){.content_size = content_size,
                                   .envelope_size = records.n,
                                   .checksum = queue_checksum(0, str_view(&records)),
                                   .content_checksum = content_checksum},
            footer);
        ok = str_add(out, str_view(&records)) &&
             str_add(out, (struct view){footer, QUEUE_FOOTER_SIZE});
    }
    str_done(&records);
    return ok;
}

/* --- parse --- */

static bool malformed(struct error *e, const char *what)
{
    error_set(e, "5.6.0", "malformed submission: %s", what);
    return false;
}

static bool take_record(struct view *rest, char *type, struct view *value)
{
    uint32_t length;

    if (rest->n < RECORD_HEAD)
        return false;
    *type = rest->p[0];
    memcpy(&length, rest->p + 1, sizeof length);
    length = le32toh(length);
    if (length > rest->n - RECORD_HEAD)
        return false;
    *value = view_sub(*rest, RECORD_HEAD, length);
    *rest = view_from(*rest, RECORD_HEAD + (size_t)length);
    return true;
}

static bool set_text(struct view *to, struct view value, size_t longest)
{
    *to = value;
    return value.n <= longest && !has_line_end(value);
}

static bool set_number(uint32_t *to, struct view value, uint32_t largest)
{
    if (value.n != sizeof *to)
        return false;
    memcpy(to, value.p, sizeof *to);
    *to = le32toh(*to);
    return *to <= largest;
}

/* The record belongs to the last recipient. */
static bool take_recipient_detail(struct submission *s, char type, struct view value)
{
    enum { NOTIFY_ALL = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY };
    uint32_t notify = 0;

    if (s->n_recipients == 0)
        return false;
    struct recipient *r = &s->recipients[s->n_recipients - 1];
    if (type == RECORD_ORCPT)
        return set_text(&r->orcpt, value, ENVELOPE_ADDRESS_MAX);
    if (!set_number(&notify, value, NOTIFY_ALL))
        return false;
    r->notify = (uint8_t)notify;
    return true;
}

static bool take_recipient(struct submission *s, struct view value)
{
    struct recipient *r = &s->recipients[s->n_recipients++];

    *r = (struct recipient){.original = value, .status = RECIPIENT_PENDING};
    return value.n > 0 && set_text(&r->address, value, ENVELOPE_ADDRESS_MAX);
}

static bool apply(struct submission *s, char type, struct view value)
{
    uint32_t ret = 0;

    switch (type) {
    case RECORD_SENDER:
        return set_text(&s->sender, value, ENVELOPE_ADDRESS_MAX);
    case RECORD_FULL_NAME:
        return set_text(&s->full_name, value, TEXT_MAX);
    case RECORD_ENVID:
        return set_text(&s->envid, value, TEXT_MAX);
    case RECORD_VERP:
        return set_text(&s->verp_delimiters, value, TEXT_MAX);
    case RECORD_FLAGS:
        return set_number(&s->flags, value, SUBMISSION_FLAGS);
    case RECORD_RET:
        if (!set_number(&ret, value, DSN_RET_HDRS))
            return false;
        s->ret = (enum dsn_ret)ret;
        return true;
    case RECORD_RECIPIENT:
        return take_recipient(s, value);
    case RECORD_ORCPT:
    case RECORD_NOTIFY:
        return take_recipient_detail(s, type, value);
    default:
        return false;
    }
}

/* Recipients in RECORDS, as far as they are well formed. */
static size_t count_recipients(struct view records)
{
    struct view value;
    char type;
    size_t n = 0;

    while (take_record(&records, &type, &value))
        n += type == RECORD_RECIPIENT;
    return n;
}

bool submission_parse(struct arena *a, struct view records, struct submission *out,
                      struct error *e)
{
    struct view value;
    char type;
    bool has_sender = false;
    size_t n = count_recipients(records);

    *out = (struct submission){.flags = 0};
    if (n == 0)
        return malformed(e, "no recipient");
    if (n > ENVELOPE_RECIPIENTS_MAX)
        return malformed(e, "too many recipients");
    out->recipients = arena_alloc_array(a, n, sizeof *out->recipients);
    while (records.n > 0) {
        if (!take_record(&records, &type, &value))
            return malformed(e, "cut short");
        if (!apply(out, type, value))
            return malformed(e, "bad record");
        has_sender = has_sender || type == RECORD_SENDER;
    }
    return has_sender || malformed(e, "no sender");
}

/* --- a file --- */

static enum result unreadable(struct error *e)
{
    error_set_errno(e, "4.3.0", "read submission");
    return TEMPFAIL;
}

static enum result check_checksums(int fd, const struct queue_footer *footer,
                                   struct view records, struct error *e)
{
    uint32_t sum;

    if (queue_checksum(0, records) != footer->checksum) {
        (void)malformed(e, "checksum");
        return PERMFAIL;
    }
    if (!queue_file_checksum(fd, 0, footer->content_size, &sum, e))
        return TEMPFAIL;
    if (sum != footer->content_checksum) {
        (void)malformed(e, "checksum of the content");
        return PERMFAIL;
    }
    return OK;
}

enum result submission_read(struct arena *a, int fd, uint64_t size,
                            struct submission *out, uint64_t *content_size,
                            struct error *e)
{
    struct queue_footer footer;
    char bytes[QUEUE_FOOTER_SIZE];

    if (size < QUEUE_FOOTER_SIZE)
        return malformed(e, "cut short") ? OK : PERMFAIL;
    uint64_t behind_records = size - QUEUE_FOOTER_SIZE;
    if (!queue_read_full(fd, bytes, sizeof bytes, behind_records))
        return unreadable(e);
    if (!queue_footer_parse(bytes, &footer, e))
        return PERMFAIL;
    if (footer.envelope_size > SUBMISSION_RECORDS_MAX ||
        footer.envelope_size > behind_records ||
        footer.content_size != behind_records - footer.envelope_size)
        return malformed(e, "sizes") ? OK : PERMFAIL;
    char *records = arena_alloc(a, footer.envelope_size + 1);
    if (!queue_read_full(fd, records, footer.envelope_size, footer.content_size))
        return unreadable(e);
    struct view v = {records, footer.envelope_size};
    enum result r = check_checksums(fd, &footer, v, e);
    if (r != OK)
        return r;
    *content_size = footer.content_size;
    return submission_parse(a, v, out, e) ? OK : PERMFAIL;
}
