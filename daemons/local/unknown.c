/* unknown - names that are no alias and no user
 *
 * fallback_transport_maps, fallback_transport, luser_relay; at last the names that every
 * site must have are thrown away with a warning, and all others bounce.  Source:
 * local(8).
 */
#include "local.h"

#include "base/log.h"

/* The transport for unknown users; false with the failure told. */
static bool find_fallback(struct work *w, const struct context *c, struct view *target)
{
    struct error e = ERROR_INIT;
    enum table_result result = TABLE_NOT_FOUND;

    if (!maps_is_empty(w->local->fallbacks))
        result = maps_get(w->local->fallbacks, c->user, w->d->arena, target, &e);
    if (result == TABLE_ERROR) {
        log_warning("%s", error_cstr(&e));
        work_refused(w, c, "4.3.0", "table lookup failure");
        return false;
    }
    if (result == TABLE_NOT_FOUND)
        *target = conf_view(w->local->conf, P_fallback_transport);
    return true;
}

/* luser_relay: an address made with the name. */
static bool relay(struct work *w, const struct context *from)
{
    struct view text = conf_view(w->local->conf, P_luser_relay);
    struct str out = STR_INIT(ADDRESS_MAX);
    struct error e = ERROR_INIT;

    if (text.n == 0)
        return false;
    struct context *c = work_deeper(w, from);
    c->unmatched = VIEW_NONE;
    if (c->level > LOCAL_LEVEL_MAX) {
        work_refused(w, c, "5.4.6", "mail forwarding loop for %.*s",
                     VIEW_FMT(c->recipient.address));
    } else if (macro_expand(w, c, NULL, text, VIEW_NONE, &out, NULL, &e)) {
        address_step(w, c, arena_dup(w->d->arena, str_view(&out)));
    } else {
        log_warning("luser_relay: %s", error_cstr(&e));
        work_failed(w, c, &e);
    }
    str_done(&out);
    return true;
}

void unknown_deliver(struct work *w, const struct context *c)
{
    struct view target;

    if (!find_fallback(w, c, &target))
        return;
    if (target.n > 0) {
        work_pass(w, c, target);
        return;
    }
    if (work_was_seen(w, arena_printf(w->d->arena, "relayed %.*s", VIEW_FMT(c->local))) ||
        !relay(w, c)) {
        if (view_eq(c->user, VIEW("mailer-daemon")) ||
            view_eq(c->user, VIEW("postmaster"))) {
            log_warning("required alias not found: %.*s", VIEW_FMT(c->user));
            work_sent(w, c, "discarded");
            return;
        }
        work_refused(w, c, "5.1.1", "unknown user: \"%.*s\"", VIEW_FMT(c->user));
    }
}
