/* mime - the line-driven state machine; see mime.h
 *
 * Three places: in a header (of the message, a part or an attached message), or
 * in a body.  A stack of boundaries says which part a "--" line ends or opens.
 */
#include "mime.h"
#include "base/memory.h"
#include "quoted_printable.h"

#include <assert.h>

enum place { IN_HEADER, IN_BODY };
enum kind { KIND_TEXT, KIND_OTHER, KIND_MULTIPART, KIND_MESSAGE };

struct boundary {
    struct boundary *outer;
    bool digest; /* parts are message/rfc822 unless they say otherwise */
    size_t n;
    char text[];
};

struct mime {
    unsigned options, faults;
    struct mime_limits limits;
    struct mime_events events;
    void *context;
    enum place place;
    enum mime_class class;
    bool primary_ended;
    bool line_open; /* the last piece did not end its line */
    bool skip_line; /* the rest of this line is not given out */
    bool header_open;
    bool header_cut;   /* header reached its limit */
    struct str header; /* the logical header being gathered */
    struct str values; /* unquoted parameter values */
    struct str line;   /* mime_feed: the beginning of a line; encoder output */
    size_t offset, header_offset;
    /* What the current entity's header says. */
    enum kind kind;
    bool nests; /* message/rfc822 and its like: a header follows */
    bool digest;
    enum mime_encoding encoding;
    struct boundary *pending; /* boundary of the multipart header being read */
    struct boundary *stack;
    size_t depth;
    struct qp_encoder encoder;
};

#define FEED_PIECE 2048 /* longest piece that mime_feed() passes on */

struct mime_fault_detail mime_fault_detail(unsigned faults)
{
    static const struct {
        enum mime_fault fault;
        struct mime_fault_detail detail;
    } rows[] = {
        {MIME_FAULT_NESTING, {"5.6.0", "MIME nesting exceeds safety limit"}},
        {MIME_FAULT_LONG_HEADER, {"5.6.0", "message header length exceeds safety limit"}},
        {MIME_FAULT_8BIT_HEADER,
         {"5.6.0", "improper use of 8-bit data in message header"}},
        {MIME_FAULT_8BIT_BODY, {"5.6.0", "improper use of 8-bit data in message body"}},
        {MIME_FAULT_ENCODING,
         {"5.6.0", "invalid message/* or multipart/* encoding domain"}},
        {MIME_FAULT_HEADER_END,
         {"5.6.0", "message header was not terminated by empty line"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (faults & rows[i].fault)
            return rows[i].detail;
    return (struct mime_fault_detail){"", ""};
}

/* Defaults of RFC 2045 5.2 for an entity whose header begins. */
static void begin_entity(struct mime *m, enum mime_class class, bool in_digest)
{
    m->place = IN_HEADER;
    m->class = class;
    m->kind = in_digest ? KIND_MESSAGE : KIND_TEXT;
    m->nests = in_digest;
    m->digest = false;
    m->encoding = MIME_ENCODING_7BIT;
    memory_free(m->pending);
    m->pending = NULL;
    qp_encoder_init(&m->encoder);
}

struct mime *mime_new(unsigned options, const struct mime_limits *limits,
                      const struct mime_events *events, void *context)
{
    struct mime *m = NEW(struct mime);
    m->options = options;
    m->limits = *limits;
    m->events = *events;
    m->context = context;
    str_init(&m->header, limits->header);
    str_init(&m->values, limits->header + 1);
    str_init(&m->line, 8 * FEED_PIECE);
    begin_entity(m, MIME_PRIMARY, false);
    return m;
}

static void pop_boundary(struct mime *m)
{
    struct boundary *b = m->stack;
    m->stack = b->outer;
    m->depth--;
    memory_free(b);
}

void mime_free(struct mime *m)
{
    if (m == NULL)
        return;
    while (m->stack)
        pop_boundary(m);
    memory_free(m->pending);
    str_done(&m->header);
    str_done(&m->values);
    str_done(&m->line);
    memory_free(m);
}

/* Note a fault if OPTION asks for it; tell only the first of its kind. */
static void report(struct mime *m, enum mime_option option, enum mime_fault fault,
                   struct view text)
{
    if (!(m->options & option) || (m->faults & fault))
        return;
    m->faults |= fault;
    if (m->events.fault)
        m->events.fault(m->context, fault, text);
}

static void give_header(struct mime *m, const struct header_type *type, struct view text)
{
    if (m->events.header)
        m->events.header(m->context, m->class, type, text, m->header_offset);
}

static void give_body(struct mime *m, struct view line, bool last)
{
    if (m->events.body)
        m->events.body(m->context, line, last, m->offset);
}

static void keep_boundary(struct mime *m, struct view text)
{
    if (text.n == 0)
        return;
    if (text.n > m->limits.boundary)
        text.n = m->limits.boundary;
    memory_free(m->pending);
    m->pending = memory_alloc(sizeof *m->pending + text.n);
    m->pending->n = text.n;
    memcpy(m->pending->text, text.p, text.n);
}

/* Learn from a Content-Type header. */
static void note_content_type(struct mime *m, struct view body)
{
    struct content_type t;
    str_clear(&m->values);
    m->kind = KIND_OTHER;
    m->nests = m->digest = false;
    if (!content_type_parse(body, &m->values, &t))
        return;
    if (content_type_is(&t, "text", NULL)) {
        m->kind = KIND_TEXT;
    } else if (content_type_is(&t, "message", NULL)) {
        m->kind = KIND_MESSAGE;
        /* RFC 2046 5.2.1, RFC 6532 3.7; parts of a message have no header to see. */
        m->nests = content_type_is(&t, "message", "rfc822") ||
                   content_type_is(&t, "message", "global");
    } else if (content_type_is(&t, "multipart", NULL)) {
        m->kind = KIND_MULTIPART;
        m->digest = content_type_is(&t, "multipart", "digest");
        keep_boundary(m, t.boundary);
    }
}

static bool is_composite(const struct mime *m)
{
    return m->kind == KIND_MULTIPART || m->kind == KIND_MESSAGE;
}

/* Is this entity to leave re-encoded? */
static bool is_downgraded(const struct mime *m)
{
    return (m->options & MIME_DOWNGRADE) &&
           (m->encoding == MIME_ENCODING_8BIT || m->encoding == MIME_ENCODING_BINARY);
}

static void check_8bit(struct mime *m, enum mime_option option, enum mime_fault fault,
                       struct view text)
{
    if ((m->options & option) && !view_is_ascii(text))
        report(m, option, fault, text);
}

/* The logical header is whole: learn from it and give it out. */
static void end_header(struct mime *m)
{
    if (!m->header_open)
        return;
    m->header_open = false;
    struct header h;
    if (!header_parse(str_view(&m->header), &h))
        return;
    check_8bit(m, MIME_REPORT_8BIT_HEADER, MIME_FAULT_8BIT_HEADER, h.raw);
    if (!(m->options & MIME_DISABLE) && h.type->id == HEADER_CONTENT_TYPE)
        note_content_type(m, h.body);
    if (!(m->options & MIME_DISABLE) && h.type->id == HEADER_CONTENT_TRANSFER_ENCODING) {
        m->encoding = mime_encoding_parse(h.body);
        if (is_downgraded(m))
            return; /* written anew at the end of the header */
    }
    give_header(m, h.type, h.raw);
}

/* A blank line, or a line that is no header, ended the header block. */
static void end_header_block(struct mime *m)
{
    end_header(m);
    if (is_downgraded(m)) {
        m->header_offset = m->offset;
        struct view text = is_composite(m)
                               ? VIEW("Content-Transfer-Encoding: 7bit")
                               : VIEW("Content-Transfer-Encoding: quoted-printable");
        give_header(m, header_by_id(HEADER_CONTENT_TRANSFER_ENCODING), text);
    }
    m->place = IN_BODY;
    if (m->class == MIME_PRIMARY && !m->primary_ended) {
        m->primary_ended = true;
        m->offset = 0;
        if (m->events.header_end)
            m->events.header_end(m->context);
    }
    if (!is_composite(m))
        return;
    if (m->encoding == MIME_ENCODING_QUOTED_PRINTABLE ||
        m->encoding == MIME_ENCODING_BASE64)
        report(m, MIME_REPORT_ENCODING, MIME_FAULT_ENCODING, str_view(&m->header));
    if (m->kind != KIND_MULTIPART || m->pending == NULL)
        return;
    if (m->depth > m->limits.nesting + 1) { /* as Postfix counts */
        report(m, MIME_REPORT_NESTING, MIME_FAULT_NESTING, str_view(&m->header));
        return;
    }
    m->pending->digest = m->digest;
    m->pending->outer = m->stack;
    m->stack = m->pending;
    m->pending = NULL;
    m->depth++;
}

/* A line, or its first piece, while in a header.  True: it was part of it. */
static bool take_header_line(struct mime *m, struct view line)
{
    bool folded = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
    if (folded && m->header_open) {
        m->header_cut = !str_add_char(&m->header, '\n') || !str_add(&m->header, line);
    } else if (header_name_length(line) > 0) {
        end_header(m);
        str_clear(&m->header);
        m->header_open = true;
        m->header_offset = m->offset;
        m->header_cut = !str_add(&m->header, line);
    } else {
        return false;
    }
    if (m->header_cut)
        report(m, MIME_REPORT_LONG_HEADER, MIME_FAULT_LONG_HEADER,
               view_sub(line, 0, 100));
    return true;
}

/* The boundary that LINE is, or NULL; the innermost wins. */
static struct boundary *find_boundary(struct mime *m, struct view line)
{
    if (line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
        return NULL;
    struct view text = view_from(line, 2);
    for (struct boundary *b = m->stack; b; b = b->outer)
        if (view_starts(text, (struct view){b->text, b->n}))
            return b;
    return NULL;
}

/* A boundary line: end what is inside of B, and B itself when the line closes it. */
static void take_boundary(struct mime *m, struct boundary *b, struct view line)
{
    while (m->stack != b)
        pop_boundary(m);
    bool closing = view_starts(view_from(line, 2 + b->n), VIEW("--"));
    if (m->events.boundary)
        m->events.boundary(m->context, line, closing, m->depth);
    give_body(m, line, !m->line_open);
    if (closing) {
        begin_entity(m, MIME_MULTIPART, false);
        m->place = IN_BODY;
        pop_boundary(m);
    } else {
        begin_entity(m, MIME_MULTIPART, b->digest);
    }
}

/* A line or piece of body text. */
static void give_text(struct mime *m, struct view line, bool last)
{
    bool declared =
        m->encoding == MIME_ENCODING_8BIT || m->encoding == MIME_ENCODING_BINARY;
    if (!declared)
        check_8bit(m, MIME_REPORT_8BIT_BODY, MIME_FAULT_8BIT_BODY, line);
    if (!is_downgraded(m) || is_composite(m)) {
        give_body(m, line, last);
        return;
    }
    while (line.n > 0 || last) {
        struct view piece = view_sub(line, 0, FEED_PIECE);
        bool ends = last && piece.n == line.n;
        line = view_from(line, piece.n);
        struct str out = STR_INIT(4 * FEED_PIECE);
        qp_encoder_line(&m->encoder, piece, ends, &out);
        struct view rest = str_view(&out);
        struct view text;
        while (rest.n > 0) {
            bool whole = view_cut(rest, '\n', &text, &rest);
            give_body(m, text, whole);
        }
        str_done(&out);
        if (ends)
            break;
    }
}

/* The first piece of a line: which place is it for? */
static void begin_line(struct mime *m, struct view line)
{
    bool last = !m->line_open;
    m->skip_line = false;
    if (m->place == IN_HEADER) {
        if (take_header_line(m, line)) {
            m->skip_line = true;
            return;
        }
        bool was_primary = m->class == MIME_PRIMARY;
        bool was_blank = line.n == 0 && last;
        end_header(m);
        if (was_primary && !was_blank)
            report(m, MIME_REPORT_HEADER_END, MIME_FAULT_HEADER_END, line);
        end_header_block(m);
        /* The message's own header gets its blank line when it just stops; what is
         * inside of the body is left as it is, since a signature may cover it. */
        if (was_blank || was_primary)
            give_body(m, VIEW_NONE, true);
        if (m->nests && !find_boundary(m, line)) {
            begin_entity(m, MIME_NESTED, false);
            if (!was_blank)
                begin_line(m, line);
            return;
        }
        if (was_blank)
            return;
    }
    struct boundary *b = find_boundary(m, line);
    if (b)
        take_boundary(m, b, line);
    else
        give_text(m, line, last);
}

unsigned mime_line(struct mime *m, struct view line, bool last)
{
    bool first = !m->line_open;
    m->line_open = !last;
    if (first) {
        begin_line(m, line);
    } else if (m->skip_line) {
        if (m->header_open && !str_add(&m->header, line))
            report(m, MIME_REPORT_LONG_HEADER, MIME_FAULT_LONG_HEADER,
                   view_sub(line, 0, 100));
    } else if (m->place == IN_HEADER) {
        give_body(m, line, last); /* the rest of a boundary line */
    } else {
        give_text(m, line, last);
    }
    m->offset += line.n + last;
    return m->faults;
}

unsigned mime_feed(struct mime *m, struct view chunk)
{
    while (chunk.n > 0) {
        size_t end = view_find(view_sub(chunk, 0, FEED_PIECE), '\n');
        bool last = end != VIEW_NPOS;
        struct view text = view_sub(chunk, 0, last ? end : FEED_PIECE);
        chunk = view_from(chunk, text.n + last);
        if (last && m->line.n == 0) {
            mime_line(m, text, true);
            continue;
        }
        str_add(&m->line, text);
        if (!last && m->line.n < FEED_PIECE)
            continue;
        mime_line(m, str_view(&m->line), last);
        str_clear(&m->line);
    }
    return m->faults;
}

unsigned mime_end(struct mime *m)
{
    if (m->line.n > 0) {
        mime_line(m, str_view(&m->line), true);
        str_clear(&m->line);
    } else if (m->line_open) {
        mime_line(m, VIEW_NONE, true);
    }
    if (m->place == IN_HEADER)
        end_header_block(m);
    if (m->events.end)
        m->events.end(m->context);
    return m->faults;
}
