/* mbox_text - messages in the text of an mbox file */
#include "store/mbox_text.h"

#include "base/number.h"
#include "format/date.h"
#include "store/mailbox.h"

enum {
    FROM_MAX = 1000,
    HEADER_MAX = 16 * 1024 * 1024,
    SPARE = 60 /* blanks that leave room for later marks */
};

/* --- From_ lines --- */

bool mbox_is_from(struct view line)
{
    if (line.n < 20 || line.n > FROM_MAX || !view_starts(line, VIEW("From ")))
        return false;
    /* A time and a year are somewhere behind the sender. */
    for (size_t i = 6; i + 9 < line.n; i++) {
        const char *p = line.p + i;
        if (p[0] != ' ' || p[3] != ':' || !ascii_is_digit(p[2]) ||
            !ascii_is_digit(p[4]) || !ascii_is_digit(p[5]) ||
            !(ascii_is_digit(p[1]) || p[1] == ' '))
            continue;
        for (size_t j = i + 6; j + 3 < line.n; j++)
            if (ascii_is_digit(line.p[j]) && ascii_is_digit(line.p[j + 1]) &&
                ascii_is_digit(line.p[j + 2]) && ascii_is_digit(line.p[j + 3]))
                return true;
    }
    return false;
}

/* The date is what follows the sender; senders may have blanks, so the last that parses
 * counts. */
static int64_t from_date(struct view line)
{
    struct view rest = view_from(line, 5);
    int64_t seconds;

    for (;;) {
        size_t blank = view_find(rest, ' ');
        if (blank == VIEW_NPOS)
            return 0;
        rest = view_from(rest, blank + 1);
        if (rest.n > 0 && ascii_is_alpha(rest.p[0]) && date_parse(rest, &seconds, NULL))
            return seconds;
    }
}

/* --- headers --- */

enum mark { MARK_NONE, MARK_STATUS, MARK_XSTATUS, MARK_KEYWORDS, MARK_UID, MARK_BASE };

static enum mark mark_of(struct view line)
{
    static const struct {
        struct view name;
        enum mark mark;
    } names[] = {{VIEW("Status:"), MARK_STATUS},       {VIEW("X-Status:"), MARK_XSTATUS},
                 {VIEW("X-Keywords:"), MARK_KEYWORDS}, {VIEW("X-UID:"), MARK_UID},
                 {VIEW("X-IMAPbase:"), MARK_BASE},     {VIEW("X-IMAP:"), MARK_BASE}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (view_starts_case(line, names[i].name))
            return names[i].mark;
    return MARK_NONE;
}

/* The next header field of *REST with its continuation lines; false at the end, or at the
 * empty line. */
static bool next_field(struct view *rest, struct view *field)
{
    size_t n = 0;

    if (rest->n == 0 || rest->p[0] == '\n' ||
        (rest->p[0] == '\r' && (rest->n == 1 || rest->p[1] == '\n')))
        return false;
    do {
        size_t line = view_find(view_from(*rest, n), '\n');
        n = line == VIEW_NPOS ? rest->n : n + line + 1;
    } while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
    *field = view_sub(*rest, 0, n);
    *rest = view_from(*rest, n);
    return true;
}

static struct view value_of(struct view field)
{
    return view_trim_space(view_from(field, view_find(field, ':') + 1));
}

static void take_base(struct view value, struct mbox_entry *m)
{
    struct view word;
    uint64_t n;

    m->has_base = true;
    if (view_token(&value, VIEW(" "), &word) && number_parse_u64(word, 1, UINT32_MAX, &n))
        m->base_validity = (uint32_t)n;
    if (view_token(&value, VIEW(" "), &word) &&
        number_parse_u64(word, 0, UINT32_MAX - 1, &n))
        m->base_last = (uint32_t)n;
}

static void take_mark(enum mark mark, struct view value, struct mbox_entry *m)
{
    uint64_t n;

    switch (mark) {
    case MARK_STATUS:
        m->flags |= view_has(value, 'R') ? MAILBOX_SEEN : 0;
        m->flags |= view_has(value, 'D') ? MAILBOX_DELETED : 0;
        break;
    case MARK_XSTATUS:
        m->flags |= view_has(value, 'A') ? MAILBOX_ANSWERED : 0;
        m->flags |= view_has(value, 'F') ? MAILBOX_FLAGGED : 0;
        m->flags |= view_has(value, 'T') ? MAILBOX_DRAFT : 0;
        m->flags |= view_has(value, 'D') ? MAILBOX_DELETED : 0;
        break;
    case MARK_KEYWORDS:
        m->keywords = value;
        break;
    case MARK_UID:
        if (number_parse_u64(value, 1, UINT32_MAX - 1, &n))
            m->uid = (uint32_t)n;
        break;
    case MARK_BASE:
        take_base(value, m);
        break;
    case MARK_NONE:
        break;
    }
}

/* FNV-1a: the same in every process. */
static uint64_t mix(uint64_t h, struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        h = (h ^ (unsigned char)v.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t count_lines(struct view v)
{
    uint64_t n = 0;

    for (const char *p = v.p, *end = v.p + v.n; v.n > 0 && p < end; p++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            break;
        n += p == v.p || p[-1] != '\r';
    }
    return n;
}

/* Headers of HEADER into M; what is a program's mark is no part of the message. */
static void parse_header(struct view header, struct mbox_entry *m)
{
    struct view rest = header, field;
    bool internal = false;

    while (next_field(&rest, &field)) {
        enum mark mark = mark_of(field);
        if (mark != MARK_NONE) {
            take_mark(mark, value_of(field), m);
            internal = internal || view_starts_case(field, VIEW("X-IMAP:"));
            m->size -= field.n;
            m->crlf -= field.n + count_lines(field);
            continue;
        }
        m->fingerprint = mix(m->fingerprint, field);
        if (view_starts_case(field, VIEW("Subject:")) &&
            view_find_view(field, VIEW("FOLDER INTERNAL DATA")) != VIEW_NPOS)
            m->is_pseudo = true;
    }
    m->is_pseudo = m->is_pseudo && internal;
}

/* Where the message that starts at the front of TEXT ends: at the next From_ line. */
static size_t find_end(struct view text, size_t from)
{
    for (;;) {
        struct view rest = view_from(text, from);
        size_t at = view_find_view(rest, VIEW("\nFrom "));
        if (at == VIEW_NPOS)
            return text.n;
        size_t start = from + at + 1;
        struct view line = view_sub(text, start, FROM_MAX + 2);
        size_t n = view_find(line, '\n');
        bool blank =
            start >= 2 &&
            (text.p[start - 2] == '\n' ||
             (start >= 3 && text.p[start - 2] == '\r' && text.p[start - 3] == '\n'));
        if (blank && n != VIEW_NPOS && mbox_is_from(view_sub(line, 0, n)))
            return start;
        from = start;
    }
}

/* Bytes of the header in TEXT, with its empty line. */
static size_t header_size(struct view text)
{
    struct view rest = text, field;

    while (next_field(&rest, &field))
        ;
    size_t n = text.n - rest.n;
    if (rest.n > 0)
        n += rest.p[0] == '\r' && rest.n > 1 ? 2 : 1;
    return n;
}

bool mbox_text_next(struct view text, uint64_t at, struct mbox_entry *out)
{
    size_t line = view_find(text, '\n');

    if (line == VIEW_NPOS || !mbox_is_from(view_sub(text, 0, line)))
        return false;
    *out = (struct mbox_entry){.start = at, .line = (uint32_t)line + 1};
    size_t end = find_end(text, line);
    struct view message = view_sub(text, line + 1, end > line + 1 ? end - line - 1 : 0);
    size_t header = header_size(message);
    if (header > HEADER_MAX)
        header = HEADER_MAX;
    size_t body = message.n - header;
    /* The empty line in front of the next belongs to nobody. */
    if (body > 0 && message.p[message.n - 1] == '\n')
        if (body == 1 || message.p[message.n - 2] == '\n')
            body--;
    out->header = (uint32_t)header;
    out->body = body;
    out->end = at + end;
    out->received = from_date(view_sub(text, 0, line));
    out->size = header + body;
    out->crlf = out->size + count_lines(view_sub(message, 0, header + body));
    out->fingerprint = mix(UINT64_C(0xcbf29ce484222325), view_sub(text, 0, line));
    parse_header(view_sub(message, 0, header), out);
    out->fingerprint =
        mix(out->fingerprint, (struct view){(const char *)&out->body, sizeof out->body});
    return true;
}

void mbox_text_strip(const struct mbox_entry *m, struct view raw, struct str *out)
{
    struct view header = view_sub(raw, m->line, m->header), rest = header, field;

    while (next_field(&rest, &field))
        if (mark_of(field) == MARK_NONE)
            str_add(out, field);
    str_add(out, rest);
    str_add(out, view_sub(raw, (size_t)m->line + m->header, m->body));
}

/* --- writing marks --- */

static void add_marks(const struct mbox_marks *marks, struct str *out)
{
    uint32_t f = marks->flags;

    if (marks->with_base)
        str_addf(out, "X-IMAPbase: %010lu %010lu\n", (unsigned long)marks->uidvalidity,
                 (unsigned long)marks->last_uid);
    if (marks->uid)
        str_addf(out, "X-UID: %lu\n", (unsigned long)marks->uid);
    str_addf(out, "Status: %sO\n", f & MAILBOX_SEEN ? "R" : "");
    str_addf(out, "X-Status: %s%s%s%s\n", f & MAILBOX_ANSWERED ? "A" : "",
             f & MAILBOX_FLAGGED ? "F" : "", f & MAILBOX_DRAFT ? "T" : "",
             f & MAILBOX_DELETED ? "D" : "");
    str_addf(out, "X-Keywords: %.*s", VIEW_FMT(marks->keywords));
}

bool mbox_text_header(const struct mbox_entry *m, struct view raw,
                      const struct mbox_marks *marks, size_t length, struct str *out)
{
    size_t before = out->n;
    struct view rest = view_sub(raw, m->line, m->header), field;

    str_add(out, view_sub(raw, 0, m->line));
    while (next_field(&rest, &field))
        if (mark_of(field) == MARK_NONE)
            str_add(out, field);
    if (out->n > before && out->p[out->n - 1] != '\n')
        str_add_char(out, '\n');
    add_marks(marks, out);
    struct view empty = rest.n > 0 ? rest : VIEW("\n");
    size_t now = out->n - before + 1 + empty.n;
    size_t spare = length == 0 ? SPARE : length - now;
    if (length != 0 && now > length) {
        str_truncate(out, before);
        return false;
    }
    for (size_t i = 0; i < spare; i++)
        str_add_char(out, ' ');
    str_add_char(out, '\n');
    str_add(out, empty);
    return !out->overflow;
}
