/* expand - recipients: virtual aliases, duplicates, blind copies
 *
 * Source: virtual(5), postconf(5) virtual_alias_*_limit, duplicate_filter_limit,
 * always_bcc; RFC 3461 5.2.7.
 */
#include "cleanup/cleanup_private.h"

#include "base/log.h"
#include "base/memory.h"
#include "format/address.h"

#define KEY_MAX (64 * 1024)

void address_bag_add(struct address_bag *bag, struct view address, struct arena *a)
{
    if (bag->n == bag->cap) {
        bag->cap = bag->cap ? 2 * bag->cap : 8;
        bag->items = memory_resize(bag->items, bag->cap * sizeof *bag->items);
    }
    bag->items[bag->n++] = arena_dup(a, address);
}

/* Remember the folded KEY in TABLE; true when it was there before.  Over LIMIT nothing
 * more is remembered (0: no limit). */
static bool been_here(struct hash *table, struct view key, int64_t limit)
{
    static char mark;
    struct str folded = STR_INIT(KEY_MAX);
    address_fold(key, &folded);
    bool known = hash_get(table, str_view(&folded)) != NULL;
    if (!known && (limit == 0 || hash_count(table) < (size_t)limit))
        hash_put(table, str_view(&folded), &mark);
    str_done(&folded);
    return known;
}

static bool is_known(const struct hash *table, struct view address)
{
    struct str folded = STR_INIT(KEY_MAX);
    address_fold(address, &folded);
    bool known = hash_get(table, str_view(&folded)) != NULL;
    str_done(&folded);
    return known;
}

/* The same address for the same original recipient (and DSN wishes) was there already? */
static bool is_duplicate(struct cleanup *c, const struct recipient *r)
{
    if (!c->duplicates)
        c->duplicates = hash_new();
    if (!c->setup->keep_original)
        return been_here(c->duplicates, r->address, c->setup->duplicates_limit);
    struct str key = STR_INIT(KEY_MAX);
    str_add(&key, r->orcpt);
    str_addf(&key, "\n%u\n", r->notify);
    str_add(&key, r->original);
    str_add_char(&key, '\n');
    str_add(&key, r->address);
    bool known = been_here(c->duplicates, str_view(&key), c->setup->duplicates_limit);
    str_done(&key);
    return known;
}

/* Put R at the end of the list. */
static void append(struct cleanup *c, const struct recipient *r)
{
    struct recipient_list *list = &c->recipients;
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 8;
        list->items = memory_resize(list->items, list->cap * sizeof *list->items);
    }
    struct recipient *new = &list->items[list->n++];
    *new = *r;
    new->address = arena_dup(c->arena, r->address);
    new->original =
        arena_dup(c->arena, c->setup->keep_original ? r->original : VIEW_NONE);
    new->orcpt = arena_dup(c->arena, r->orcpt);
}

static void add_unique(struct cleanup *c, const struct recipient *r)
{
    if (!is_duplicate(c, r))
        append(c, r);
}

void recipients_remove(struct cleanup *c, struct view address)
{
    struct recipient_list old = c->recipients;
    c->recipients = (struct recipient_list){.n = 0};
    hash_free(c->duplicates, NULL);
    c->duplicates = NULL;
    for (size_t i = 0; i < old.n; i++) {
        const struct recipient *r = &old.items[i];
        if (!view_eq(view_is_empty(r->original) ? r->address : r->original, address))
            add_unique(c, r);
    }
    memory_free(old.items);
}

/* One expansion: the addresses found so far, and those that were looked up. */
struct expansion {
    struct cleanup *cleanup;
    struct address_bag list;
    struct hash *expanded;
    struct view start;
};

static bool too_much(struct expansion *x, const char *format, struct view address)
{
    struct cleanup *c = x->cleanup;
    log_warning_as(c->setup->tag, "%s: unreasonable virtual_alias_maps %s %.*s%s",
                   cleanup_id(c), format, VIEW_FMT(view_sub(address, 0, 300)),
                   " -- message not accepted, try again later");
    cleanup_fail(c, FAULT_DEFER, "4.6.0", VIEW("Alias expansion error"));
    return false;
}

/* Put the results for the address at PLACE there and at the end. */
static bool take_results(struct expansion *x, size_t place,
                         const struct address_results *found)
{
    struct view from = x->list.items[place];
    for (size_t i = 0; i < found->n; i++) {
        struct view to = found->items[i];
        if ((int64_t)to.n > x->cleanup->setup->address_length_limit)
            return too_much(x, "map result", to);
        if (i == 0)
            x->list.items[place] = arena_dup(x->cleanup->scratch, to);
        else
            address_bag_add(&x->list, to, x->cleanup->scratch);
        if (view_eq_case(from, to)) /* an address may expand into itself, once */
            (void)been_here(x->expanded, from, 0);
    }
    return true;
}

/* Expand the address at PLACE until it is no alias any more. */
static bool expand_one(struct expansion *x, size_t place)
{
    struct cleanup *c = x->cleanup;
    const struct mapping *m = &c->setup->virtual_alias;
    for (int64_t depth = 0; !is_known(x->expanded, x->list.items[place]); depth++) {
        struct address_results found;
        struct error e = ERROR_INIT;
        if (depth >= c->setup->recursion_limit)
            return too_much(x, "map nesting for", x->start);
        switch (rewrite_map_address(c->setup->rewrite, m->maps, m->title,
                                    x->list.items[place], m->propagate, c->scratch,
                                    &found, &e)) {
        case TABLE_ERROR:
            cleanup_table_failed(c, m->title, x->start);
            cleanup_fail(c, FAULT_DEFER, "4.6.0", VIEW("Alias expansion error"));
            return false;
        case TABLE_NOT_FOUND:
            return true;
        case TABLE_FOUND:
            break;
        }
        if (!take_results(x, place, &found))
            return false;
    }
    return true;
}

/* Fill the list of X from its start; false after a failure. */
static bool expand_all(struct expansion *x)
{
    for (size_t i = 0; i < x->list.n; i++) {
        if ((int64_t)x->list.n > x->cleanup->setup->expansion_limit)
            return too_much(x, "map expansion size for", x->start);
        if (!expand_one(x, i))
            return false;
    }
    return true;
}

/* A list is the end of the way for "tell me when it is delivered": it was expanded here,
 * and its members are none of the sender's business (RFC 3461 5.2.7.3 (b)); Postfix takes
 * one address for another likewise.  The list itself stays in the envelope; that tells
 * qmgr to report it as expanded.  Of an address probe nothing else stays: that the list
 * exists is the answer.  False when the members are not to be added. */
static bool note_expanded(struct cleanup *c, struct recipient *r,
                          const struct address_bag *members)
{
    bool is_probe = c->envelope.flags & MESSAGE_PROBE;
    bool is_list = members->n > 1;
    bool is_owed = (r->notify & NOTIFY_SUCCESS) &&
                   (is_list || !view_eq(members->items[0], r->address));
    if (!is_owed && !(is_probe && is_list))
        return true;
    struct recipient list = *r;
    list.status = RECIPIENT_EXPANDED;
    list.notify = NOTIFY_SUCCESS;
    append(c, &list);
    r->notify &= (uint8_t)~NOTIFY_SUCCESS;
    if (r->notify == 0)
        r->notify = NOTIFY_NEVER;
    return !is_probe;
}

void recipient_expand(struct cleanup *c, const struct recipient *recipient)
{
    struct recipient r = *recipient;
    r.status = RECIPIENT_PENDING;
    if (!(c->flags & CLEANUP_MAP) || maps_is_empty(c->setup->virtual_alias.maps)) {
        add_unique(c, &r);
        return;
    }
    struct expansion x = {.cleanup = c, .expanded = hash_new(), .start = r.address};
    address_bag_add(&x.list, r.address, c->scratch);
    if (expand_all(&x) && note_expanded(c, &r, &x.list)) {
        for (size_t i = 0; i < x.list.n; i++) {
            r.address = x.list.items[i];
            add_unique(c, &r);
        }
    }
    hash_free(x.expanded, NULL);
    memory_free(x.list.items);
}

void recipient_add_bcc(struct cleanup *c, struct view address)
{
    struct view to = address_map_all(c, PLACE_ENVELOPE_RECIPIENT, address, c->scratch);
    if (view_is_empty(to))
        return;
    recipient_expand(
        c, &(struct recipient){.address = to, .original = to, .notify = NOTIFY_NEVER});
}

void recipient_find_bcc(struct cleanup *c, const struct mapping *m, struct view address)
{
    struct view bcc;
    struct error e = ERROR_INIT;
    if (!(c->flags & CLEANUP_BCC) || view_is_empty(address))
        return;
    switch (rewrite_find_address(c->setup->rewrite, m->maps, address, c->scratch, &bcc,
                                 NULL, &e)) {
    case TABLE_FOUND:
        recipient_add_bcc(c, view_trim_space(bcc));
        return;
    case TABLE_ERROR:
        cleanup_table_failed(c, m->title, address);
        return;
    case TABLE_NOT_FOUND:
        return;
    }
}
