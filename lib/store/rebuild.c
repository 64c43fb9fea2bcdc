/* rebuild - a new index from the files of mail, with what can be kept */
#include "base/memory.h"
#include "store/driver.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

struct mailbox_names {
    struct arena *arena;
    struct view *items;
    size_t n, cap;
};

static void take_name(struct view name, bool no_inferiors, void *arg)
{
    struct mailbox_names *s = arg;

    (void)no_inferiors;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->items = memory_resize(s->items, s->cap * sizeof *s->items);
    }
    s->items[s->n++] = arena_dup(s->arena, name);
}

/* Look at every file of every mailbox. */
static enum store_result look_at_all(struct account *a, struct error *e)
{
    struct mailbox_names names = {.arena = arena_new()};
    enum store_result r = a->driver->list(a, take_name, &names, e);

    for (size_t i = 0; r == STORE_OK && i < names.n; i++) {
        struct mailbox *b;
        r = mailbox_open(a, names.items[i], &b, e);
        if (r != STORE_OK)
            break;
        r = mailbox_lock(b, e);
        if (r == STORE_OK) {
            r = mailbox_refresh_locked(b, true, e);
            mailbox_unlock(b);
        }
        mailbox_close(b);
    }
    memory_free(names.items);
    arena_free(names.arena);
    return r;
}

/* The former index, after its rows were taken over. */
static void remove_former(const struct account *a)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    struct str path = STR_INIT(PATH_MAX);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        str_setf(&path, "%s.damaged%s", a->index_path, ends[i]);
        unlink(str_cstr(&path));
    }
    str_done(&path);
}

enum store_result store_rebuild(const struct place *place, struct error *e)
{
    struct account *a;
    enum store_result r = account_open(place, &a, e);

    if (r != STORE_OK)
        return r;
    if (a->index && index_is_busy(a->index)) {
        account_close(a);
        return store_refused(e, STORE_INUSE, "the mailbox index is in use");
    }
    index_close(a->index);
    a->index = NULL;
    LIST_FOR_EACH (struct mailbox, b, &a->mailboxes, link)
        b->must_load = true;
    if (access(a->index_path, F_OK) == 0)
        r = index_renew(a->index_path, e);
    if (r == STORE_OK)
        r = look_at_all(a, e);
    if (r == STORE_OK)
        remove_former(a);
    account_close(a);
    return r;
}
