/* account_folders - names of mailboxes: list, create, delete, subscribe */
#include "store/account.h"

#include "base/clock.h"
#include "base/memory.h"
#include "store/account_names.h"
#include "store/driver.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 1000, LEVELS_MAX = 32 };

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
    bool a_inbox = name_is_inbox(a) || name_is_below(a, VIEW("INBOX"));
    bool b_inbox = name_is_inbox(b) || name_is_below(b, VIEW("INBOX"));

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

/* --- create and delete --- */

static void count_one(struct view name, bool no_inferiors, void *arg)
{
    (void)name;
    (void)no_inferiors;
    ++*(uint64_t *)arg;
}

enum store_result check_new_name(struct account *a, struct view name, struct error *e)
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
    enum store_result r = check_new_name(a, name, e);
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
    if (name_is_inbox(name))
        return store_refused(e, STORE_CANNOT, "INBOX cannot be deleted");
    store_lock_take(&a->lock);
    enum store_result r = STORE_OK;
    hold_mailboxes(a, name, false);
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
    release_mailboxes(a);
    store_lock_give(&a->lock);
    if (r == STORE_OK)
        account_changed(a, name);
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
