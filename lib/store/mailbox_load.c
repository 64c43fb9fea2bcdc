/* mailbox_load - a mailbox and its rows in the index */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "store/driver.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

/* UIDs that are reserved at a time: each time costs a flush. */
enum { RESERVE = 256 };

/* --- keywords --- */

void mailbox_set_keywords(struct mailbox *b, struct view names)
{
    struct view name;

    for (unsigned i = 0; i < b->n_keywords; i++)
        memory_free(b->keywords[i]);
    b->n_keywords = 0;
    while (names.n > 0 && b->n_keywords < MAILBOX_KEYWORDS_MAX) {
        view_cut(names, '\n', &name, &names);
        char *copy = memory_alloc(name.n + 1);
        if (name.n > 0)
            memcpy(copy, name.p, name.n);
        b->keywords[b->n_keywords++] = copy;
    }
}

void mailbox_get_keywords(const struct mailbox *b, struct str *out)
{
    str_clear(out);
    for (unsigned i = 0; i < b->n_keywords; i++) {
        str_add_cstr(out, b->keywords[i]);
        str_add_char(out, '\n');
    }
}

/* --- rows --- */

static void take_message(const struct mailbox_message *m, struct view key, void *arg)
{
    struct mailbox *b = arg;
    struct mailbox_message copy = *m;

    if (b->n > 0 && b->messages[b->n - 1].uid >= m->uid)
        return;
    copy.key = memory_alloc(key.n + 1);
    if (key.n > 0)
        memcpy(copy.key, key.p, key.n);
    mailbox_insert(b, &copy);
}

static void take_row(struct mailbox *b, const struct index_folder *f)
{
    b->uidvalidity = f->uidvalidity;
    b->uidnext = f->uidnext > 0 ? f->uidnext : 1;
    if (f->recent > b->recent)
        b->recent = f->recent;
    b->modseq = f->modseq;
    b->floor = f->floor;
    mailbox_set_keywords(b, str_view(&f->keywords));
}

/* What a mailbox without a row begins with. */
static void take_nothing(struct mailbox *b)
{
    b->uidnext = 1;
    b->recent = b->recent ? b->recent : 1;
    b->is_new = true;
    b->floor = b->modseq = (uint64_t)(clock_wall() / 1000);
}

/* UIDs that were reserved, and perhaps given out by a transaction that a power cut undid,
 * are not given out again. */
static void pass_over_reserved(struct mailbox *b, const struct folder_identity *id)
{
    b->ceiling = id->ceiling;
    if ((id->is_of_this_boot && !b->is_new) || b->uidnext >= id->ceiling)
        return;
    b->uidnext = id->ceiling;
    b->modseq = mailbox_next_modseq(b);
}

/* Is the process that OWNER ("pid boot-id") names still there? */
static bool is_alive(struct view owner)
{
    struct view pid, boot;
    uint64_t n;

    (void)view_cut(owner, ' ', &pid, &boot);
    return view_eq(boot, view_of(store_boot_id())) &&
           number_parse_u64(pid, 1, INT32_MAX, &n) &&
           (kill((pid_t)n, 0) == 0 || errno != ESRCH);
}

struct recovery {
    struct mailbox *b;
    struct str dead; /* owner LF key LF ... */
};

static void note_dead(struct view owner, struct view key, void *arg)
{
    struct recovery *r = arg;

    if (is_alive(owner))
        return;
    str_add(&r->dead, owner);
    str_add_char(&r->dead, '\n');
    str_add(&r->dead, key);
    str_add_char(&r->dead, '\n');
}

/* Undo what a process began and did not live to finish. */
static enum store_result recover(struct mailbox *b, struct index *ix, struct error *e)
{
    struct recovery r = {.b = b, .dead = STR_INIT(64 * 1024 * 1024)};
    struct view rest, owner, key;
    enum store_result result = STORE_OK;

    index_intents(ix, b->id, note_dead, &r);
    if (r.dead.n > 0) {
        rest = str_view(&r.dead);
        while (view_cut(rest, '\n', &owner, &rest) && view_cut(rest, '\n', &key, &rest))
            b->account->driver->unpublish(b, key);
        result = index_begin(ix, e);
        rest = str_view(&r.dead);
        while (result == STORE_OK && view_cut(rest, '\n', &owner, &rest) &&
               view_cut(rest, '\n', &key, &rest))
            index_intent_clear(ix, b->id, owner);
        if (result == STORE_OK)
            result = index_commit(ix, e);
    }
    str_done(&r.dead);
    return result;
}

/* One try. */
static enum store_result load(struct mailbox *b, struct error *e)
{
    const struct store_driver *driver = b->account->driver;
    struct folder_identity id;
    struct index_folder f;
    struct index *ix;
    bool was_loaded = b->is_loaded;
    enum store_result r = account_identity(b->account, view_of(b->name), &id, e);

    if (r == STORE_OK)
        r = account_index(b->account, &ix, e);
    if (r != STORE_OK)
        return r;
    mailbox_unload(b);
    b->id = id.id;
    snprintf(b->id_text, sizeof b->id_text, "M%016" PRIx64, id.id);
    index_folder_init(&f);
    b->is_new = false;
    if (index_folder_get(ix, b->id, &f))
        take_row(b, &f);
    else
        take_nothing(b);
    b->uidvalidity = id.uidvalidity;
    pass_over_reserved(b, &id);
    bool ok = index_messages(ix, b->id, take_message, b);
    if (b->n > 0 && b->messages[b->n - 1].uid >= b->uidnext)
        b->uidnext = b->messages[b->n - 1].uid + 1;
    b->state = driver->open(b);
    if (!b->is_new)
        driver->restore(b, str_view(&f.scan));
    index_folder_done(&f);
    if (!ok) {
        mailbox_unload(b);
        return store_refused(e, STORE_FAILED, "the index of mailbox %s cannot be read",
                             b->name);
    }
    b->is_loaded = true;
    b->must_load = b->must_check = false;
    r = recover(b, ix, e);
    if (was_loaded)
        mailbox_touch(b, true);
    mailbox_watch_update(b);
    return r;
}

enum store_result mailbox_load(struct mailbox *b, struct error *e)
{
    enum store_result r = load(b, e);

    /* An index that shows damage now is made again at the next use. */
    if (r != STORE_OK && b->account->index && index_is_damaged(b->account->index))
        r = load(b, e);
    return r;
}

/* --- changes --- */

uint64_t mailbox_next_modseq(struct mailbox *b)
{
    uint64_t now = (uint64_t)(clock_wall() / 1000);

    /* Of the clock, so that numbers which a power cut undid do not come again. */
    b->modseq = now > b->modseq ? now : b->modseq + 1;
    return b->modseq;
}

/* Make sure that COUNT more UIDs may be given out. */
static enum store_result reserve(struct mailbox *b, size_t count, struct error *e)
{
    struct folder_file *f = &b->account->folders;
    uint64_t need = (uint64_t)b->uidnext + count;

    if (count == 0 || need <= b->ceiling)
        return STORE_OK;
    if (need + RESERVE >= UINT32_MAX)
        return store_refused(e, STORE_LIMIT, "mailbox %s has no UIDs left", b->name);
    enum store_result r = folder_file_begin(f, e);
    if (r != STORE_OK)
        return r;
    struct folder_record *record = folder_file_get(f, view_of(b->name));
    if (!record || record->id != b->id) {
        folder_file_cancel(f);
        b->must_load = true;
        return store_refused(e, STORE_NONEXISTENT, "mailbox %s is another one now",
                             b->name);
    }
    uint32_t ceiling = (uint32_t)need + RESERVE;
    if (record->ceiling < ceiling)
        record->ceiling = ceiling;
    ceiling = record->ceiling;
    snprintf(record->boot, sizeof record->boot, "%s", store_boot_id());
    r = folder_file_commit(f, e);
    if (r == STORE_OK)
        b->ceiling = ceiling;
    return r;
}

/* Is what memory holds what the index holds?  Inside a transaction. */
static bool is_current(struct mailbox *b, struct index *ix)
{
    struct index_folder f;

    account_take_up(b->account);
    if (!b->must_check)
        return true;
    index_folder_init(&f);
    bool same = index_folder_get(ix, b->id, &f)
                    ? f.modseq == b->modseq && f.uidnext == b->uidnext &&
                          f.uidvalidity == b->uidvalidity
                    : b->is_new;
    index_folder_done(&f);
    b->must_check = !same;
    return same;
}

enum store_result mailbox_begin(struct mailbox *b, size_t count, struct error *e)
{
    struct index *ix;

    for (;;) {
        enum store_result r = account_index(b->account, &ix, e);
        if (r == STORE_OK)
            r = reserve(b, count, e);
        if (r == STORE_OK)
            r = index_begin(ix, e);
        if (r != STORE_OK)
            return r;
        if (is_current(b, ix) &&
            (count == 0 || (uint64_t)b->uidnext + count <= b->ceiling))
            return STORE_OK;
        index_rollback(ix);
        if (b->must_check && (r = mailbox_load(b, e)) != STORE_OK)
            return r;
    }
}

enum store_result mailbox_commit(struct mailbox *b, struct error *e)
{
    struct index *ix = b->account->index;
    struct index_folder f;

    index_folder_init(&f);
    f.uidvalidity = b->uidvalidity;
    f.uidnext = b->uidnext;
    f.recent = b->recent;
    f.modseq = b->modseq;
    index_vanished_trim(ix, b->id, store_options.vanished_limit, &b->floor);
    f.floor = b->floor;
    mailbox_get_keywords(b, &f.keywords);
    b->account->driver->save(b, &f.scan);
    index_folder_put(ix, b->id, &f);
    index_folder_done(&f);
    enum store_result r = index_commit(ix, e);
    if (r != STORE_OK)
        b->must_load = true;
    else
        b->is_new = b->recent_is_new = false;
    return r;
}

void mailbox_rollback(struct mailbox *b)
{
    if (b->account->index)
        index_rollback(b->account->index);
    b->must_load = true;
}
