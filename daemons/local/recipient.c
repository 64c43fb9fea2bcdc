/* recipient - a local name: alias, .forward, mailbox, fallbacks, in the order of local(8)
 *
 * Addresses that come out of an expansion are put into standard form first, and go on
 * here only when they are ours and may be delivered in the same breath.
 */
#include "local.h"

#include "base/log.h"

/* The address in lower case and cut into its parts. */
static void set_parts(struct work *w, struct context *c, struct view address)
{
    struct arena *a = w->d->arena;
    struct view local, domain;
    struct str folded = STR_INIT(ADDRESS_QUOTED_MAX);

    address_split(address, &local, &domain);
    address_fold(local, &folded);
    c->local = arena_dup(a, str_view(&folded));
    str_done(&folded);
    address_split_extension(c->local, &w->local->delimiters, &c->user, &c->extension);
}

/* Everything that an expansion names is tried only once at each level. */
static bool is_repeated(struct work *w, const struct context *c, struct view address)
{
    return work_seen(w, "recipient %u %.*s", c->level, VIEW_FMT(address));
}

/* With an owner of its own, or from a list in a file, mail goes on as a new message: so
 * each recipient has a record of its own on disk. */
static bool wants_new_message(const struct context *c)
{
    return (c->owner.n > 0 && !view_eq_case(c->owner, c->user)) ||
           c->source == FROM_INCLUDE;
}

/* Aliases of the whole name, then of the name without extension. */
static bool try_aliases(struct work *w, struct context *c)
{
    c->unmatched = VIEW_NONE;
    if (alias_expand(w, c, c->local))
        return true;
    if (c->extension.n == 0)
        return false;
    if (w->local->propagate & FROM_ALIAS)
        c->unmatched = c->extension;
    if (alias_expand(w, c, c->user))
        return true;
    c->unmatched = VIEW_NONE;
    return false;
}

/* Deliver to the user that C names; PLAINLY: by no .forward. */
static void deliver_to_user(struct work *w, const struct context *c, bool plainly)
{
    struct identity *user = ARENA_NEW(w->d->arena, struct identity);
    struct error e = ERROR_INIT;
    enum user_result found = user_find(w->d->arena, c->user, 0, user, &e);

    if (found == USER_ERROR)
        work_failed(w, c, &e);
    else if (!mailbox_deliver(w, c, found == USER_FOUND ? user : NULL, plainly))
        unknown_deliver(w, c);
}

/* A loop, or nobody at all: told, and true. */
static bool is_undeliverable(struct work *w, const struct context *c, struct view address)
{
    struct error e = ERROR_INIT;

    if (delivery_has_loop(w->d, address, &e))
        work_failed(w, c, &e);
    else if (c->local.n == 0)
        work_refused(w, c, "5.1.3", "null username in \"%.*s\"", VIEW_FMT(address));
    else
        return false;
    return true;
}

void recipient_step(struct work *w, const struct context *from, struct view address)
{
    struct context *c = work_deeper(w, from);

    c->recipient.address = address;
    if (is_repeated(w, c, address))
        return;
    set_parts(w, c, address);
    if (is_undeliverable(w, c, address))
        return;
    if (c->delivered_to.n == 0)
        c->delivered_to = address;
    if (c->local.p[0] == '\\') { /* \user: no more expansion */
        c->local = view_from(c->local, 1);
        address_split_extension(c->local, &w->local->delimiters, &c->user, &c->extension);
        deliver_to_user(w, c, true);
    } else if (try_aliases(w, c)) {
        return;
    } else if (wants_new_message(c)) {
        resubmit_add(w, c, address);
    } else {
        deliver_to_user(w, c, false);
    }
}

/* ADDRESS with the extension that the expansion passes on. */
static struct view add_unmatched(struct work *w, const struct context *c,
                                 struct view address)
{
    struct view set = w->local->delimiters.set;
    struct str out = STR_INIT(2 * ADDRESS_MAX);
    struct view extended = address;

    if (c->unmatched.n == 0 || set.n == 0)
        return address;
    struct view extension =
        arena_printf(w->d->arena, "%c%.*s", set.p[0], VIEW_FMT(c->unmatched));
    if (address_add_extension(address, extension, &out))
        extended = arena_dup(w->d->arena, str_view(&out));
    str_done(&out);
    return extended;
}

void address_step(struct work *w, const struct context *from, struct view text)
{
    struct arena *a = w->d->arena;
    struct local *l = w->local;
    struct context *c = work_deeper(w, from);
    struct error e = ERROR_INIT;
    struct resolved to;
    struct view address =
        rewrite_address(l->rewrite, REWRITE_LOCAL, add_unmatched(w, c, text), a);

    if (address.n > ADDRESS_MAX) {
        work_refused(w, c, "5.1.3", "an address in the expansion is too long");
        return;
    }
    c->recipient.address = address;
    enum result result = resolve_address(l->rewrite, c->sender, address, a, &to, &e);
    if (result != OK) {
        error_prefix(&e, "address resolver failure: ");
        work_failed(w, c, &e);
        return;
    }
    if (view_eq(to.transport, view_of(w->service->transport)) && !to.is_error)
        recipient_step(w, c, to.recipient);
    else
        resubmit_add(w, c, address);
}
