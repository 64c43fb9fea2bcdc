/* append - APPEND and REPLACE: messages from the client
 *
 * A literal is streamed into the mailbox's file.  RFC 9051 6.3.12; RFC 3502
 * (MULTIAPPEND), RFC 4469 (CATENATE), RFC 8508 (REPLACE).
 */
#include "imap/append.h"

#include "imap.h"
#include "section.h"

#define PIECE 65536

struct appending {
    struct imap *imap;
    struct mailbox *box;
    struct namespace_target target;
    struct mailbox_append *append;
    enum store_result result; /* of the first call that failed */
    struct error error;
    const char *refusal; /* "[BADURL ...] ..." */
    uint64_t size;       /* of the message at hand */
};

static bool note(struct appending *a, enum store_result r)
{
    if (a->result == STORE_OK)
        a->result = r;
    return r == STORE_OK;
}

static bool has_failed(const struct appending *a)
{
    return a->result != STORE_OK || a->refusal;
}

/* Is there room for SIZE bytes?  Before the client is asked to send them. */
static void check_size(struct appending *a, uint64_t size)
{
    if (has_failed(a))
        return;
    if (store_options.append_limit > 0 && size > store_options.append_limit)
        a->refusal = "[TOOBIG] The message is larger than this server takes.";
    else
        note(a, account_quota_check(a->target.account, size, 1, &a->error));
}

/* Stream the literal into the mailbox; what must be refused is read and thrown away.
 * False: the connection is gone, or the client waits and is not to send. */
static bool take_literal(struct appending *a, const struct imap_literal *literal)
{
    struct imap *s = a->imap;
    uint64_t left = literal->size;
    struct view piece, line;

    a->size += left;
    check_size(a, a->size);
    if (has_failed(a) && literal->is_sync)
        return false;
    imap_invite(s, literal);
    while (left > 0) {
        size_t most = left < PIECE ? (size_t)left : PIECE;
        if (stream_read_some(s->stream, most, &piece) != STREAM_OK) {
            s->is_closing = true;
            return false;
        }
        left -= piece.n;
        if (!has_failed(a))
            note(a, mailbox_append_bytes(a->append, piece, &a->error));
    }
    if (!imap_read_line(s, &line))
        return false;
    imap_input_continue(&s->in, line);
    return true;
}

/* --- CATENATE --- */

static bool open_url(struct appending *a, const struct imap_url *url,
                     struct namespace_target *target, struct mailbox **box)
{
    struct imap *s = a->imap;
    struct error e = ERROR_INIT;

    if (url->mailbox.n == 0) {
        *box = s->selected ? s->selected->box : NULL;
        target->account = NULL;
        return *box != NULL;
    }
    if (namespace_resolve(&s->names, url->mailbox, s->arena, target, &e) != STORE_OK)
        return false;
    if (target->rights & ACL_READ &&
        mailbox_open(target->account, target->name, box, &e) == STORE_OK)
        return true;
    account_close(target->account);
    return false;
}

static bool add_url_text(struct appending *a, const struct imap_url *url,
                         struct mailbox *box)
{
    struct str text = STR_INIT((size_t)1 << 31);
    struct batch b;

    if (url->uidvalidity != 0 && url->uidvalidity != mailbox_uidvalidity(box))
        return false;
    batch_init(&b, a->imap, box);
    batch_load(&b, &url->uid, 1, 0);
    bool is_found = section_text(&b, 0, &url->section, &text) == SECTION_OK;
    struct view v = str_view(&text);
    if (url->has_partial)
        v = view_sub(v, url->offset, url->count > 0 ? url->count : v.n);
    a->size += v.n;
    check_size(a, a->size);
    if (is_found && !has_failed(a))
        note(a, mailbox_append_bytes(a->append, v, &a->error));
    batch_done(&b);
    str_done(&text);
    return is_found;
}

static void add_url(struct appending *a, struct view text)
{
    struct namespace_target target;
    struct imap_url url = {0};
    struct mailbox *box;
    bool is_added = false;

    if (has_failed(a))
        return;
    if (imap_url_parse(a->imap->arena, text, &url) && url.uid != 0 &&
        open_url(a, &url, &target, &box)) {
        is_added = add_url_text(a, &url, box);
        if (target.account) {
            mailbox_close(box);
            account_close(target.account);
        }
    }
    if (!is_added)
        a->refusal = arena_printf(a->imap->arena, "[BADURL \"%.*s\"] That is not there.",
                                  VIEW_FMT(text))
                         .p;
}

static bool take_catenate(struct appending *a)
{
    struct imap_catenate part = {0};

    for (;;) {
        if (!imap_take_catenate(&a->imap->in, &part))
            return false;
        switch (part.kind) {
        case IMAP_CATENATE_URL:
            add_url(a, part.url);
            break;
        case IMAP_CATENATE_TEXT:
            if (!take_literal(a, &part.literal))
                return false;
            break;
        case IMAP_CATENATE_END:
            return true;
        }
    }
}

/* --- messages --- */

static struct view keyword_list(struct imap *s, const struct imap_flags *flags)
{
    struct str names = STR_INIT(65536);

    for (size_t i = 0; i < flags->count; i++) {
        if (i > 0)
            str_add_char(&names, ' ');
        str_add(&names, flags->keywords[i]);
    }
    struct view out = arena_dup(s->arena, str_view(&names));
    str_done(&names);
    return out;
}

/* Flags that the client has no right to set are left out (RFC 4314 4). */
static uint32_t allowed_flags(const struct appending *a, uint32_t flags)
{
    if (!(a->target.rights & ACL_SEEN))
        flags &= ~MAILBOX_SEEN;
    if (!(a->target.rights & ACL_DELETE_MESSAGES))
        flags &= ~MAILBOX_DELETED;
    if (!(a->target.rights & ACL_WRITE))
        flags &= MAILBOX_SEEN | MAILBOX_DELETED;
    return flags;
}

static bool take_message(struct appending *a)
{
    struct imap *s = a->imap;
    struct imap_append what;

    if (!imap_take_append(&s->in, &what))
        return false;
    struct mailbox_append_message m = {
        .flags = allowed_flags(a, what.flags.bits & MAILBOX_FLAGS),
        .keywords =
            a->target.rights & ACL_WRITE ? keyword_list(s, &what.flags) : VIEW(""),
        .received = what.has_date ? what.date : -1};
    a->size = 0;
    if (!has_failed(a))
        note(a, mailbox_append_message(a->append, &m, &a->error));
    if (what.is_catenate)
        return take_catenate(a);
    if (what.literal.size == 0)
        a->refusal = "[CANNOT] The message is empty.";
    return take_literal(a, &what.literal) && imap_take_append_end(&s->in, &what);
}

static bool take_messages(struct appending *a, bool only_one)
{
    bool more = true;

    while (more) {
        if (!take_message(a) || (only_one ? !imap_take_end(&a->imap->in)
                                          : !imap_take_append_more(&a->imap->in, &more)))
            return false;
        more &= !only_one;
    }
    return true;
}

static bool refuse(struct appending *a)
{
    if (a->refusal)
        return imap_no(a->imap, "%s", a->refusal);
    return imap_no_store(a->imap, a->result, &a->error);
}

static void appending_end(struct appending *a)
{
    if (a->append)
        mailbox_append_abort(a->append);
    mailbox_close(a->box);
    account_close(a->target.account);
}

/* Open the mailbox and take the messages, up to the commit.  False: *ANSWERED tells
 * whether the client was answered, or the arguments were wrong. */
static bool appending_begin(struct appending *a, bool only_one, bool *answered)
{
    struct imap *s = a->imap;
    struct view name;

    *answered = false;
    if (!imap_take_mailbox(&s->in, &name) || !imap_take_space(&s->in))
        return false;
    *answered = true;
    if (!imap_open(s, name, ACL_INSERT, "TRYCREATE", &a->target, &a->box)) {
        imap_discard_literals(s);
        return false;
    }
    note(a, mailbox_append_begin(a->box, &a->append, &a->error));
    bool is_taken = take_messages(a, only_one);
    if (is_taken && !has_failed(a))
        return true;
    *answered = is_taken || has_failed(a) || s->is_closing;
    if (*answered && !s->is_closing)
        refuse(a);
    appending_end(a);
    return false;
}

static bool commit(struct appending *a, uint32_t *first, size_t *n)
{
    note(a, mailbox_append_commit(a->append, first, n, &a->error));
    a->append = NULL;
    return a->result == STORE_OK;
}

static struct view appenduid(struct appending *a, uint32_t first, size_t n)
{
    struct arena *arena = a->imap->arena;
    uint32_t validity = mailbox_uidvalidity(a->box);

    if (n == 1)
        return arena_printf(arena, "[APPENDUID %u %u]", validity, first);
    return arena_printf(arena, "[APPENDUID %u %u:%zu]", validity, first, first + n - 1);
}

bool command_append(struct imap *s)
{
    struct appending a = {.imap = s};
    uint32_t first;
    bool answered;
    size_t n;

    if (!appending_begin(&a, false, &answered))
        return answered;
    if (commit(&a, &first, &n))
        imap_ok(s, "%s Append completed.", appenduid(&a, first, n).p);
    else
        refuse(&a);
    appending_end(&a);
    return true;
}

/* The message takes the place of another (RFC 8508 3.3). */
bool command_replace(struct imap *s)
{
    struct appending a = {.imap = s};
    struct view_of_mailbox *v = s->selected;
    struct error e = ERROR_INIT;
    struct uid_array old;
    uint32_t first;
    bool answered;
    size_t n;

    if (!view_take_messages(s, &old) || !imap_take_space(&s->in))
        return false;
    if (old.n != 1 || v->is_read_only ||
        ~v->rights & (ACL_DELETE_MESSAGES | ACL_EXPUNGE)) {
        imap_no(s, "[CANNOT] There is no such message to replace here.");
        imap_discard_literals(s);
        return true;
    }
    if (!appending_begin(&a, true, &answered))
        return answered;
    if (!commit(&a, &first, &n)) {
        refuse(&a);
    } else {
        imap_untagged(s, "OK %s Replacement message ready", appenduid(&a, first, n).p);
        enum store_result r = mailbox_expunge(v->box, old.uids, 1, NULL, &e);
        if (r == STORE_OK)
            imap_ok(s, "Replace completed.");
        else
            imap_no_store(s, r, &e);
    }
    appending_end(&a);
    return true;
}
