/* notify - NOTIFY: which changes the client wants to hear of, wherever they happen
 *
 * Each mailbox that is asked for, other than the selected one, is open and listened to;
 * a change there is told as STATUS.  Changes of names and subscriptions are told as LIST.
 * RFC 5465.
 */
#include "imap/notify.h"

#include "base/list.h"
#include "base/memory.h"
#include "imap.h"
#include "imap/list.h"

/* Open at a time for one session. */
#define WATCHED_MAX 200
#define NAMES_MAX   1000

#define MESSAGE_EVENTS                                                                   \
    (IMAP_EVENT_MESSAGE_NEW | IMAP_EVENT_MESSAGE_EXPUNGE | IMAP_EVENT_FLAG_CHANGE)
#define NAME_EVENTS      (IMAP_EVENT_MAILBOX_NAME | IMAP_EVENT_SUBSCRIPTION_CHANGE)
#define SUPPORTED_EVENTS ((unsigned)(MESSAGE_EVENTS | NAME_EVENTS))

/* A mailbox that is not the selected one. */
struct watched {
    struct list_link link;
    struct imap *imap;
    struct mailbox_listener listener;
    struct namespace_target target;
    struct mailbox *box;
    char *name;            /* as the client calls it */
    char *name_in_account; /* target.name, which lay in the arena of a command */
    unsigned events;
    bool has_changed;
};

struct changed_name {
    struct list_link link;
    char *name;
};

struct notification {
    struct imap *imap;
    struct arena *arena; /* of `what` */
    struct imap_notify what;
    struct list watched; /* of struct watched */
    struct account_listener account;
    struct list names; /* of struct changed_name */
    size_t n_names;
};

/* --- what was asked for --- */

static bool is_at_or_below(struct view name, struct view above)
{
    return view_eq(name, above) ||
           (view_starts(name, above) && name.n > above.n && name.p[above.n] == '/');
}

static bool group_has(const struct imap_notify_group *g, const struct account_folder *f)
{
    bool is_other = view_starts(f->name, VIEW(NAMESPACE_OTHERS));

    switch (g->filter) {
    case IMAP_NOTIFY_INBOXES:
        return view_eq(f->name, VIEW("INBOX"));
    case IMAP_NOTIFY_PERSONAL:
        return !is_other;
    case IMAP_NOTIFY_SUBSCRIBED:
        return f->is_subscribed;
    case IMAP_NOTIFY_SUBTREE:
    case IMAP_NOTIFY_MAILBOXES_NAMED:
        for (size_t i = 0; i < g->mailbox_count; i++) {
            if (g->filter == IMAP_NOTIFY_SUBTREE
                    ? is_at_or_below(f->name, g->mailboxes[i])
                    : view_eq(f->name, g->mailboxes[i]))
                return true;
        }
        break;
    case IMAP_NOTIFY_SELECTED:
    case IMAP_NOTIFY_SELECTED_DELAYED:
        break;
    }
    return false;
}

/* The first group that a mailbox is in counts. */
static unsigned events_of(const struct notification *n, const struct account_folder *f)
{
    for (size_t i = 0; i < n->what.count; i++) {
        if (group_has(&n->what.groups[i], f))
            return n->what.groups[i].events;
    }
    return 0;
}

static const struct imap_notify_group *selected_group(const struct imap *s)
{
    for (size_t i = 0; s->notify && i < s->notify->what.count; i++) {
        const struct imap_notify_group *g = &s->notify->what.groups[i];
        if (g->filter == IMAP_NOTIFY_SELECTED ||
            g->filter == IMAP_NOTIFY_SELECTED_DELAYED)
            return g;
    }
    return NULL;
}

bool notify_has_selected(const struct imap *s, bool *delayed)
{
    const struct imap_notify_group *g = selected_group(s);

    *delayed = g && g->filter == IMAP_NOTIFY_SELECTED_DELAYED;
    return g && g->events & MESSAGE_EVENTS;
}

const struct imap_fetch *notify_fetch(const struct imap *s)
{
    const struct imap_notify_group *g = selected_group(s);

    return g && g->has_fetch ? &g->fetch : NULL;
}

/* --- watching --- */

static void on_mailbox(struct mailbox_listener *l)
{
    struct watched *w = CONTAINER_OF(l, struct watched, listener);

    w->has_changed = true;
    teller_wake(w->imap);
}

static char *copy_name(struct view name)
{
    char *copy = memory_alloc(name.n + 1);

    if (name.n > 0)
        memcpy(copy, name.p, name.n);
    return copy;
}

static void on_account(struct account_listener *l, struct view name)
{
    struct notification *n = CONTAINER_OF(l, struct notification, account);

    if (n->n_names >= NAMES_MAX)
        return;
    struct changed_name *c = NEW(struct changed_name);
    c->name = copy_name(name);
    list_append(&n->names, &c->link);
    n->n_names++;
    teller_wake(n->imap);
}

static void watched_free(struct watched *w)
{
    list_remove(&w->link);
    mailbox_unlisten(w->box, &w->listener);
    mailbox_close(w->box);
    account_close(w->target.account);
    memory_free(w->name);
    memory_free(w->name_in_account);
    memory_free(w);
}

static struct watched *watched_find(struct notification *n, struct view name)
{
    LIST_FOR_EACH (struct watched, w, &n->watched, link) {
        if (view_eq(view_of(w->name), name))
            return w;
    }
    return NULL;
}

/* Open mailbox F and listen to it; one that cannot be opened is passed over. */
static void watch(struct notification *n, const struct account_folder *f, unsigned events)
{
    struct imap *s = n->imap;
    struct watched *w = NEW(struct watched);
    struct error e = ERROR_INIT;

    w->imap = s;
    w->events = events;
    w->listener.changed = on_mailbox;
    w->has_changed = n->what.status;
    if (namespace_resolve(&s->names, f->name, s->arena, &w->target, &e) != STORE_OK) {
        memory_free(w);
        return;
    }
    if (!(w->target.rights & ACL_READ) ||
        mailbox_open(w->target.account, w->target.name, &w->box, &e) != STORE_OK) {
        account_close(w->target.account);
        memory_free(w);
        return;
    }
    w->name = copy_name(f->name);
    w->name_in_account = copy_name(w->target.name);
    w->target.name = view_of(w->name_in_account);
    list_append(&n->watched, &w->link);
    mailbox_listen(w->box, &w->listener);
}

/* Watch what is asked for and not yet watched.  False: it is too much. */
static bool watch_all(struct notification *n)
{
    struct imap *s = n->imap;
    struct account_folder *folders;
    struct error e = ERROR_INIT;
    size_t count, open = 0;

    if (namespace_list(&s->names, s->arena, &folders, &count, &e) != STORE_OK)
        return true;
    for (size_t i = 0; i < count; i++) {
        unsigned events = events_of(n, &folders[i]);
        if (!folders[i].exists || !(events & MESSAGE_EVENTS))
            continue;
        if (++open > WATCHED_MAX)
            return false;
        if (!watched_find(n, folders[i].name))
            watch(n, &folders[i], events);
    }
    return true;
}

/* --- telling --- */

static void tell_status(struct imap *s, struct watched *w)
{
    unsigned items = IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT | IMAP_STATUS_UIDVALIDITY;
    struct error e = ERROR_INIT;

    w->has_changed = false;
    if (s->selected && s->selected->box == w->box)
        return;
    if (w->events & IMAP_EVENT_FLAG_CHANGE)
        items |= IMAP_STATUS_UNSEEN;
    if (s->enabled & ENABLED_CONDSTORE)
        items |= IMAP_STATUS_HIGHESTMODSEQ;
    str_set(&s->scratch, VIEW("* STATUS "));
    if (imap_add_status(s, &w->target, view_of(w->name), items, &e) == STORE_OK) {
        str_add_cstr(&s->scratch, "\r\n");
        imap_send_scratch(s);
    }
    str_clear(&s->scratch);
}

static void tell_name(struct imap *s, struct view name)
{
    struct account_folder *folders, gone = {.name = name}, *f = &gone;
    struct error e = ERROR_INIT;
    size_t count;

    if (name.n == 0 ||
        namespace_list(&s->names, s->arena, &folders, &count, &e) != STORE_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (view_eq(folders[i].name, name))
            f = &folders[i];
    }
    if (!(events_of(s->notify, f) & NAME_EVENTS))
        return;
    str_set(&s->scratch, VIEW("* LIST ("));
    str_add_cstr(&s->scratch, f->exists ? "" : "\\NonExistent");
    if (f->is_subscribed)
        str_add_cstr(&s->scratch, f->exists ? "\\Subscribed" : " \\Subscribed");
    str_add_cstr(&s->scratch, ") \"/\" ");
    imap_add_mailbox(s, name);
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
}

/* The oldest of the names that changed; NULL: none is left. */
static struct changed_name *take_name(struct notification *n)
{
    struct list_link *first = list_first(&n->names);

    if (!first)
        return NULL;
    list_remove(first);
    n->n_names--;
    return CONTAINER_OF(first, struct changed_name, link);
}

static void name_free(struct changed_name *c)
{
    memory_free(c->name);
    memory_free(c);
}

static struct watched *next_changed(struct notification *n)
{
    LIST_FOR_EACH (struct watched, w, &n->watched, link) {
        if (w->has_changed)
            return w;
    }
    return NULL;
}

void notify_tell(struct imap *s)
{
    struct notification *n = s->notify;
    struct changed_name *c;
    struct watched *w;
    bool has_names = n->n_names > 0;

    while ((c = take_name(n)) != NULL) {
        tell_name(s, view_of(c->name));
        name_free(c);
    }
    if (has_names)
        (void)watch_all(n);
    while ((w = next_changed(n)) != NULL)
        tell_status(s, w);
}

/* --- the command --- */

void notify_end(struct imap *s)
{
    struct notification *n = s->notify;
    struct list_link *first;
    struct changed_name *c;

    if (!n)
        return;
    s->notify = NULL;
    while ((first = list_first(&n->watched)) != NULL)
        watched_free(CONTAINER_OF(first, struct watched, link));
    while ((c = take_name(n)) != NULL)
        name_free(c);
    account_unlisten(&n->account);
    arena_free(n->arena);
    memory_free(n);
}

static bool is_supported(const struct imap_notify *what)
{
    for (size_t i = 0; i < what->count; i++) {
        if (what->groups[i].unknown_event || what->groups[i].events & ~SUPPORTED_EVENTS)
            return false;
    }
    return true;
}

/* The arguments must outlive the command: the line is parsed in an arena of its own. */
static bool take_arguments(struct imap *s, struct notification *n)
{
    struct arena *of_command = s->in.arena;

    n->arena = arena_new();
    s->in.arena = n->arena;
    s->in.line = arena_dup(n->arena, s->in.line);
    bool is_right = imap_take_notify(&s->in, &n->what);
    s->in.arena = of_command;
    return is_right;
}

bool command_notify(struct imap *s)
{
    struct notification *n = NEW(struct notification);

    n->imap = s;
    list_init(&n->watched);
    list_init(&n->names);
    if (!take_arguments(s, n)) {
        s->in.line = VIEW(""); /* it goes with the arena */
        arena_free(n->arena);
        memory_free(n);
        return false;
    }
    notify_end(s);
    s->notify = n;
    n->account.changed = on_account;
    account_listen(s->names.own, &n->account);
    if (n->what.is_none || !is_supported(&n->what)) {
        bool is_none = n->what.is_none;
        notify_end(s);
        teller_unlisten(s);
        return is_none ? imap_ok(s, "Nothing will be told.")
                       : imap_no(s, "[BADEVENT (MessageNew MessageExpunge FlagChange "
                                    "MailboxName SubscriptionChange)] Not all of these "
                                    "events are known.");
    }
    if (!watch_all(n)) {
        notify_end(s);
        return imap_no(s, "[NOTIFICATIONOVERFLOW] These are too many mailboxes.");
    }
    teller_listen(s);
    notify_tell(s);
    return imap_ok(s, "Notify completed.");
}
