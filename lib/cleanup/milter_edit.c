/* milter_edit - what milters change: headers, envelope, body
 *
 * The headers are read back from the draft into a list; changes go there, so that the
 * next milter sees them.  A new body is written to the draft at once.  When all milters
 * are done the header is put in front of the body, which moves by the difference, once.
 */
#include "cleanup/cleanup_private.h"

#include "base/log.h"
#include "base/memory.h"
#include "format/address.h"
#include "format/xtext.h"

#include <unistd.h>

#define HEADER_TOTAL_MAX ((size_t)64 << 20)
#define PIECE            (32 * 1024)

struct edit {
    struct cleanup *cleanup;
    struct arena *arena;
    struct view *headers; /* "Name: value", LF between lines */
    size_t n, cap;
    size_t added;     /* bytes of headers that milters made */
    size_t own;       /* the place of our own header, which milters do not see */
    uint64_t body_at; /* offset in the draft, behind the empty line */
    bool has_body;    /* there is an empty line */
    bool is_changed;  /* the list is not what the draft has */
    bool held_cr;     /* the last piece of a new body ended with CR */
};

static void broken(struct edit *x, const char *what)
{
    log_warning_as(x->cleanup->setup->tag, "%s: %s the message for a milter failed",
                   cleanup_id(x->cleanup), what);
    cleanup_fail(x->cleanup, FAULT_DEFER, "4.3.0", VIEW("Error: queue file write error"));
}

/* --- the list of headers --- */

static void make_room(struct edit *x)
{
    if (x->n < x->cap)
        return;
    x->cap = x->cap ? 2 * x->cap : 64;
    x->headers = memory_resize(x->headers, x->cap * sizeof *x->headers);
}

static void insert(struct edit *x, size_t at, struct view text)
{
    make_room(x);
    for (size_t i = x->n++; i > at; i--)
        x->headers[i] = x->headers[i - 1];
    x->headers[at] = text;
}

/* Split TEXT into headers: lines that begin with a blank belong to the one before. */
static void split(struct edit *x, struct view text)
{
    struct view line, rest;
    while (view_cut(text, '\n', &line, &rest) || line.n > 0) {
        bool goes_on = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
        if (goes_on && x->n > 0)
            x->headers[x->n - 1].n += line.n + 1;
        else
            insert(x, x->n, line);
        text = rest;
    }
}

/* Everything before the first empty line. */
static bool read_headers(struct edit *x)
{
    struct draft *draft = x->cleanup->draft;
    int fd = draft_fd(draft);
    uint64_t size = draft_size(draft);
    struct str text = STR_INIT(HEADER_TOTAL_MAX);
    size_t end = VIEW_NPOS;
    while (end == VIEW_NPOS && text.n < size) {
        char *room = str_reserve(&text, PIECE);
        ssize_t n = room ? pread(fd, room, PIECE, (off_t)text.n) : -1;
        if (n <= 0)
            break;
        size_t seen = text.n > 0 ? text.n - 1 : 0;
        text.n += (size_t)n;
        end = view_find_view(view_from(str_view(&text), seen), VIEW("\n\n"));
        if (end != VIEW_NPOS)
            end += seen;
        if (text.n > 0 && text.p[0] == '\n')
            end = 0; /* no header at all */
    }
    bool good = end != VIEW_NPOS || text.n >= size;
    if (!good)
        broken(x, "reading");
    size_t length = text.n < size ? text.n : (size_t)size;
    x->has_body = end != VIEW_NPOS;
    if (x->has_body)
        length = text.n > 0 && text.p[0] == '\n' ? 0 : end + 1;
    x->body_at = length + (x->has_body ? 1 : 0);
    split(x, arena_dup(x->arena, view_sub(str_view(&text), 0, length)));
    str_done(&text);
    return good;
}

/* --- putting it back --- */

static bool move_piece(struct edit *x, int fd, uint64_t from, uint64_t to, size_t n,
                       char *buffer)
{
    if (pread(fd, buffer, n, (off_t)from) != (ssize_t)n) {
        broken(x, "moving");
        return false;
    }
    draft_replace(x->cleanup->draft, to, (struct view){buffer, n});
    return true;
}

/* The body goes from x->body_at to TO. */
static void move_body(struct edit *x, uint64_t to)
{
    struct draft *draft = x->cleanup->draft;
    uint64_t size = draft_size(draft), length = size - x->body_at;
    bool good = true;
    char *buffer = memory_alloc(PIECE);
    if (to > x->body_at) {
        for (uint64_t left = to - x->body_at; left > 0;) {
            size_t n = left < PIECE ? (size_t)left : PIECE;
            draft_write(draft, (struct view){buffer, n});
            left -= n;
        }
    }
    int fd = draft_fd(draft);
    for (uint64_t done = 0; good && done < length;) {
        size_t n = length - done < PIECE ? (size_t)(length - done) : PIECE;
        uint64_t at = to > x->body_at ? length - done - n : done; /* from the safe end */
        good = move_piece(x, fd, x->body_at + at, to + at, n, buffer);
        done += n;
    }
    if (to < x->body_at)
        draft_truncate(draft, to + length);
    memory_free(buffer);
}

static void write_back(struct edit *x)
{
    struct cleanup *c = x->cleanup;
    struct str text = STR_INIT(HEADER_TOTAL_MAX);
    if (!x->is_changed || cleanup_is_doomed(c))
        return;
    for (size_t i = 0; i < x->n; i++) {
        str_add(&text, x->headers[i]);
        str_add_char(&text, '\n');
    }
    if (x->has_body)
        str_add_char(&text, '\n');
    if (text.overflow) {
        cleanup_fail(c, FAULT_SIZE, "5.3.4", VIEW("Error: message file too big"));
    } else if (x->has_body) {
        if (text.n != x->body_at)
            move_body(x, text.n);
        draft_replace(c->draft, 0, str_view(&text));
    } else {
        draft_truncate(c->draft, 0);
        draft_write(c->draft, str_view(&text));
    }
    str_done(&text);
}

/* --- what milters see --- */

static bool header(void *context, size_t i, struct view *text)
{
    struct edit *x = context;
    size_t at = i < x->own ? i : i + 1;
    if (at >= x->n)
        return false;
    *text = x->headers[at];
    return true;
}

static ssize_t body(void *context, uint64_t offset, char *buffer, size_t n)
{
    struct edit *x = context;
    struct draft *draft = x->cleanup->draft;
    uint64_t size = draft_size(draft);
    if (!x->has_body || x->body_at + offset >= size)
        return 0;
    uint64_t left = size - x->body_at - offset;
    return pread(draft_fd(draft), buffer, left < n ? (size_t)left : n,
                 (off_t)(x->body_at + offset));
}

static bool is_over(void *context)
{
    struct edit *x = context;
    return cleanup_is_doomed(x->cleanup);
}

/* --- headers --- */

/* The whole header; empty when milter_header_checks would not have it, or it is none. */
static struct view make_header(struct edit *x, struct view name, struct view value)
{
    struct cleanup *c = x->cleanup;
    struct view replacement, text = arena_printf(x->arena, "%.*s:", VIEW_FMT(name));
    struct str whole = STR_INIT(HEADER_TOTAL_MAX);
    str_add(&whole, text);
    str_add(&whole, value);
    for (size_t i = 0; i + 1 < whole.n; i++) { /* each further line must be one of it */
        if (whole.p[i] == '\n' && whole.p[i + 1] != ' ' && whole.p[i + 1] != '\t')
            str_insert(&whole, i + 1, VIEW("\t"));
    }
    text = view_trim(arena_dup(x->arena, str_view(&whole)), VIEW("\n"));
    str_done(&whole);
    if (header_name_length(text) == 0)
        return VIEW_NONE;
    if (maps_is_empty(c->setup->milter_header_checks))
        return text;
    arena_reset(c->scratch);
    switch (check_text(c, c->setup->milter_header_checks, CHECK_MILTER_HEADER, text,
                       "milter_header_checks", &replacement)) {
    case CHECK_DROP:
        return VIEW_NONE;
    case CHECK_REPLACE:
        return arena_dup(x->arena, replacement);
    case CHECK_KEEP:
    default:
        return text;
    }
}

/* What milters make stays within what a message may have. */
static bool has_room(struct edit *x, struct view text)
{
    x->added += text.n + sizeof text;
    if (x->added <= HEADER_TOTAL_MAX)
        return true;
    cleanup_fail(x->cleanup, FAULT_SIZE, "5.3.4", VIEW("Error: message file too big"));
    return false;
}

static void put_header(struct edit *x, size_t at, struct view name, struct view value)
{
    struct view text = make_header(x, name, value);
    if (view_is_empty(text) || !has_room(x, text))
        return;
    insert(x, at, text);
    if (at <= x->own)
        x->own++;
    x->is_changed = true;
}

static void add_header(void *context, struct view name, struct view value)
{
    struct edit *x = context;
    put_header(x, x->n, name, value);
}

static void insert_header(void *context, uint32_t index, struct view name,
                          struct view value)
{
    struct edit *x = context;
    put_header(x, index < x->n ? index : x->n, name, value);
}

/* The place of the INDEXth header NAME, ours left out; x->n: there is none. */
static size_t find_header(const struct edit *x, uint32_t index, struct view name)
{
    for (size_t i = 0; i < x->n; i++) {
        if (i == x->own)
            continue;
        size_t n = header_name_length(x->headers[i]);
        if (view_eq_case(view_sub(x->headers[i], 0, n), name) && --index == 0)
            return i;
    }
    return x->n;
}

static void change_header(void *context, uint32_t index, struct view name,
                          struct view value)
{
    struct edit *x = context;
    size_t at = find_header(x, index, name);
    if (at == x->n) {
        if (!view_is_empty(value))
            put_header(x, x->n, name, value);
        return;
    }
    struct view text = view_is_empty(value) ? VIEW_NONE : make_header(x, name, value);
    if ((view_is_empty(text) && !view_is_empty(value)) || !has_room(x, text))
        return;
    x->is_changed = true;
    if (!view_is_empty(text)) {
        x->headers[at] = text;
        return;
    }
    x->n--;
    if (at < x->own)
        x->own--;
    for (size_t i = at; i < x->n; i++)
        x->headers[i] = x->headers[i + 1];
}

/* --- envelope --- */

/* The one address in TEXT, in internal form in the message's arena; false (logged) when
 * that is not what it holds. */
static bool parse_address(struct edit *x, struct view text, bool allow_empty,
                          const char *what, struct view *out)
{
    struct cleanup *c = x->cleanup;
    struct str address = STR_INIT(ADDRESS_MAX);
    const struct address_options options = {.allow_empty = allow_empty};
    enum address_fault fault = address_parse_path(text, &options, &address);
    *out = arena_dup(c->arena, str_view(&address));
    str_done(&address);
    if (fault == ADDRESS_OK)
        return true;
    log_warning_as(c->setup->tag, "%s: Milter request to %s: \"%.*s\": %s", cleanup_id(c),
                   what, VIEW_FMT(view_sub(text, 0, 100)), address_fault_text(fault));
    return false;
}

static void ignore_parameter(struct edit *x, struct view parameter)
{
    log_warning_as(x->cleanup->setup->tag,
                   "%s: ignoring ESMTP argument from Milter or header/body_checks: "
                   "\"%.*s\"",
                   cleanup_id(x->cleanup), VIEW_FMT(view_sub(parameter, 0, 100)));
}

static void change_sender(void *context, struct view address, struct view parameters)
{
    struct edit *x = context;
    struct cleanup *c = x->cleanup;
    struct view sender, word;
    while (view_token(&parameters, VIEW(" \t"), &word))
        ignore_parameter(x, word);
    if (!parse_address(x, address, true, "change the sender", &sender))
        return;
    arena_reset(c->scratch);
    c->envelope.sender = arena_dup(
        c->arena, address_map_all(c, PLACE_ENVELOPE_SENDER, sender, c->scratch));
}

static unsigned parse_notify(struct view value)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {{"NEVER", NOTIFY_NEVER},
                 {"SUCCESS", NOTIFY_SUCCESS},
                 {"FAILURE", NOTIFY_FAILURE},
                 {"DELAY", NOTIFY_DELAY}};
    struct view word;
    unsigned notify = 0;
    while (view_token(&value, VIEW(","), &word)) {
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            bit |= view_eq_case(word, view_of(words[i].name)) ? words[i].bit : 0;
        if (bit == 0)
            return 0;
        notify |= bit;
    }
    return notify & NOTIFY_NEVER && notify != NOTIFY_NEVER ? 0 : notify;
}

/* NOTIFY= and ORCPT= of an added recipient. */
static void take_parameter(struct edit *x, struct view word, struct recipient *r)
{
    struct view name, value, type, rest;
    view_cut(word, '=', &name, &value);
    bool is_notify = view_eq_case(name, VIEW("NOTIFY"));
    if (!is_notify && !view_eq_case(name, VIEW("ORCPT"))) {
        ignore_parameter(x, word);
        return;
    }
    if (is_notify && parse_notify(value)) {
        r->notify = (uint8_t)parse_notify(value);
    } else if (!is_notify && orcpt_split(value, &type, &rest)) {
        r->orcpt = value;
    } else {
        log_warning_as(x->cleanup->setup->tag,
                       "%s: Bad %s parameter from Milter or header/body_checks: \"%.*s\"",
                       cleanup_id(x->cleanup), is_notify ? "NOTIFY" : "ORCPT",
                       VIEW_FMT(view_sub(value, 0, 100)));
    }
}

static void add_recipient(void *context, struct view address, struct view parameters)
{
    struct edit *x = context;
    struct cleanup *c = x->cleanup;
    struct recipient r = {.notify = 0};
    struct view plain, word;
    while (view_token(&parameters, VIEW(" \t"), &word))
        take_parameter(x, word, &r);
    if (!parse_address(x, address, true, "add a recipient", &plain))
        return;
    if (view_is_empty(plain)) {
        log_warning_as(c->setup->tag,
                       "%s: ignoring attempt from Milter to add null recipient",
                       cleanup_id(c));
        return;
    }
    if (c->recipients.n >= ENVELOPE_RECIPIENTS_MAX) {
        cleanup_fail(c, FAULT_SIZE, "5.3.4", VIEW("Error: too many recipients"));
        return;
    }
    arena_reset(c->scratch);
    r.address = r.original = arena_dup(
        c->arena, address_map_all(c, PLACE_ENVELOPE_RECIPIENT, plain, c->scratch));
    r.orcpt = arena_dup(c->arena, r.orcpt);
    recipient_expand(c, &r);
}

static void delete_recipient(void *context, struct view address)
{
    struct edit *x = context;
    struct view plain;
    if (parse_address(x, address, false, "drop a recipient", &plain))
        recipients_remove(x->cleanup, plain);
}

/* --- body --- */

/* Write PIECE with our line ends. */
static void write_body(struct edit *x, struct view piece)
{
    struct draft *draft = x->cleanup->draft;
    while (piece.n > 0) {
        size_t n = view_find(piece, '\r');
        n = n == VIEW_NPOS ? piece.n : n;
        if (x->held_cr && piece.p[0] != '\n')
            draft_write(draft, VIEW("\r"));
        x->held_cr = n < piece.n;
        draft_write(draft, view_sub(piece, 0, n));
        piece = view_from(piece, n + (x->held_cr ? 1 : 0));
    }
}

static void replace_body(void *context, struct view piece, bool is_first)
{
    struct edit *x = context;
    struct cleanup *c = x->cleanup;
    uint64_t limit = (uint64_t)c->setup->size_limit;
    if (is_first && !x->has_body)
        draft_write(c->draft, VIEW("\n"));
    if (is_first && !x->has_body)
        x->body_at++;
    x->has_body = true;
    if (is_first) {
        draft_truncate(c->draft, x->body_at);
        x->held_cr = false;
    }
    write_body(x, piece);
    if (limit > 0 && draft_size(c->draft) > limit)
        cleanup_fail(c, FAULT_SIZE, "5.3.4", VIEW("Error: message file too big"));
}

/* A body ends with a whole line. */
static void end_body(void *context)
{
    struct edit *x = context;
    char last = '\n';
    struct draft *draft = x->cleanup->draft;
    if (x->held_cr)
        draft_write(draft, VIEW("\r"));
    x->held_cr = false;
    uint64_t size = draft_size(draft);
    if (size > x->body_at && pread(draft_fd(draft), &last, 1, (off_t)(size - 1)) == 1 &&
        last != '\n')
        draft_write(draft, VIEW("\n"));
}

struct milter_reply milters_edit(struct cleanup *c, struct milters *m)
{
    struct edit x = {.cleanup = c, .arena = arena_new()};
    const struct milter_message message = {
        .context = &x,
        .header = header,
        .body = body,
        .is_over = is_over,
        .add_header = add_header,
        .insert_header = insert_header,
        .change_header = change_header,
        .change_sender = change_sender,
        .add_recipient = add_recipient,
        .delete_recipient = delete_recipient,
        .replace_body = replace_body,
        .end_body = end_body,
    };
    struct milter_reply reply = {.verdict = MILTER_CONTINUE};
    if (read_headers(&x)) {
        reply = milters_message(m, &message);
        write_back(&x);
    }
    memory_free(x.headers);
    arena_free(x.arena);
    return reply;
}
