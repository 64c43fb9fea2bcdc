/* header - known header names, and cutting header blocks; see header.h */
#include "header.h"

/* Sorted by name without case: header_lookup() halves. */
static const struct header_type table[] = {
#define ROW(id, flags, literal)                                                          \
    {                                                                                    \
        HEADER_##id, (flags),                                                            \
        {                                                                                \
            literal, sizeof(literal) - 1                                                 \
        }                                                                                \
    }
    ROW(APPARENTLY_TO, HEADER_IS_RECIPIENT | HEADER_IS_EXTRACT, "Apparently-To"),
    ROW(BCC, HEADER_IS_RECIPIENT | HEADER_IS_EXTRACT | HEADER_IS_DROP | HEADER_IS_UNIQUE,
        "Bcc"),
    ROW(CC, HEADER_IS_RECIPIENT | HEADER_IS_EXTRACT | HEADER_IS_UNIQUE, "Cc"),
    ROW(CONTENT_DESCRIPTION, HEADER_IS_MIME, "Content-Description"),
    ROW(CONTENT_DISPOSITION, HEADER_IS_MIME, "Content-Disposition"),
    ROW(CONTENT_ID, HEADER_IS_MIME, "Content-ID"),
    ROW(CONTENT_LENGTH, HEADER_IS_DROP, "Content-Length"),
    ROW(CONTENT_TRANSFER_ENCODING, HEADER_IS_MIME, "Content-Transfer-Encoding"),
    ROW(CONTENT_TYPE, HEADER_IS_MIME, "Content-Type"),
    ROW(DATE, HEADER_IS_UNIQUE, "Date"),
    ROW(DELIVERED_TO, 0, "Delivered-To"),
    ROW(DISPOSITION_NOTIFICATION_TO, HEADER_IS_SENDER, "Disposition-Notification-To"),
    ROW(ERRORS_TO, HEADER_IS_SENDER, "Errors-To"),
    ROW(FROM, HEADER_IS_SENDER | HEADER_IS_UNIQUE, "From"),
    ROW(MAIL_FOLLOWUP_TO, HEADER_IS_SENDER, "Mail-Followup-To"),
    ROW(MESSAGE_ID, HEADER_IS_UNIQUE, "Message-Id"),
    ROW(MIME_VERSION, HEADER_IS_MIME, "MIME-Version"),
    ROW(RECEIVED, 0, "Received"),
    ROW(REPLY_TO, HEADER_IS_SENDER | HEADER_IS_UNIQUE, "Reply-To"),
    ROW(RESENT_BCC,
        HEADER_IS_RECIPIENT | HEADER_IS_EXTRACT | HEADER_IS_RESENT | HEADER_IS_DROP,
        "Resent-Bcc"),
    ROW(RESENT_CC, HEADER_IS_RECIPIENT | HEADER_IS_EXTRACT | HEADER_IS_RESENT,
        "Resent-Cc"),
    ROW(RESENT_DATE, HEADER_IS_RESENT, "Resent-Date"),
    ROW(RESENT_FROM, HEADER_IS_SENDER | HEADER_IS_RESENT, "Resent-From"),
    ROW(RESENT_MESSAGE_ID, HEADER_IS_RESENT, "Resent-Message-Id"),
    ROW(RESENT_REPLY_TO, HEADER_IS_RECIPIENT | HEADER_IS_RESENT, "Resent-Reply-To"),
    ROW(RESENT_SENDER, HEADER_IS_SENDER | HEADER_IS_RESENT, "Resent-Sender"),
    ROW(RESENT_TO, HEADER_IS_RECIPIENT | HEADER_IS_EXTRACT | HEADER_IS_RESENT,
        "Resent-To"),
    ROW(RETURN_PATH, HEADER_IS_SENDER | HEADER_IS_DROP, "Return-Path"),
    ROW(RETURN_RECEIPT_TO, HEADER_IS_SENDER, "Return-Receipt-To"),
    ROW(SENDER, HEADER_IS_SENDER | HEADER_IS_UNIQUE, "Sender"),
    ROW(SUBJECT, HEADER_IS_UNIQUE, "Subject"),
    ROW(TO, HEADER_IS_RECIPIENT | HEADER_IS_EXTRACT | HEADER_IS_UNIQUE, "To"),
#undef ROW
};
static const struct header_type other = {HEADER_OTHER, 0, {"", 0}};

#define TABLE_SIZE (sizeof table / sizeof table[0])
_Static_assert(TABLE_SIZE == HEADER_ID_COUNT - 1, "one row for each header_id");

const struct header_type *header_lookup(struct view name)
{
    size_t low = 0;
    size_t high = TABLE_SIZE;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = view_cmp_case(name, table[middle].name);
        if (order == 0)
            return &table[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return &other;
}

const struct header_type *header_by_id(enum header_id id)
{
    return id > HEADER_OTHER && id < HEADER_ID_COUNT ? &table[id - 1] : &other;
}

bool header_is_listed(struct view name, struct view list)
{
    struct view entry;
    while (view_token(&list, VIEW(", \t\r\n"), &entry))
        if (view_eq_case(entry, name))
            return true;
    return false;
}

size_t header_name_length(struct view line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':')
        n++;
    size_t colon = n;
    while (colon < line.n && (line.p[colon] == ' ' || line.p[colon] == '\t'))
        colon++;
    return colon < line.n && line.p[colon] == ':' ? n : 0;
}

bool header_is_mailbox_line(struct view line)
{
    while (line.n > 0 && line.p[0] == '>')
        line = view_from(line, 1);
    return view_starts(line, VIEW("From "));
}

bool header_parse(struct view raw, struct header *h)
{
    if (raw.n > 0 && raw.p[raw.n - 1] == '\n')
        raw.n--;
    size_t n = header_name_length(raw);
    if (n == 0)
        return false;
    h->raw = raw;
    h->name = view_sub(raw, 0, n);
    h->body = view_from(raw, n + view_find(view_from(raw, n), ':') + 1);
    while (h->body.n > 0 && (h->body.p[0] == ' ' || h->body.p[0] == '\t'))
        h->body = view_from(h->body, 1);
    h->type = header_lookup(h->name);
    return true;
}

/* The length of the first line of V with its LF. */
static size_t line_length(struct view v)
{
    size_t end = view_find(v, '\n');
    return end == VIEW_NPOS ? v.n : end + 1;
}

enum header_next header_next(struct view *rest, struct header *h)
{
    if (rest->n == 0)
        return HEADER_NEXT_END;
    if (rest->p[0] == '\n') {
        *rest = view_from(*rest, 1);
        return HEADER_NEXT_END;
    }
    size_t n = line_length(*rest);
    if (header_name_length(view_sub(*rest, 0, n)) == 0)
        return HEADER_NEXT_BODY;
    while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'))
        n += line_length(view_from(*rest, n));
    bool parsed = header_parse(view_sub(*rest, 0, n), h);
    *rest = view_from(*rest, n);
    return parsed ? HEADER_NEXT_FIELD : HEADER_NEXT_BODY;
}

bool header_find(struct view content, struct view name, struct header *h)
{
    while (header_next(&content, h) == HEADER_NEXT_FIELD)
        if (view_eq_case(h->name, name))
            return true;
    return false;
}

bool header_unfold(struct view v, struct str *out)
{
    bool ok = true;
    size_t i = 0;
    while (i < v.n) {
        size_t run = i;
        bool folded = false;
        while (run < v.n && (ascii_is_space((unsigned char)v.p[run]))) {
            folded = folded || v.p[run] == '\n';
            run++;
        }
        if (folded) {
            /* Blanks at the very end fold nothing. */
            ok = (run == v.n || str_add_char(out, ' ')) && ok;
            i = run;
        } else {
            ok = str_add(out, view_sub(v, i, run > i ? run - i : 1)) && ok;
            i = run > i ? run : i + 1;
        }
    }
    return ok;
}
