/* message - from standard input to postdrop
 *
 * The content is kept in a memory file with LF line ends.  Leading "From " lines are
 * dropped, a line with a single dot ends the input unless -i says otherwise, CR before LF
 * goes away as sendmail_fix_line_endings says.
 */
#include "base/log.h"
#include "format/address_list.h"
#include "format/header.h"
#include "format/verp.h"
#include "queue/queue_file.h"
#include "sendmail.h"

#include <errno.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

/* --- the memory file --- */

struct content {
    int fd;
    uint64_t size, limit;
    size_t used; /* bytes of buffer */
    char buffer[1 << 16];
};

static void flush_content(struct content *c)
{
    if (!queue_write_full(c->fd, c->buffer, c->used, c->size - c->used))
        fatal(EX_OSERR, "keep message in memory: %s", strerror(errno));
    c->used = 0;
}

__attribute__((noreturn)) static void too_big(void)
{
    const struct passwd *user = getpwuid(getuid());

    fatal(EX_UNAVAILABLE, "%s(%ld): message file too big",
          user ? user->pw_name : "unknown", (long)getuid());
}

static void add_content(struct content *c, struct view v)
{
    if (v.n > c->limit - c->size)
        too_big();
    while (v.n > 0) {
        struct view piece = view_sub(v, 0, sizeof c->buffer - c->used);
        memcpy(c->buffer + c->used, piece.p, piece.n);
        c->used += piece.n;
        c->size += piece.n;
        v = view_from(v, piece.n);
        if (c->used == sizeof c->buffer)
            flush_content(c);
    }
}

static void open_content(struct content *c, const struct conf *conf)
{
    int64_t limit = conf_int(conf, P_message_size_limit);

    c->limit = limit > 0 ? (uint64_t)limit : UINT64_MAX / 2;
    c->fd = memfd_create("message", MFD_CLOEXEC);
    if (c->fd < 0)
        fatal(EX_OSERR, "memfd_create: %s", strerror(errno));
}

/* --- lines of the input --- */

/* How CR before LF is treated: sendmail_fix_line_endings. */
enum line_ends { STRIP_ALWAYS, STRIP_LIKE_FIRST, STRIP_NEVER };

struct reader {
    struct content *out;
    enum line_ends ends;
    bool dot_is_content;
    bool is_first_line;  /* its end decides for STRIP_LIKE_FIRST */
    bool may_be_mailbox; /* only "From " lines so far */
    bool at_line_start;
    struct str line; /* the part of a line that is held back */
};

/* The longest line that is looked at as a whole; of longer ones only the start matters.
 */
enum { LINE_HELD = 1 << 16 };

/* A whole line without its end; false: the end of the message. */
static bool take_line(struct reader *r, struct view line, bool has_end)
{
    bool has_cr = has_end && line.n > 0 && line.p[line.n - 1] == '\r';

    if (r->is_first_line && r->ends == STRIP_LIKE_FIRST)
        r->ends = has_cr ? STRIP_ALWAYS : STRIP_NEVER;
    r->is_first_line = false;
    if (has_cr && r->ends == STRIP_ALWAYS)
        line.n--;
    if (!r->dot_is_content && r->at_line_start && view_eq(line, VIEW(".")))
        return false;
    if (r->may_be_mailbox && header_is_mailbox_line(line))
        return true;
    r->may_be_mailbox = false;
    add_content(r->out, line);
    add_content(r->out, VIEW("\n"));
    return true;
}

/* Bytes of the input; false when the message has ended. */
static bool take_bytes(struct reader *r, struct view bytes)
{
    while (bytes.n > 0) {
        size_t end = view_find(bytes, '\n');
        struct view piece = end == VIEW_NPOS ? bytes : view_sub(bytes, 0, end);
        if (piece.n > r->line.limit - r->line.n) {
            /* A monster line: what is held is content, whatever follows. */
            add_content(r->out, str_view(&r->line));
            str_clear(&r->line);
            r->at_line_start = r->may_be_mailbox = false;
        }
        str_add(&r->line, piece);
        if (end == VIEW_NPOS)
            return true;
        bool more = take_line(r, str_view(&r->line), true);
        str_clear(&r->line);
        r->at_line_start = true;
        if (!more)
            return false;
        bytes = view_from(bytes, end + 1);
    }
    return true;
}

static enum line_ends line_ends(const struct conf *c)
{
    struct view value = conf_view(c, P_sendmail_fix_line_endings);

    if (view_eq_case(value, VIEW("strict")))
        return STRIP_LIKE_FIRST;
    return view_eq_case(value, VIEW("never")) ? STRIP_NEVER : STRIP_ALWAYS;
}

static void read_input(const struct request *request, struct content *out)
{
    static char buffer[1 << 15];
    struct reader r = {.out = out,
                       .ends = line_ends(request->conf),
                       .dot_is_content = request->dot_is_content,
                       .is_first_line = true,
                       .may_be_mailbox = true,
                       .at_line_start = true,
                       .line = STR_INIT(LINE_HELD)};
    bool more = true;

    while (more) {
        ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fatal(EX_DATAERR, "error reading standard input: %s", strerror(errno));
        if (n == 0)
            break;
        more = take_bytes(&r, (struct view){buffer, (size_t)n});
    }
    if (more && r.line.n > 0)
        (void)take_line(&r, str_view(&r.line), false);
    str_done(&r.line);
}

/* --- recipients --- */

struct recipients {
    struct recipient *items;
    size_t n, room;
};

static void add_recipient(const struct request *r, struct recipients *to,
                          struct view address)
{
    if (address.n == 0)
        return;
    if (to->n == to->room) {
        size_t room = to->room ? to->room * 2 : 16;
        struct recipient *items = arena_alloc_array(r->arena, room, sizeof *items);
        if (to->n)
            memcpy(items, to->items, to->n * sizeof *items);
        to->items = items;
        to->room = room;
    }
    to->items[to->n++] =
        (struct recipient){.address = address, .notify = (uint8_t)r->notify};
}

static void add_addresses(const struct request *r, struct recipients *to,
                          struct view text)
{
    struct address_list *list = address_list_parse(r->arena, text, 0);

    for (size_t i = 0; i < list->count; i++)
        add_recipient(r, to, list->items[i].address);
}

/* -t: To, Cc and Bcc, or the Resent- forms when there is any. */
static void extract_recipients(const struct request *r, const struct content *content,
                               struct recipients *to)
{
    struct recipients plain = {.n = 0}, resent = {.n = 0};
    bool is_resent = false;
    struct header h;

    if (content->size == 0)
        return;
    void *map = mmap(NULL, content->size, PROT_READ, MAP_PRIVATE, content->fd, 0);
    if (map == MAP_FAILED)
        fatal(EX_OSERR, "mmap: %s", strerror(errno));
    struct view all = arena_dup(r->arena, (struct view){map, content->size});
    (void)munmap(map, content->size);
    while (header_next(&all, &h) == HEADER_NEXT_FIELD) {
        bool resent_header = h.type->flags & HEADER_IS_RESENT;
        is_resent = is_resent || resent_header;
        if (h.type->flags & HEADER_IS_EXTRACT)
            add_addresses(r, resent_header ? &resent : &plain, h.body);
    }
    const struct recipients *found = is_resent ? &resent : &plain;
    for (size_t i = 0; i < found->n; i++)
        add_recipient(r, to, found->items[i].address);
    if (to->n == 0)
        fatal(EX_USAGE, "No recipient addresses found in message header");
}

/* --- who sends --- */

/* The part of GECOS in front of the comma, with '&' standing for the login name. */
static struct view gecos_name(const struct request *r, const struct passwd *user)
{
    struct str out = STR_INIT(1024);
    struct view head, tail;

    (void)view_cut(view_of(user->pw_gecos), ',', &head, &tail);
    for (size_t i = 0; i < head.n; i++) {
        if (head.p[i] != '&') {
            str_add_char(&out, head.p[i]);
            continue;
        }
        str_add_char(&out, (char)ascii_upper(user->pw_name[0]));
        str_add_cstr(&out, user->pw_name[0] ? user->pw_name + 1 : "");
    }
    struct view copy = arena_dup(r->arena, str_view(&out));
    str_done(&out);
    return copy;
}

static struct view clean_text(const struct request *r, const char *text)
{
    struct view copy = arena_dup(r->arena, view_of(text));

    for (char *p = (char *)(uintptr_t)copy.p; p && *p; p++) {
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    }
    return copy;
}

static void set_sender(const struct request *r, struct submission *s)
{
    const struct passwd *user = getpwuid(getuid());

    if (r->full_name)
        s->full_name = clean_text(r, r->full_name);
    else if (user)
        s->full_name = gecos_name(r, user);
    if (r->sender) {
        struct address_list *list = address_list_parse(r->arena, view_of(r->sender), 0);
        s->sender = list->count > 0 ? list->items[0].address : VIEW("");
    } else if (user) {
        s->sender = arena_dup(r->arena, view_of(user->pw_name));
    } else {
        fatal(EX_OSERR, "unable to find the login name of user id %ld; use -f",
              (long)getuid());
    }
}

/* -XV */
static void set_verp(const struct request *r, struct submission *s)
{
    struct view given = view_of(r->verp),
                allowed = conf_view(r->conf, P_verp_delimiter_filter);

    if (!r->verp)
        return;
    s->verp_delimiters =
        view_is_empty(given) ? conf_view(r->conf, P_default_verp_delimiters) : given;
    if (!verp_delimiters_are_valid(s->verp_delimiters, allowed))
        fatal(EX_USAGE, "-V requires two characters from %.*s", VIEW_FMT(allowed));
    if (view_is_empty(s->sender))
        fatal(EX_USAGE, "-V option requires non-null sender address");
}

/* --- all together --- */

/* -bv: no message is read, the report has to have some content. */
static void make_probe(const struct request *r, const struct submission *s,
                       struct content *out)
{
    struct view line =
        arena_printf(r->arena, "From: %.*s\nSubject: probe\n", VIEW_FMT(s->sender));

    add_content(out, line);
    if (s->n_recipients > 0)
        add_content(out, arena_printf(r->arena, "To: %.*s\n",
                                      VIEW_FMT(s->recipients[0].address)));
    add_content(out, VIEW("\n"));
}

static void check_user(const struct conf *c)
{
    struct str name = STR_INIT(256);

    if (!submission_user_is_allowed(c, P_authorized_submit_users, getuid(), &name))
        fatal(EX_NOPERM, "User %s(%ld) is not allowed to submit mail", str_cstr(&name),
              (long)getuid());
    str_done(&name);
}

int send_message(struct request *r)
{
    static struct content content;
    struct error e = ERROR_INIT;
    struct recipients to = {.n = 0};
    struct submission s = {.flags = r->flags, .ret = r->ret, .envid = view_of(r->envid)};

    check_user(r->conf);
    if (r->n_recipients == 0 && !r->extract)
        fatal(EX_USAGE, "Recipient addresses must be specified on the command line or "
                        "via the -t option");
    set_sender(r, &s);
    set_verp(r, &s);
    for (size_t i = 0; i < r->n_recipients; i++)
        add_addresses(r, &to, view_of(r->recipients[i]));
    s.recipients = to.items;
    s.n_recipients = to.n;
    open_content(&content, r->conf);
    if (r->mode == MODE_VERIFY)
        make_probe(r, &s, &content);
    else
        read_input(r, &content);
    flush_content(&content);
    if (r->extract)
        extract_recipients(r, &content, &to);
    if (to.n == 0)
        fatal(EX_USAGE, "no recipient address in the command line");
    s.recipients = to.items;
    s.n_recipients = to.n;
    int status = submission_drop(r->conf, &s, content.fd, content.size, &e);
    if (status != EX_OK && error_is_set(&e))
        fatal(status, "%s", error_cstr(&e));
    return status;
}
