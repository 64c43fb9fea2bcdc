/* account - opening, sharing and closing; the index behind it */
#include "store/account.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/driver.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

/* Time between looks whether the index file is still the one that is open. */
#define INODE_CHECK (CLOCK_SECOND / 2)
/* An index that nobody asks is closed: thousands of sessions idle. */
#define INDEX_IDLE (3 * CLOCK_SECOND)

static struct list accounts;

static struct list *all_accounts(void)
{
    if (!accounts.head.next)
        list_init(&accounts);
    return &accounts;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct account *find_account(const struct place *p)
{
    LIST_FOR_EACH (struct account, a, all_accounts(), link)
        if (a->place.format == p->format && same_text(a->place.root, p->root) &&
            same_text(a->place.inbox, p->inbox) && same_text(a->place.index, p->index))
            return a;
    return NULL;
}

static const char *copy_text(struct arena *arena, const char *text)
{
    return text ? arena_cstr(arena, view_of(text)) : NULL;
}

static void copy_place(struct account *a, const struct place *p)
{
    a->place = *p;
    a->place.root = copy_text(a->arena, p->root);
    a->place.inbox = copy_text(a->arena, p->inbox);
    a->place.index = copy_text(a->arena, p->index);
    a->place.owner = copy_text(a->arena, p->owner ? p->owner : "");
    a->place.host = copy_text(a->arena, p->host ? p->host : "localhost");
}

static const struct store_driver *driver_of(enum place_format format)
{
    switch (format) {
    case PLACE_MBOX:
        return &driver_mbox;
    case PLACE_MH:
        return &driver_mh;
    case PLACE_MAILDIR:
        break;
    }
    return &driver_maildir;
}

static struct account *new_account(const struct place *p)
{
    struct account *a = NEW(struct account);
    struct arena *arena = arena_new();
    const char *directory = p->index;

    a->arena = arena;
    copy_place(a, p);
    a->driver = driver_of(p->format);
    if (!directory)
        directory = p->format == PLACE_MAILDIR
                        ? p->root
                        : arena_printf(arena, "%s/.diligence", p->root).p;
    a->directory = arena_cstr(arena, view_of(directory));
    a->index_path =
        arena_cstr(arena, arena_printf(arena, "%s/diligence.index", directory));
    folder_file_init(&a->folders,
                     arena_printf(arena, "%s/diligence.folders", directory).p);
    store_lock_init(&a->lock);
    list_init(&a->mailboxes);
    list_init(&a->listeners);
    list_append(all_accounts(), &a->link);
    return a;
}

static void free_unused_mailboxes(struct account *a, int64_t closed_before)
{
    LIST_FOR_EACH_SAFE (struct mailbox, b, &a->mailboxes, link)
        if (b->references == 0 && b->closed_at <= closed_before)
            mailbox_free(b);
}

static void free_account(struct account *a)
{
    free_unused_mailboxes(a, INT64_MAX);
    if (a->has_idle_timer)
        timer_cancel(&a->idle);
    index_close(a->index);
    folder_file_done(&a->folders);
    list_remove(&a->link);
    arena_free(a->arena);
    memory_free(a);
}

/* Make the directories, finish what an earlier process began. */
static enum store_result prepare(struct account *a, struct error *e)
{
    enum store_result r = STORE_OK;

    store_lock_take(&a->lock);
    if (!a->is_prepared) {
        if (!store_make_directories(a->directory))
            r = store_failed(e, "cannot make directory %s", a->directory);
        if (r == STORE_OK)
            r = a->driver->prepare(a, e);
        if (r == STORE_OK)
            r = account_begin_folders(a, e);
        a->is_prepared = r == STORE_OK;
    }
    store_lock_give(&a->lock);
    return r;
}

enum store_result account_open(const struct place *place, struct account **out,
                               struct error *e)
{
    struct account *a = find_account(place);

    if (!a)
        a = new_account(place);
    a->place.quota_bytes = place->quota_bytes;
    a->place.quota_messages = place->quota_messages;
    a->references++;
    enum store_result r = prepare(a, e);
    if (r == STORE_OK)
        *out = a;
    else
        account_close(a);
    return r;
}

struct account *account_retain(struct account *a)
{
    a->references++;
    return a;
}

const struct place *account_place(const struct account *a)
{
    return &a->place;
}

static void on_idle(struct timer *t)
{
    struct account *a = CONTAINER_OF(t, struct account, idle);

    a->has_idle_timer = false;
    free_unused_mailboxes(a, loop_now() - store_options.linger);
    if (a->references == 0 && loop_now() - a->closed_at >= store_options.linger) {
        free_account(a);
        return;
    }
    if (a->index && loop_now() - a->index_used >= INDEX_IDLE &&
        !index_is_busy(a->index)) {
        index_retire(a->index);
        a->index = NULL;
    }
    account_settle(a);
}

void account_settle(struct account *a)
{
    bool unused = a->references == 0 || a->index;

    LIST_FOR_EACH (struct mailbox, b, &a->mailboxes, link)
        unused = unused || b->references == 0;
    if (!unused || a->has_idle_timer)
        return;
    a->has_idle_timer = true;
    int64_t wait = store_options.linger + CLOCK_SECOND / 10;
    int64_t index_wait = a->index_used + INDEX_IDLE - loop_now() + CLOCK_SECOND / 100;
    if (a->index && index_wait < wait)
        wait = index_wait;
    timer_set(&a->idle, clock_in(wait), on_idle);
}

void account_close(struct account *a)
{
    assert(a->references > 0);
    a->references--;
    a->closed_at = loop_now();
    if (a->references == 0 && (!a->is_prepared || store_options.linger == 0))
        free_account(a);
    else
        account_settle(a);
}

void account_close_unused(void)
{
    LIST_FOR_EACH_SAFE (struct account, a, all_accounts(), link) {
        free_unused_mailboxes(a, INT64_MAX);
        if (a->references == 0)
            free_account(a);
    }
}

struct mailbox *account_open_mailbox(struct account *a, struct view name)
{
    LIST_FOR_EACH (struct mailbox, b, &a->mailboxes, link)
        if (!b->is_gone && view_eq(view_of(b->name), name))
            return b;
    return NULL;
}

/* --- the index --- */

/* The file at the path is another one: made again by another process. */
static bool was_replaced(const struct account *a)
{
    struct stat st;

    return stat(a->index_path, &st) < 0 || st.st_ino != a->index_inode;
}

/* Close the index when it cannot stay open; a damaged one is made again. */
static enum store_result check_index(struct account *a, struct error *e)
{
    int64_t now = clock_mono();
    bool damaged = index_is_damaged(a->index), replaced = false;

    if (damaged || now - a->index_checked >= INODE_CHECK) {
        a->index_checked = now;
        replaced = was_replaced(a);
    }
    if (!damaged && !replaced)
        return STORE_OK;
    if (index_is_busy(a->index))
        return store_refused(e, STORE_FAILED, "the mailbox index is being repaired");
    index_close(a->index);
    a->index = NULL;
    LIST_FOR_EACH (struct mailbox, b, &a->mailboxes, link)
        b->must_load = true;
    return replaced ? STORE_OK : index_renew(a->index_path, e);
}

enum store_result account_index(struct account *a, struct index **out, struct error *e)
{
    struct stat st;
    enum store_result result = a->index ? check_index(a, e) : STORE_OK;

    if (result != STORE_OK)
        return result;
    if (!a->index) {
        enum store_result r = index_open(a->index_path, &a->index, e);
        if (r != STORE_OK)
            return r;
        a->index_inode = stat(a->index_path, &st) == 0 ? st.st_ino : 0;
        a->index_checked = clock_mono();
        (void)index_was_changed(a->index);
        LIST_FOR_EACH (struct mailbox, b, &a->mailboxes, link)
            b->must_check = true;
    }
    *out = a->index;
    a->index_used = loop_now();
    account_settle(a);
    return STORE_OK;
}

void account_take_up(struct account *a)
{
    if (!a->index || !index_was_changed(a->index))
        return;
    LIST_FOR_EACH (struct mailbox, b, &a->mailboxes, link)
        b->must_check = true;
}

/* --- listeners --- */

void account_listen(struct account *a, struct account_listener *l)
{
    list_append(&a->listeners, &l->link);
}

void account_unlisten(struct account_listener *l)
{
    list_remove(&l->link);
}

void account_changed(struct account *a, struct view name)
{
    LIST_FOR_EACH_SAFE (struct account_listener, l, &a->listeners, link)
        l->changed(l, name);
}
