/* content - lines in, content for the draft out
 *
 * Lines pass a filter of single bytes, then mime, which tells headers from text.  Once
 * the header is over and nothing in the configuration wants to look at the body, lines go
 * straight out: this is the hot path of every large message.
 */
#include "cleanup/cleanup_private.h"

#include "base/log.h"

#include <stdint.h>

/* Output is handed to the draft in pieces of about that size. */
#define OUT_PIECE (32 * 1024)
/* Longest line that a caller may hand over whole. */
#define LINE_MAX_BYTES (1 << 20)
#define MAILBOX_HEADER VIEW("X-Mailbox-Line: ")

static void flush(struct cleanup *c)
{
    if (c->out.n == 0)
        return;
    draft_write(c->draft, str_view(&c->out));
    str_clear(&c->out);
}

static void check_size(struct cleanup *c)
{
    if (c->setup->size_limit == 0 ||
        draft_size(c->draft) + c->out.n <= (uint64_t)c->setup->size_limit)
        return;
    log_warning_as(c->setup->tag, "%s: queue file size limit exceeded", cleanup_id(c));
    cleanup_fail(c, FAULT_SIZE, "5.3.4", VIEW("Error: message file too big"));
}

/* Any byte of V over 0x7f?  Eight at a time. */
static bool has_8bit(struct view v)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= v.n; i += sizeof word) {
        memcpy(&word, v.p + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            return true;
    }
    for (; i < v.n; i++)
        if ((unsigned char)v.p[i] & 0x80)
            return true;
    return false;
}

/* force_mime_input_conversion: what counts is what comes out. */
static bool is_converted(const struct cleanup *c)
{
    return c->setup->downgrade && !c->setup->disable_mime;
}

void content_write(struct cleanup *c, struct view v)
{
    if (c->setup->detect_8bit && is_converted(c) && has_8bit(v))
        c->envelope.flags |= MESSAGE_8BIT;
    if (c->out.n + v.n > OUT_PIECE) {
        flush(c);
        check_size(c);
    }
    if (v.n > OUT_PIECE)
        draft_write(c->draft, v);
    else
        str_add(&c->out, v);
}

void content_write_line(struct cleanup *c, struct view line)
{
    content_write(c, line);
    content_write(c, VIEW("\n"));
}

/* Nothing is left that needs to see the text of the body. */
static bool may_skip_body(const struct cleanup *c)
{
    const struct cleanup_setup *s = c->setup;
    bool multipart = c->seen >> HEADER_CONTENT_TYPE & 1;
    if (is_converted(c))
        return false;
    if (multipart && !s->disable_mime)
        return false; /* attached headers, mime_nesting_limit */
    return !(c->flags & CLEANUP_FILTER) ||
           (maps_is_empty(s->body_checks) && !s->strict_body);
}

static void header_end_event(void *context)
{
    struct cleanup *c = context;
    arena_reset(c->scratch);
    missing_headers_add(c);
    c->is_body_only = may_skip_body(c);
}

static void write_body(struct cleanup *c, struct view text, bool last)
{
    content_write(c, text);
    if (last)
        content_write(c, VIEW("\n"));
    c->part_written = !last;
}

static void body_event(void *context, struct view text, bool last, size_t offset)
{
    struct cleanup *c = context;
    const struct cleanup_setup *s = c->setup;
    struct view replacement;
    if (c->is_new_part)
        c->segment = offset;
    c->is_new_part = false;
    if (cleanup_is_doomed(c))
        return;
    bool looks =
        (c->flags & CLEANUP_FILTER) && !maps_is_empty(s->body_checks) &&
        (s->body_checks_limit == 0 || offset < c->segment + (size_t)s->body_checks_limit);
    if (!looks) {
        write_body(c, text, last);
        return;
    }
    arena_reset(c->scratch);
    switch (
        check_text(c, s->body_checks, CHECK_BODY, text, "body_checks", &replacement)) {
    case CHECK_DROP:
        if (last && c->part_written)
            write_body(c, VIEW_NONE, true);
        return;
    case CHECK_REPLACE:
        write_body(c, replacement, last);
        return;
    case CHECK_KEEP:
    default:
        write_body(c, text, last);
        return;
    }
}

static void boundary_event(void *context, struct view line, bool closing, size_t depth)
{
    struct cleanup *c = context;
    (void)line, (void)closing, (void)depth;
    c->is_new_part = true;
}

static void fault_event(void *context, enum mime_fault fault, struct view text)
{
    struct cleanup *c = context;
    struct mime_fault_detail detail = mime_fault_detail(fault);
    if (fault == MIME_FAULT_LONG_HEADER)
        return; /* what is over header_size_limit is dropped, as documented */
    if (fault == MIME_FAULT_HEADER_END && c->setup->header_end == HEADER_END_TELL) {
        content_write(c, VIEW("MIME-Error: "));
        content_write_line(c, view_of(detail.text));
        return;
    }
    check_log_mime_fault(c, fault, text);
    cleanup_fail(c, FAULT_CONTENT, detail.status, view_of(detail.text));
}

static unsigned mime_options(const struct cleanup *c)
{
    const struct cleanup_setup *s = c->setup;
    unsigned options = 0;
    if (s->header_end != HEADER_END_FIX && (c->flags & CLEANUP_FILTER))
        options |= MIME_REPORT_HEADER_END;
    if (s->disable_mime)
        return options | MIME_DISABLE;
    if (s->downgrade)
        options |= MIME_DOWNGRADE;
    if (!(c->flags & CLEANUP_FILTER))
        return options;
    options |= MIME_REPORT_NESTING;
    if (s->strict_header && !(c->envelope.flags & MESSAGE_SMTPUTF8))
        options |= MIME_REPORT_8BIT_HEADER;
    if (s->strict_body)
        options |= MIME_REPORT_8BIT_BODY;
    if (s->strict_encoding)
        options |= MIME_REPORT_ENCODING;
    return options;
}

void content_open(struct cleanup *c)
{
    static const struct mime_events events = {
        .header = header_event,
        .header_end = header_end_event,
        .body = body_event,
        .boundary = boundary_event,
        .fault = fault_event,
    };
    if (is_converted(c))
        c->envelope.flags &= ~(unsigned)MESSAGE_8BIT;
    c->mime = mime_new(mime_options(c), &c->setup->limits, &events, c);
    str_init(&c->out, OUT_PIECE + 1);
    str_init(&c->line, LINE_MAX_BYTES);
}

void content_close(struct cleanup *c)
{
    mime_free(c->mime);
    str_done(&c->out);
    str_done(&c->line);
}

void content_end(struct cleanup *c)
{
    if (!cleanup_is_doomed(c))
        mime_end(c->mime);
    flush(c);
    check_size(c);
}

static bool has_any(struct view v, const struct byte_set *set)
{
    for (size_t i = 0; i < v.n; i++)
        if (set->has[(unsigned char)v.p[i]])
            return true;
    return false;
}

/* A CR or LF within a line would be a line end to a careless reader on the way (SMTP
 * smuggling). */
static bool has_stray(struct view v)
{
    return v.n > 0 && (memchr(v.p, '\r', v.n) || memchr(v.p, '\n', v.n));
}

static struct view without_stray(struct cleanup *c, struct view v)
{
    str_set(&c->line, v);
    for (size_t i = 0; i < c->line.n; i++)
        if (c->line.p[i] == '\r' || c->line.p[i] == '\n')
            c->line.p[i] = ' ';
    return str_view(&c->line);
}

static struct view without_stripped(struct cleanup *c, struct view v)
{
    struct str kept = STR_INIT(LINE_MAX_BYTES);
    for (size_t i = 0; i < v.n; i++)
        if (!c->setup->strip.has[(unsigned char)v.p[i]])
            str_add_char(&kept, v.p[i]);
    str_set(&c->line, str_view(&kept));
    str_done(&kept);
    return str_view(&c->line);
}

/* The client's first lines may not go on with our own header, nor begin with a mailbox's
 * "From ". */
static struct view begin_content(struct cleanup *c, struct view line)
{
    if (header_is_mailbox_line(line)) {
        struct str prefixed = STR_INIT(LINE_MAX_BYTES);
        str_add(&prefixed, MAILBOX_HEADER);
        str_add(&prefixed, line);
        str_set(&c->line, str_view(&prefixed));
        str_done(&prefixed);
        return str_view(&c->line);
    }
    c->begins = false;
    if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
        mime_line(c->mime, VIEW(""), true);
    return line;
}

void content_line(struct cleanup *c, struct view line, bool last)
{
    const struct cleanup_setup *s = c->setup;
    static const char disallowed[] = "REJECT disallowed character";
    if (cleanup_is_doomed(c))
        return;
    if (s->replace_stray && has_stray(line))
        line = without_stray(c, line);
    if (!s->reject.is_empty && (c->flags & CLEANUP_FILTER) && has_any(line, &s->reject)) {
        check_act(c, CHECK_CONTENT, line, view_of(disallowed), "character reject", NULL);
        return;
    }
    if (!s->strip.is_empty && has_any(line, &s->strip))
        line = without_stripped(c, line);
    if (s->detect_8bit && !is_converted(c) && !(c->envelope.flags & MESSAGE_8BIT) &&
        has_8bit(line))
        c->envelope.flags |= MESSAGE_8BIT;
    if (c->begins && !c->in_piece)
        line = begin_content(c, line);
    c->in_piece = !last;
    if (c->is_body_only)
        write_body(c, line, last);
    else
        (void)mime_line(c->mime, line, last);
}
