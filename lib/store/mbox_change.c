/* mbox_change - flags, expunge and new messages in an mbox file
 *
 * Flags go into the blanks that an earlier write left in the header, by one short write.
 * Where there is no room the end of the file is written anew (mbox_rewrite.h), with room
 * for all messages in it: so that happens once.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "run/thread.h"
#include "store/copy.h"
#include "store/mbox.h"
#include "store/mbox_driver.h"
#include "store/mbox_rewrite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* What becomes of one item of the file. */
struct edit {
    bool marks, removed;
    uint32_t flags;
    uint64_t keywords;
};
struct change {
    struct mbox_file file;
    struct mailbox *b;
    struct edit *edits; /* one for each item */
    struct flag_item *flags;
    struct remove_item *removes;
    struct part *parts;
    size_t n;
    struct error *e;
    enum store_result result;
};

static struct mbox_state *state_of(const struct change *c)
{
    return c->b->state;
}

static enum store_result failed(struct change *c)
{
    return store_failed(c->e, "cannot write %s", c->b->path);
}

/* --- marks --- */

static void keyword_names(const struct mailbox *b, uint64_t bits, struct str *out)
{
    str_clear(out);
    for (unsigned i = 0; i < b->n_keywords; i++)
        if (bits >> i & 1)
            str_addf(out, "%s%s", out->n ? " " : "", b->keywords[i]);
}

static bool is_first(const struct mbox_state *s, size_t i)
{
    return i == 0 && !s->has_pseudo;
}

/* The marks of item I: those of EDIT, or those that it has. */
static void marks_of(struct change *c, size_t i, struct str *names,
                     struct mbox_marks *out)
{
    const struct mbox_state *s = state_of(c);
    const struct mbox_item *item = &s->items[i];
    const struct edit *edit = &c->edits[i];
    struct mailbox_message *m = mailbox_by_identity(c->b, view_of(item->key));

    *out = (struct mbox_marks){.flags = item->entry.flags, .uid = item->entry.uid};
    if (m)
        out->uid = m->uid;
    if (edit->marks) {
        out->flags = edit->flags;
        keyword_names(c->b, edit->keywords, names);
    } else {
        str_set(names, view_of(item->keywords));
    }
    out->keywords = str_view(names);
    out->with_base = is_first(s, i);
    out->uidvalidity = c->b->uidvalidity;
    out->last_uid = c->b->uidnext - 1;
}

/* Write HEADER over OLD at offset AT when one short write does it. */
static bool write_in_place(struct change *c, uint64_t at, struct view old,
                           struct view header)
{
    size_t first = 0, last = old.n;

    while (first < old.n && old.p[first] == header.p[first])
        first++;
    while (last > first && old.p[last - 1] == header.p[last - 1])
        last--;
    if (first == last)
        return true;
    if ((at + first) / PAGE != (at + last - 1) / PAGE)
        return false;
    struct view part = view_sub(header, first, last - first);
    return pwrite(c->file.fd, part.p, part.n, (off_t)(at + first)) == (ssize_t)part.n;
}

/* Mark item I where it stands; false when there is no room. */
static bool mark_in_place(struct change *c, size_t i, struct str *old, struct str *names,
                          struct str *header)
{
    struct mbox_item *item = &state_of(c)->items[i];
    const struct mbox_entry *m = &item->entry;
    struct mbox_marks marks;

    str_clear(old);
    str_clear(header);
    marks_of(c, i, names, &marks);
    if (!m->has_base)
        marks.with_base = false;
    if (!mbox_file_bytes(&c->file, m->start, m->start + m->line + m->header, old) ||
        !mbox_text_header(m, str_view(old), &marks, old->n, header) ||
        !write_in_place(c, m->start, str_view(old), str_view(header)))
        return false;
    item->entry.flags = marks.flags;
    item->entry.uid = marks.uid;
    memory_free(item->keywords);
    item->keywords = memory_cstr(str_cstr(names));
    return true;
}

/* --- the end, written anew --- */

/* Item I as it is to be, with room for marks. */
static bool add_item_anew(struct change *c, size_t i, struct str *names, struct str *tail)
{
    const struct mbox_item *item = &state_of(c)->items[i];
    const struct mbox_entry *m = &item->entry;
    struct str raw = STR_INIT(SIZE_MAX / 2);
    struct mbox_marks marks;
    bool ok = mbox_file_bytes(&c->file, m->start, m->end, &raw);

    if (ok && m->is_pseudo) {
        ok = str_add(tail, str_view(&raw));
    } else if (ok) {
        marks_of(c, i, names, &marks);
        ok = mbox_text_header(m, str_view(&raw), &marks, 0, tail) &&
             str_add(tail, view_from(str_view(&raw), (size_t)m->line + m->header));
    }
    str_done(&raw);
    return ok;
}

/* Write anew from item FIRST on. */
static bool write_end(struct change *c, size_t first, struct str *names)
{
    struct mbox_state *s = state_of(c);
    struct str tail = STR_INIT(SIZE_MAX / 2);
    bool ok = true;

    for (size_t i = first; ok && i < s->n; i++)
        if (!c->edits[i].removed)
            ok = add_item_anew(c, i, names, &tail);
    ok = ok && mbox_replace_end(c->file.fd, s->journal, s->items[first].entry.start,
                                str_view(&tail));
    str_done(&tail);
    if (ok)
        ok = mbox_file_read(&c->file, true, c->e) == STORE_OK;
    return ok;
}

/* Does item I lack room for marks? */
static bool lacks_room(const struct mbox_item *item)
{
    return !item->entry.is_pseudo && item->entry.uid == 0;
}

static enum store_result carry_out(struct change *c)
{
    struct mbox_state *s = state_of(c);
    struct str old = STR_INIT(SIZE_MAX / 2), header = STR_INIT(SIZE_MAX / 2);
    struct str names = STR_INIT(MAILBOX_KEYWORDS_MAX * (MAILBOX_KEYWORD_SIZE + 1));
    size_t first = s->n;
    bool ok = true;

    for (size_t i = 0; i < s->n; i++) {
        bool anew = c->edits[i].removed;
        if (c->edits[i].marks && !anew)
            anew =
                lacks_room(&s->items[i]) || !mark_in_place(c, i, &old, &names, &header);
        if (anew && i < first)
            first = i;
    }
    if (first < s->n) {
        /* All that lack room get some now. */
        for (size_t i = 0; c->removes == NULL && i < first; i++)
            if (lacks_room(&s->items[i]))
                first = i;
        ok = write_end(c, first, &names);
    }
    mbox_file_note(&c->file);
    str_done(&old);
    str_done(&header);
    str_done(&names);
    return ok ? STORE_OK : failed(c);
}

/* --- flags and expunge --- */

/* The file, locked and as the items say; false when it has changed, or with result set.
 */
static bool begin(struct change *c, bool create)
{
    struct mbox_state *s = state_of(c);

    c->result = mbox_file_open(&c->file, c->b, create, c->e);
    if (c->result != STORE_OK)
        return false;
    if (!mbox_file_is_current(&c->file)) {
        /* Known from the index only?  Then reading it is enough. */
        bool known = s->has_items;
        c->result = mbox_file_read(&c->file, true, c->e);
        if (c->result != STORE_OK || (known && !create)) {
            mbox_file_close(&c->file);
            return false;
        }
    }
    c->edits = memory_alloc_array(s->n + 1, sizeof *c->edits);
    return true;
}

static void end(struct change *c)
{
    memory_free(c->edits);
    mbox_file_close(&c->file);
}

static void change_flags(void *arg)
{
    struct change *c = arg;
    bool ready = begin(c, false);

    for (size_t k = 0; k < c->n; k++) {
        struct flag_item *f = &c->flags[k];
        struct mbox_item *item = ready ? mbox_item(state_of(c), f->m->key) : NULL;
        f->state = item ? CHANGE_DONE : CHANGE_GONE;
        if (item)
            c->edits[item - state_of(c)->items] =
                (struct edit){.marks = true, .flags = f->flags, .keywords = f->keywords};
    }
    if (!ready)
        return;
    c->result = carry_out(c);
    end(c);
}

static void remove_messages(void *arg)
{
    struct change *c = arg;
    bool ready = begin(c, false);

    for (size_t k = 0; k < c->n; k++) {
        struct remove_item *r = &c->removes[k];
        struct mbox_item *item = ready ? mbox_item(state_of(c), r->m->key) : NULL;
        r->state = item ? CHANGE_DONE : CHANGE_GONE;
        if (item)
            c->edits[item - state_of(c)->items].removed = true;
    }
    if (!ready)
        return;
    c->result = carry_out(c);
    end(c);
}

enum store_result mbox_flag(struct mailbox *b, struct flag_item *items, size_t n,
                            struct error *e)
{
    struct change c = {.b = b, .flags = items, .n = n, .e = e};

    thread_run(change_flags, &c);
    for (size_t i = 0; c.result != STORE_OK && i < n; i++)
        items[i].state = CHANGE_WAITING;
    return c.result;
}

enum store_result mbox_expunge(struct mailbox *b, struct remove_item *items, size_t n,
                               struct error *e)
{
    struct change c = {.b = b, .removes = items, .n = n, .e = e};

    thread_run(remove_messages, &c);
    for (size_t i = 0; c.result != STORE_OK && i < n; i++)
        items[i].state = CHANGE_WAITING;
    return c.result;
}

/* --- new messages --- */

enum store_result mbox_create_part(struct mailbox *b, struct part *p, struct error *e)
{
    static unsigned counter;
    struct str path = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    str_setf(&path, "%s/append.%d.%u", b->account->directory, (int)getpid(), counter++);
    p->fd = open(str_cstr(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                 0600);
    if (p->fd < 0)
        r = store_failed(e, "cannot create %s", str_cstr(&path));
    else
        p->temporary = memory_cstr(str_cstr(&path));
    str_done(&path);
    return r;
}

/* Until the file has it. */
void mbox_name_part(struct mailbox *b, struct part *p)
{
    (void)b;
    memory_free(p->m.key);
    p->m.key = memory_cstr("");
}

/* From_ line and content, ">From " quoted, an empty line at the end. */
static bool quote(const struct part *p, struct str *out)
{
    struct str content = STR_INIT(SIZE_MAX / 2);
    struct copy_filter filter;
    bool ok = store_read_file(p->temporary, &content);

    copy_filter_init(&filter, VIEW("\n"));
    filter.quote_from = true;
    filter.blank_end = true;
    ok = ok && mbox_from_line(VIEW("MAILER-DAEMON"), p->m.received * CLOCK_SECOND, out) &&
         copy_filter_add(&filter, str_view(&content), out) &&
         copy_filter_end(&filter, out);
    str_done(&content);
    return ok;
}

/* Part I as it will stand in the file; its sizes are those that sessions see. */
static bool add_part(struct change *c, size_t i, struct str *tail)
{
    const struct mbox_state *s = state_of(c);
    struct part *p = &c->parts[i];
    struct str raw = STR_INIT(SIZE_MAX / 2);
    struct str names = STR_INIT(MAILBOX_KEYWORDS_MAX * (MAILBOX_KEYWORD_SIZE + 1));
    struct mbox_entry entry;
    bool ok = quote(p, &raw) && mbox_text_next(str_view(&raw), 0, &entry);

    keyword_names(c->b, p->m.keywords, &names);
    struct mbox_marks marks = {
        .flags = p->m.flags,
        .uid = c->b->uidnext + (uint32_t)i,
        .keywords = str_view(&names),
        .with_base = s->n == 0 && i == 0,
        .uidvalidity = c->b->uidvalidity,
        .last_uid = c->b->uidnext + (uint32_t)i,
    };
    ok = ok && mbox_text_header(&entry, str_view(&raw), &marks, 0, tail) &&
         str_add(tail, view_from(str_view(&raw), (size_t)entry.line + entry.header));
    p->m.size = entry.crlf;
    p->m.file_size = entry.size;
    str_done(&raw);
    str_done(&names);
    return ok;
}

/* What must stand between the last message and a new one. */
static struct view gap(const struct change *c)
{
    struct stat st;
    char last[2] = "";

    if (fstat(c->file.fd, &st) < 0 || st.st_size == 0)
        return VIEW_NONE;
    if (st.st_size < 2 || pread(c->file.fd, last, 2, st.st_size - 2) != 2 ||
        last[1] != '\n')
        return VIEW("\n\n");
    return last[0] == '\n' ? VIEW_NONE : VIEW("\n");
}

static void append(void *arg)
{
    struct change *c = arg;
    struct str tail = STR_INIT(SIZE_MAX / 2);
    struct stat st;

    if (!begin(c, true)) {
        if (c->result == STORE_OK)
            c->result = store_refused(c->e, STORE_INUSE, "%s is changing", c->b->path);
        return;
    }
    size_t before = state_of(c)->n;
    bool ok = str_add(&tail, gap(c)) || tail.n == 0;
    for (size_t i = 0; ok && i < c->n; i++)
        ok = add_part(c, i, &tail);
    ok = ok && fstat(c->file.fd, &st) == 0 &&
         mbox_replace_end(c->file.fd, state_of(c)->journal, (uint64_t)st.st_size,
                          str_view(&tail)) &&
         mbox_file_read(&c->file, true, c->e) == STORE_OK;
    c->result = ok ? STORE_OK : failed(c);
    if (ok && state_of(c)->n != before + c->n)
        c->result =
            store_refused(c->e, STORE_FAILED, "%s holds something else", c->b->path);
    for (size_t i = 0; c->result == STORE_OK && i < c->n; i++) {
        memory_free(c->parts[i].m.key);
        c->parts[i].m.key = memory_cstr(state_of(c)->items[before + i].key);
    }
    mbox_file_note(&c->file);
    str_done(&tail);
    end(c);
}

enum store_result mbox_publish(struct mailbox *b, struct part *parts, size_t n,
                               struct error *e)
{
    struct change c = {.b = b, .parts = parts, .n = n, .e = e};

    thread_run(append, &c);
    return c.result;
}
