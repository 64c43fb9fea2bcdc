/* account_rename - mailboxes get other names, also while they are open */
#include "base/log.h"
#include "base/memory.h"
#include "store/account_names.h"
#include "store/driver.h"

#include <limits.h>

bool name_is_inbox(struct view name)
{
    return view_eq(name, VIEW("INBOX"));
}

bool name_is_below(struct view name, struct view parent)
{
    return name.n > parent.n + 1 && view_starts(name, parent) && name.p[parent.n] == '/';
}

/* --- open mailboxes whose names change --- */

/* The first that is not held yet. */
static struct list_link *unlocked(struct account *a, struct view name, bool below)
{
    LIST_FOR_EACH (struct mailbox, b, &a->mailboxes, link)
        if (!b->is_gone && !b->is_held &&
            (view_eq(view_of(b->name), name) ||
             (below && name_is_below(view_of(b->name), name))))
            return &b->link;
    return NULL;
}

void hold_mailboxes(struct account *a, struct view name, bool below)
{
    struct list_link *k;

    while ((k = unlocked(a, name, below)) != NULL) {
        struct mailbox *b = CONTAINER_OF(k, struct mailbox, link);
        b->is_held = true;
        b->references++;
        store_lock_take(&b->lock);
    }
}

void release_mailboxes(struct account *a)
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
    if (!view_eq(name, s->from) && !name_is_below(name, s->from))
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
static enum store_result rename_folders(struct account *a, struct view from,
                                        struct view to, struct error *e)
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
        r = rename_folders(a, from, to, e);
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
    if (r == STORE_OK && (name_is_below(to, from) || view_eq(from, to)))
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
        r = check_new_name(a, to, e);
    memory_free(s.items);
    arena_free(s.arena);
    return r;
}

enum store_result account_rename(struct account *a, struct view from, struct view to,
                                 struct error *e)
{
    enum store_result r;

    if (name_is_inbox(from))
        return empty_inbox_into(a, to, e);
    store_lock_take(&a->lock);
    r = check_rename(a, from, to, e);
    if (r == STORE_OK) {
        hold_mailboxes(a, from, true);
        r = rename_noted(a, from, to, e);
        release_mailboxes(a);
    }
    store_lock_give(&a->lock);
    if (r == STORE_OK) {
        account_changed(a, from);
        account_changed(a, to);
    }
    return r;
}

void finish_rename(struct account *a)
{
    struct error e = ERROR_INIT;

    if (rename_folders(a, view_of(a->folders.rename_from), view_of(a->folders.rename_to),
                       &e) == STORE_OK)
        return;
    log_warning("%s: mailbox %s was not renamed whole to %s: %s", a->place.root,
                a->folders.rename_from, a->folders.rename_to, error_cstr(&e));
    forget_rename(a);
}
