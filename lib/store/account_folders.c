/* account_folders - names of mailboxes: list, create, delete, rename, subscribe */
#include "store/account.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/driver.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 1000, LEVELS_MAX = 32 };

static bool is_inbox(struct view name)
{
    return view_eq(name, VIEW("INBOX"));
}

static bool is_below(struct view name, struct view parent)
{
    return name.n > parent.n + 1 && view_starts(name, parent) && name.p[parent.n] == '/';
}

bool account_name(const struct account *a, struct view name, struct str *out)
{
    size_t levels = 1;

    if (name.n == 0 || name.n > NAME_MAX_BYTES || !view_is_utf8(name) ||
        name.p[0] == '/' || name.p[name.n - 1] == '/')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < ' ' || c == 0x7f)
            return false;
        if (c == '/') {
            levels++;
            if (name.p[i - 1] == '/')
                return false;
        }
    }
    str_clear(out);
    bool inbox = view_eq_case(view_sub(name, 0, 5), VIEW("INBOX")) &&
                 (name.n == 5 || name.p[5] == '/');
    str_add(out, inbox ? VIEW("INBOX") : VIEW_NONE);
    str_add(out, inbox ? view_from(name, 5) : name);
    return levels <= LEVELS_MAX && !out->overflow && a->driver->accepts(a, str_view(out));
}

/* --- identity --- */

/* Names that other programs subscribed to, one a line. */
static void import_subscriptions(struct account *a)
{
    static const char *const files[] = {"subscriptions", "courierimapsubscribed",
                                        ".subscriptions"};
    struct str path = STR_INIT(PATH_MAX), text = STR_INIT(1024 * 1024);
    struct str name = STR_INIT(NAME_MAX_BYTES + 10);

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        str_setf(&path, "%s/%s", a->place.root, files[i]);
        if (!store_read_file(str_cstr(&path), &text))
            continue;
        struct view rest = str_view(&text), line;
        bool has_version = view_starts(rest, VIEW("V\t2\n"));
        while (rest.n > 0) {
            view_cut(rest, '\n', &line, &rest);
            if (has_version && view_starts(line, VIEW("V\t")))
                continue;
            if (a->driver->parse_subscription(a, line, &name))
                folder_file_make(&a->folders, str_view(&name))->is_subscribed = true;
        }
        break;
    }
    str_done(&path);
    str_done(&text);
    str_done(&name);
}

static enum store_result rename_all(struct account *a, struct view from, struct view to,
                                    struct error *e);
static void forget_rename(struct account *a);

/* What cannot be finished stays as it is: the account must open all the same. */
static void finish_rename(struct account *a)
{
    struct error e = ERROR_INIT;

    if (rename_all(a, view_of(a->folders.rename_from), view_of(a->folders.rename_to),
                   &e) == STORE_OK)
        return;
    log_warning("%s: mailbox %s was not renamed whole to %s: %s", a->place.root,
                a->folders.rename_from, a->folders.rename_to, error_cstr(&e));
    forget_rename(a);
}

enum store_result account_begin_folders(struct account *a, struct error *e)
{
    enum store_result r = folder_file_read(&a->folders, e);

    if (r != STORE_OK || (!a->folders.is_new && !a->folders.rename_from))
        return r;
    r = folder_file_begin(&a->folders, e);
    if (r != STORE_OK)
        return r;
    if (a->folders.is_new)
        import_subscriptions(a);
    if (a->folders.rename_from && a->folders.rename_to)
        finish_rename(a);
    return folder_file_commit(&a->folders, e);
}

static void copy_identity(const struct folder_record *r, struct folder_identity *out)
{
    const char *boot = store_boot_id();

    out->id = r->id;
    out->uidvalidity = r->uidvalidity;
    out->ceiling = r->ceiling;
    out->is_of_this_boot = boot[0] && strcmp(boot, r->boot) == 0;
}

enum store_result account_identity(struct account *a, struct view name,
                                   struct folder_identity *out, struct error *e)
{
    enum store_result result = folder_file_read(&a->folders, e);

    if (result != STORE_OK)
        return result;
    struct folder_record *r = folder_file_get(&a->folders, name);
    if (r && r->id) {
        copy_identity(r, out);
        return STORE_OK;
    }
    result = folder_file_begin(&a->folders, e);
    if (result != STORE_OK)
        return result;
    r = folder_file_make(&a->folders, name);
    if (r->id) { /* another process was faster */
        copy_identity(r, out);
        folder_file_cancel(&a->folders);
        return STORE_OK;
    }
    folder_file_new_mailbox(&a->folders, r);
    copy_identity(r, out);
    return folder_file_commit(&a->folders, e);
}

enum store_result account_mailbox_id(struct account *a, struct view name, char out[24],
                                     struct error *e)
{
    struct folder_identity id;

    if (!a->driver->exists(a, name))
        return store_refused(e, STORE_NONEXISTENT, "mailbox %.*s does not exist",
                             VIEW_FMT(name));
    enum store_result r = account_identity(a, name, &id, e);
    if (r == STORE_OK)
        snprintf(out, 24, "M%016" PRIx64, id.id);
    return r;
}

/* --- list --- */

struct listing {
    struct account *account;
    struct arena *arena;
    struct hash *by_name;
    struct account_folder *items;
    size_t n, cap;
};

/* The place of NAME among the items, appended when it is not there; with the levels
 * above. */
static size_t list_name(struct listing *l, struct view name)
{
    void *known = hash_get(l->by_name, name);

    if (known)
        return (size_t)(uintptr_t)known - 1;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 32;
        l->items = memory_resize(l->items, l->cap * sizeof *l->items);
    }
    l->items[l->n] = (struct account_folder){.name = arena_dup(l->arena, name)};
    size_t at = l->n++;
    hash_put(l->by_name, name, (void *)(uintptr_t)(at + 1)); // NOLINT
    size_t slash = view_rfind(name, '/');
    if (slash != VIEW_NPOS)
        (void)list_name(l, view_sub(name, 0, slash));
    return at;
}

static void list_existing(struct view name, bool no_inferiors, void *arg)
{
    struct listing *l = arg;
    size_t at = list_name(l, name);

    l->items[at].exists = true;
    l->items[at].no_inferiors = no_inferiors;
    for (;;) {
        size_t slash = view_rfind(name, '/');
        if (slash == VIEW_NPOS)
            return;
        name = view_sub(name, 0, slash);
        at = list_name(l, name);
        l->items[at].has_children = true;
    }
}

/* Level by level: "/" sorts before all else; INBOX first. */
static int by_name(const void *x, const void *y)
{
    struct view a = ((const struct account_folder *)x)->name;
    struct view b = ((const struct account_folder *)y)->name;
    bool a_inbox = is_inbox(a) || is_below(a, VIEW("INBOX"));
    bool b_inbox = is_inbox(b) || is_below(b, VIEW("INBOX"));

    if (a_inbox != b_inbox)
        return a_inbox ? -1 : 1;
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        if (a.p[i] == b.p[i])
            continue;
        unsigned char c = (unsigned char)a.p[i], d = (unsigned char)b.p[i];
        return (c == '/' ? 0 : c) < (d == '/' ? 0 : d) ? -1 : 1;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static void list_records(struct listing *l)
{
    size_t at = 0;
    struct view name;
    void *value;

    while (hash_next(l->account->folders.records, &at, &name, &value)) {
        const struct folder_record *r = value;
        if (r->is_subscribed)
            l->items[list_name(l, name)].is_subscribed = true;
        void *known = hash_get(l->by_name, name);
        if (known && r->id)
            l->items[(uintptr_t)known - 1].special_use = r->special_use;
    }
}

enum store_result account_list(struct account *a, struct arena *arena,
                               struct account_folder **out, size_t *n, struct error *e)
{
    struct listing l = {.account = a, .arena = arena, .by_name = hash_new()};
    enum store_result r = folder_file_read(&a->folders, e);

    if (r == STORE_OK)
        r = a->driver->list(a, list_existing, &l, e);
    if (r == STORE_OK)
        r = folder_file_read(&a->folders, e);
    if (r == STORE_OK) {
        list_records(&l);
        if (l.n > 0)
            qsort(l.items, l.n, sizeof *l.items, by_name);
        *out = arena_alloc_array(arena, l.n + 1, sizeof **out);
        if (l.n > 0)
            memcpy(*out, l.items, l.n * sizeof **out);
        *n = l.n;
    }
    hash_free(l.by_name, NULL);
    memory_free(l.items);
    return r;
}

/* --- open mailboxes whose names change --- */

/* Lock all open mailboxes that are NAME, or BELOW it, so that nobody is at their files;
 * a->lock is held, so that no more get opened. */
static struct list_link *unlocked(struct account *a, struct view name, bool below)
{
    LIST_FOR_EACH (struct mailbox, b, &a->mailboxes, link)
        if (!b->is_gone && !b->is_held &&
            (view_eq(view_of(b->name), name) ||
             (below && is_below(view_of(b->name), name))))
            return &b->link;
    return NULL;
}

static void hold_open(struct account *a, struct view name, bool below)
{
    struct list_link *k;

    while ((k = unlocked(a, name, below)) != NULL) {
        struct mailbox *b = CONTAINER_OF(k, struct mailbox, link);
        b->is_held = true;
        b->references++;
        store_lock_take(&b->lock);
    }
}

static void release_open(struct account *a)
{
    LIST_FOR_EACH_SAFE (struct mailbox, b, &a->mailboxes, link) {
        if (!b->is_held)
            continue;
        b->is_held = false;
        store_lock_give(&b->lock);
        b->references--;
        if (b->references == 0 && b->is_gone)
            mailbox_free(b);
    }
}

/* --- create and delete --- */

static void count_one(struct view name, bool no_inferiors, void *arg)
{
    (void)name;
    (void)no_inferiors;
    ++*(uint64_t *)arg;
}

static enum store_result check_new(struct account *a, struct view name, struct error *e)
{
    uint64_t count = 0;

    if (a->driver->exists(a, name))
        return store_refused(e, STORE_EXISTS, "mailbox %.*s exists", VIEW_FMT(name));
    enum store_result r = a->driver->list(a, count_one, &count, e);
    if (r == STORE_OK && count >= store_options.mailbox_count)
        r = store_refused(e, STORE_LIMIT, "there are %" PRIu64 " mailboxes already",
                          count);
    return r;
}

/* A new mailbox has the access list of the one above it (RFC 4314 3.1 leaves the choice).
 */
static void inherit_acl(struct account *a, struct folder_record *r)
{
    struct view name = view_of(r->name);
    size_t slash;

    while ((slash = view_rfind(name, '/')) != VIEW_NPOS) {
        name = view_sub(name, 0, slash);
        struct folder_record *above = folder_file_get(&a->folders, name);
        for (struct folder_item *i = above ? above->acl : NULL; i; i = i->next)
            folder_item_set(&r->acl, view_of(i->name), str_view(&i->value));
        if (above && above->id)
            return;
    }
}

/* A record for a mailbox that now begins to exist. */
static enum store_result record_new(struct account *a, struct view name, unsigned special,
                                    struct error *e)
{
    enum store_result result = folder_file_begin(&a->folders, e);

    if (result != STORE_OK)
        return result;
    struct folder_record *r = folder_file_make(&a->folders, name);
    folder_file_new_mailbox(&a->folders, r);
    r->special_use = special;
    inherit_acl(a, r);
    return folder_file_commit(&a->folders, e);
}

enum store_result account_create(struct account *a, struct view name,
                                 unsigned special_use, struct error *e)
{
    store_lock_take(&a->lock);
    enum store_result r = check_new(a, name, e);
    if (r == STORE_OK)
        r = record_new(a, name, special_use, e);
    if (r == STORE_OK)
        r = a->driver->create(a, name, e);
    store_lock_give(&a->lock);
    if (r == STORE_OK)
        account_changed(a, name);
    return r;
}

/* Forget what index and folder file say of NAME; subscriptions stay. */
static enum store_result forget_folder(struct account *a, struct view name,
                                       struct error *e)
{
    struct index *ix;
    enum store_result result = folder_file_begin(&a->folders, e);

    if (result != STORE_OK)
        return result;
    struct folder_record *r = folder_file_get(&a->folders, name);
    uint64_t id = r ? r->id : 0;
    bool subscribed = r && r->is_subscribed;
    folder_file_remove(&a->folders, name);
    if (subscribed)
        folder_file_make(&a->folders, name)->is_subscribed = true;
    result = folder_file_commit(&a->folders, e);
    if (result == STORE_OK && id && account_index(a, &ix, e) == STORE_OK &&
        index_begin(ix, e) == STORE_OK) {
        index_folder_remove(ix, id);
        result = index_commit(ix, e);
    }
    return result;
}

static void mark_gone(struct account *a, struct view name)
{
    struct mailbox *b = account_open_mailbox(a, name);

    if (!b)
        return;
    b->is_gone = true;
    mailbox_touch(b, true);
    mailbox_watch_update(b);
}

enum store_result account_delete(struct account *a, struct view name, struct error *e)
{
    if (is_inbox(name))
        return store_refused(e, STORE_CANNOT, "INBOX cannot be deleted");
    store_lock_take(&a->lock);
    enum store_result r = STORE_OK;
    hold_open(a, name, false);
    if (!a->driver->exists(a, name))
        r = store_refused(e, STORE_NONEXISTENT, "mailbox %.*s does not exist",
                          VIEW_FMT(name));
    if (r == STORE_OK)
        r = a->driver->remove(a, name, e);
    if (r == STORE_OK) {
        mark_gone(a, name);
        r = forget_folder(a, name, e);
    }
    if (r == STORE_OK)
        r = quota_recount(a, e);
    release_open(a);
    store_lock_give(&a->lock);
    if (r == STORE_OK)
        account_changed(a, name);
    return r;
}

/* --- rename --- */

struct names {
    struct view from;
    struct arena *arena;
    struct view *items;
    size_t n, cap;
};

static void take_below(struct view name, bool no_inferiors, void *arg)
{
    struct names *s = arg;

    (void)no_inferiors;
    if (!view_eq(name, s->from) && !is_below(name, s->from))
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->items = memory_resize(s->items, s->cap * sizeof *s->items);
    }
    s->items[s->n++] = arena_dup(s->arena, name);
}

static struct view new_name(struct arena *arena, struct view name, struct view from,
                            struct view to)
{
    return arena_printf(arena, "%.*s%.*s", VIEW_FMT(to),
                        VIEW_FMT(view_from(name, from.n)));
}

/* The record of FROM becomes that of TO; the subscription stays behind. */
static void rename_record(struct account *a, struct view from, struct view to)
{
    struct folder_record *r = folder_file_get(&a->folders, from);
    struct folder_record *other = folder_file_get(&a->folders, to);
    bool there = r && r->is_subscribed, here = other && other->is_subscribed;

    if (!r)
        return;
    folder_file_rename(&a->folders, r, to);
    r->is_subscribed = here;
    if (there)
        folder_file_make(&a->folders, from)->is_subscribed = true;
}

static void rename_open(struct account *a, struct view from, struct view to)
{
    struct mailbox *b = account_open_mailbox(a, from);
    struct str path = STR_INIT(PATH_MAX);

    if (b) {
        memory_free(b->name);
        b->name = memory_alloc(to.n + 1);
        memcpy(b->name, to.p, to.n);
        (void)a->driver->path(a, to, &path);
        memory_free(b->path);
        b->path = memory_cstr(str_cstr(&path));
    }
    str_done(&path);
}

static void forget_rename(struct account *a)
{
    memory_free(a->folders.rename_from);
    memory_free(a->folders.rename_to);
    a->folders.rename_from = a->folders.rename_to = NULL;
}

/* Rename FROM and all below it, in files and records; may be repeated when it was not
 * finished.  The folder file is locked. */
static enum store_result rename_all(struct account *a, struct view from, struct view to,
                                    struct error *e)
{
    struct names s = {.from = from, .arena = arena_new()};
    struct view origin = arena_dup(s.arena, from), target = arena_dup(s.arena, to);
    enum store_result r = a->driver->list(a, take_below, &s, e);
    size_t at = 0;
    struct view name;
    void *value;

    s.from = origin;
    for (size_t i = 0; r == STORE_OK && i < s.n; i++)
        r = a->driver->rename(a, s.items[i],
                              new_name(s.arena, s.items[i], origin, target), e);
    s.n = 0;
    while (r == STORE_OK && hash_next(a->folders.records, &at, &name, &value))
        if (((struct folder_record *)value)->id)
            take_below(name, false, &s);
    for (size_t i = 0; r == STORE_OK && i < s.n; i++) {
        struct view changed = new_name(s.arena, s.items[i], origin, target);
        rename_record(a, s.items[i], changed);
        rename_open(a, s.items[i], changed);
    }
    if (r == STORE_OK)
        forget_rename(a);
    memory_free(s.items);
    arena_free(s.arena);
    return r;
}

/* With a note in the folder file, so that a crash in the middle is made up for. */
static enum store_result rename_noted(struct account *a, struct view from, struct view to,
                                      struct error *e)
{
    struct arena *arena = arena_new();
    enum store_result r = folder_file_begin(&a->folders, e);

    if (r == STORE_OK) {
        a->folders.rename_from = memory_cstr(arena_cstr(arena, from));
        a->folders.rename_to = memory_cstr(arena_cstr(arena, to));
        r = folder_file_commit(&a->folders, e);
    }
    if (r == STORE_OK)
        r = folder_file_begin(&a->folders, e);
    if (r == STORE_OK) {
        struct error ignored = ERROR_INIT;
        r = rename_all(a, from, to, e);
        /* Without the note also when it failed: it would fail again. */
        forget_rename(a);
        enum store_result written = folder_file_commit(&a->folders, r ? &ignored : e);
        r = r ? r : written;
    }
    arena_free(arena);
    return r;
}

/* RENAME of INBOX: it stays, its messages go. */
static enum store_result empty_inbox_into(struct account *a, struct view to,
                                          struct error *e)
{
    struct mailbox *inbox = NULL, *target = NULL;
    struct mailbox_copied copied;
    struct arena *arena = arena_new();
    enum store_result r = account_create(a, to, 0, e);

    if (r == STORE_OK)
        r = mailbox_open(a, VIEW("INBOX"), &inbox, e);
    if (r == STORE_OK)
        r = mailbox_open(a, to, &target, e);
    if (r == STORE_OK) {
        struct uid_list *all = mailbox_uids(inbox);
        r = mailbox_move(inbox, all->uids, all->n, target, arena, &copied, e);
        uid_list_release(all);
    }
    if (target)
        mailbox_close(target);
    if (inbox)
        mailbox_close(inbox);
    arena_free(arena);
    return r;
}

static enum store_result check_rename(struct account *a, struct view from, struct view to,
                                      struct error *e)
{
    struct names s = {.from = from, .arena = arena_new()};
    enum store_result r = a->driver->list(a, take_below, &s, e);

    if (r == STORE_OK && s.n == 0)
        r = store_refused(e, STORE_NONEXISTENT, "mailbox %.*s does not exist",
                          VIEW_FMT(from));
    if (r == STORE_OK && (is_below(to, from) || view_eq(from, to)))
        r = store_refused(e, STORE_CANNOT, "a mailbox cannot move below itself");
    for (size_t i = 0; r == STORE_OK && i < s.n; i++) {
        struct view changed = new_name(s.arena, s.items[i], from, to);
        if (!a->driver->accepts(a, changed))
            r = store_refused(e, STORE_CANNOT, "no mailbox can have the name %.*s",
                              VIEW_FMT(changed));
        else if (a->driver->exists(a, changed))
            r = store_refused(e, STORE_EXISTS, "mailbox %.*s exists", VIEW_FMT(changed));
    }
    if (r == STORE_OK)
        r = check_new(a, to, e);
    memory_free(s.items);
    arena_free(s.arena);
    return r;
}

enum store_result account_rename(struct account *a, struct view from, struct view to,
                                 struct error *e)
{
    enum store_result r;

    if (is_inbox(from))
        return empty_inbox_into(a, to, e);
    store_lock_take(&a->lock);
    r = check_rename(a, from, to, e);
    if (r == STORE_OK) {
        hold_open(a, from, true);
        r = rename_noted(a, from, to, e);
        release_open(a);
    }
    store_lock_give(&a->lock);
    if (r == STORE_OK) {
        account_changed(a, from);
        account_changed(a, to);
    }
    return r;
}

/* --- subscriptions and special uses --- */

enum store_result account_subscribe(struct account *a, struct view name, bool subscribe,
                                    struct error *e)
{
    enum store_result result = folder_file_begin(&a->folders, e);

    if (result != STORE_OK)
        return result;
    struct folder_record *r = folder_file_get(&a->folders, name);
    if ((r && r->is_subscribed) == subscribe) {
        folder_file_cancel(&a->folders);
        return STORE_OK;
    }
    if (subscribe && hash_count(a->folders.records) > 2 * store_options.mailbox_count) {
        folder_file_cancel(&a->folders);
        return store_refused(e, STORE_LIMIT, "too many subscriptions");
    }
    folder_file_make(&a->folders, name)->is_subscribed = subscribe;
    result = folder_file_commit(&a->folders, e);
    if (result == STORE_OK)
        account_changed(a, name);
    return result;
}

enum store_result account_set_special_use(struct account *a, struct view name,
                                          unsigned special_use, struct error *e)
{
    struct folder_identity id;
    enum store_result result = account_identity(a, name, &id, e);

    if (result == STORE_OK)
        result = folder_file_begin(&a->folders, e);
    if (result != STORE_OK)
        return result;
    folder_file_make(&a->folders, name)->special_use = special_use;
    result = folder_file_commit(&a->folders, e);
    if (result == STORE_OK)
        account_changed(a, name);
    return result;
}
