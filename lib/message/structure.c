/* structure - parse a message into its parts; see structure.h
 *
 * One walk over the lines with a running count of their sizes.  The multiparts that are
 * open form a chain, the innermost first; each line that starts with "--" is
 * compared with their boundaries.  No recursion: a part that ends is closed
 * from the current one upwards.
 */
#include "structure.h"

#include "header.h"

/* Longest boundary that is compared (mime_boundary_length_limit). */
#define BOUNDARY_MAX 2048

/* A place in the message, and the size of all before it. */
struct place {
    size_t at;
    struct message_size before;
};

struct open {
    struct open *outer;
    struct message_part *part;
    struct view boundary;
};

struct parser {
    struct arena *arena;
    struct view message;
    struct message_limits limits;
    size_t parts;
    struct place here;            /* the start of the next line */
    struct place text_end;        /* `here` without the line end in front of it */
    struct place line_start;      /* of the line that was taken last */
    struct place text_before;     /* line_start without the line end in front of it */
    struct open *open;            /* innermost multipart that may get more parts */
    struct message_part *current; /* innermost part that has not ended */
};

/* Take the next line; LINE has no line end.  False at the end. */
static bool next_line(struct parser *p, struct view *line)
{
    struct view rest = view_from(p->message, p->here.at);
    if (rest.n == 0)
        return false;
    const char *lf = memchr(rest.p, '\n', rest.n);
    size_t n = lf ? (size_t)(lf - rest.p) : rest.n;
    bool cr = lf && n > 0 && rest.p[n - 1] == '\r';
    *line = view_sub(rest, 0, n - cr);
    p->line_start = p->here;
    p->text_before = p->text_end;
    p->here.at += line->n;
    p->here.before.bytes += line->n;
    p->text_end = p->here;
    if (lf) {
        p->here.at += 1 + (size_t)cr;
        p->here.before.bytes += 2;
        p->here.before.lines++;
    }
    return true;
}

/* The line that was taken last is the next one again. */
static void untake_line(struct parser *p)
{
    p->here = p->line_start;
    p->text_end = p->text_before;
}

/* The open multipart whose delimiter LINE is, the longest that fits; *CLOSING
 * for its last one.  RFC 2046 5.1.1: what follows the boundary does not matter. */
static struct open *find_delimiter(const struct parser *p, struct view line,
                                   bool *closing)
{
    struct open *found = NULL;
    if (line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
        return NULL;
    line = view_from(line, 2);
    for (struct open *o = p->open; o; o = o->outer)
        if (view_starts(line, o->boundary) &&
            (found == NULL || o->boundary.n > found->boundary.n))
            found = o;
    *closing = found && view_starts(view_from(line, found->boundary.n), VIEW("--"));
    return found;
}

static struct message_size size_between(struct message_size from, struct message_size to)
{
    return (struct message_size){to.bytes - from.bytes, to.lines - from.lines};
}

/* The parts from the current one up to, not including, STOP end at PLACE, or
 * behind the header of an inner one that a delimiter cut off: then its last
 * line end is the header's.  Until now body_size holds the place where the body
 * began. */
static void end_parts(struct parser *p, const struct message_part *stop,
                      struct place place)
{
    for (; p->current != stop; p->current = p->current->parent) {
        struct message_part *part = p->current;
        if (place.at < part->body)
            place = (struct place){part->body, part->body_size};
        part->end = place.at;
        part->body_size = size_between(part->body_size, place.before);
    }
}

static struct message_part *add_part(struct parser *p, struct message_part *parent)
{
    struct message_part *part = ARENA_NEW(p->arena, struct message_part);
    part->parent = parent;
    part->header = p->here.at;
    part->type = VIEW("text");
    part->subtype = VIEW("plain");
    if (parent && parent->is_multipart &&
        message_part_is(parent, "multipart", "digest")) {
        part->type = VIEW("message"); /* RFC 2046 5.1.5 */
        part->subtype = VIEW("rfc822");
    }
    p->parts++;
    p->current = part;
    return part;
}

static struct message_parameter *take_parameters(struct parser *p, struct view rest)
{
    struct message_parameter *first = NULL;
    struct message_parameter **last = &first;
    struct mime_parameter_view found;
    for (size_t i = 0; i < p->limits.fields && mime_next_parameter(&rest, &found); i++) {
        struct message_parameter *m = ARENA_NEW(p->arena, struct message_parameter);
        m->name = found.name;
        m->value = found.raw;
        if (found.escaped) {
            struct str text = STR_INIT(found.raw.n);
            mime_unescape(found.raw, &text);
            m->value = arena_dup(p->arena, str_view(&text));
            str_done(&text);
        }
        *last = m;
        last = &m->next;
    }
    return first;
}

static void take_type(struct parser *p, struct message_part *part, struct view value)
{
    part->content_type = value;
    struct view type = mime_take_token(&value);
    if (type.n == 0 || value.n == 0 || value.p[0] != '/')
        return;
    value = view_from(value, 1);
    struct view subtype = mime_take_token(&value);
    if (subtype.n == 0)
        return;
    part->type = type;
    part->subtype = subtype;
    part->parameters = take_parameters(p, value);
}

static void take_field(struct parser *p, struct message_part *part,
                       const struct message_field *field)
{
    struct view what = view_from(field->name, strlen("content-"));
    struct view value = field->value;
    if (view_eq_case(what, VIEW("type")) && part->content_type.p == NULL) {
        take_type(p, part, value);
    } else if (view_eq_case(what, VIEW("transfer-encoding"))) {
        part->encoding = mime_encoding_parse(value);
        part->encoding_name = mime_take_token(&value);
    } else if (view_eq_case(what, VIEW("disposition")) && part->disposition.p == NULL) {
        part->content_disposition = value;
        struct view name = mime_take_token(&value);
        if (name.n == 0)
            return;
        part->disposition = name;
        part->disposition_parameters = take_parameters(p, value);
    } else if (view_eq_case(what, VIEW("id"))) {
        part->id = value;
    } else if (view_eq_case(what, VIEW("description"))) {
        part->description = value;
    } else if (view_eq_case(what, VIEW("md5"))) {
        part->md5 = value;
    } else if (view_eq_case(what, VIEW("location"))) {
        part->location = value;
    } else if (view_eq_case(what, VIEW("language"))) {
        part->language = value;
    }
}

static void take_fields(struct parser *p, struct message_part *part)
{
    struct view header = message_part_header(p->message, part);
    struct message_field field;
    for (size_t i = 0; i < p->limits.fields && message_header_next(&header, &field); i++)
        if (view_starts_case(field.name, VIEW("content-")))
            take_field(p, part, &field);
}

/* Walk over the header lines of the current part.  It ends behind an empty
 * line, in front of a delimiter, or with the message. */
static void take_header(struct parser *p)
{
    struct message_part *part = p->current;
    struct message_size before = p->here.before;
    struct view line;
    bool closing;
    while (next_line(p, &line) && line.n > 0) {
        if (find_delimiter(p, line, &closing)) {
            untake_line(p);
            break;
        }
    }
    part->body = p->here.at;
    part->end = part->body;
    part->header_size = size_between(before, p->here.before);
    part->body_size = p->here.before;
    take_fields(p, part);
}

static size_t depth_of(const struct message_part *part)
{
    size_t depth = 0;
    for (; part->parent; part = part->parent)
        depth++;
    return depth;
}

static void make_leaf(struct message_part *part, struct view type, struct view subtype)
{
    part->type = type;
    part->subtype = subtype;
    part->parameters = NULL;
}

static void open_multipart(struct parser *p, struct message_part *part)
{
    struct view boundary = message_parameter_find(part->parameters, VIEW("boundary"));
    boundary = view_sub(view_trim_space(boundary), 0, BOUNDARY_MAX);
    if (boundary.n == 0) {
        make_leaf(part, VIEW("text"), VIEW("plain"));
        return;
    }
    struct open *o = ARENA_NEW(p->arena, struct open);
    *o = (struct open){.outer = p->open, .part = part, .boundary = boundary};
    p->open = o;
    part->is_multipart = true;
}

/* What the current part, whose header was read, is.  True: it is a message, the header
 * of the embedded one comes next. */
static bool classify(struct parser *p)
{
    struct message_part *part = p->current;
    bool multipart = message_part_is(part, "multipart", NULL);
    bool message = message_part_is(part, "message", "rfc822") ||
                   message_part_is(part, "message", "global");
    if (!multipart && !message)
        return false;
    bool encoded = part->encoding == MIME_ENCODING_BASE64;
    if (depth_of(part) >= p->limits.depth || (message && encoded) ||
        (message && p->parts >= p->limits.parts)) {
        make_leaf(part, VIEW("application"), VIEW("octet-stream"));
        return false;
    }
    if (multipart)
        open_multipart(p, part);
    part->is_message = message;
    return message;
}

/* Read the header of the current part, and those of messages directly in it. */
static void begin_part(struct parser *p)
{
    take_header(p);
    while (classify(p)) {
        struct message_part *parent = p->current;
        parent->child = add_part(p, parent);
        take_header(p);
    }
}

/* A delimiter of O was met: what is inside ends in front of it. */
static void delimit(struct parser *p, struct open *o, bool closing)
{
    struct message_part *parent = o->part;
    struct message_part *last = NULL;
    /* What ends is the parent's newest child and what is in it. */
    for (struct message_part *part = p->current; part != parent; part = part->parent)
        last = part;
    end_parts(p, parent, p->text_before);
    p->open = closing ? o->outer : o;
    if (closing || p->parts >= p->limits.parts)
        return;
    struct message_part *part = add_part(p, parent);
    if (last)
        last->next = part;
    else if (parent->child == NULL)
        parent->child = part;
    begin_part(p);
}

struct message_part *message_parse(struct arena *arena, struct view message,
                                   const struct message_limits *limits)
{
    struct parser p = {.arena = arena, .message = message, .limits = *limits};
    struct message_part *root = add_part(&p, NULL);
    begin_part(&p);
    struct view line;
    while (next_line(&p, &line)) {
        bool closing;
        struct open *o = find_delimiter(&p, line, &closing);
        if (o)
            delimit(&p, o, closing);
    }
    end_parts(&p, NULL, p.here);
    return root;
}
