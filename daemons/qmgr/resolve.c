/* resolve - where the recipients of a message go, and into which delivery requests
 *
 * First a route is found for each pending recipient (this may wait for look-up tables);
 * then, without a wait, recipients are grouped by transport and destination and
 * scheduled. A content filter or a redirection of the message overrides what the address
 * says.
 */
#include "base/log.h"
#include "format/address.h"
#include "format/dsn_code.h"
#include "table/match.h"
#include "transport.h"

#include <stdio.h>

#define ENTRY_BYTES_MAX (40u * 1024) /* of recipients in one DELIVER message */

/* --- routes --- */

static struct view domain_of(struct view address)
{
    struct view local, domain;
    return view_rcut(address, '@', &local, &domain) ? domain : VIEW_NONE;
}

/* content_filter "transport:nexthop": the next hop may be default_filter_nexthop or the
 * recipient's domain. */
static void apply_filter(const struct qmgr *q, struct work *w, struct route *r)
{
    struct view transport, nexthop;
    rewrite_split_transport(w->image.envelope.content_filter, &transport, &nexthop);
    if (nexthop.n == 0)
        nexthop = q->set.default_filter_nexthop;
    if (nexthop.n == 0)
        nexthop = domain_of(r->recipient);
    if (nexthop.n == 0)
        nexthop = conf_view(q->routing->conf, P_myhostname);
    r->transport = transport;
    r->nexthop = arena_dup(w->arena, nexthop);
}

/* Mail to our own double-bounce address stops here. */
static bool is_double_bounce(struct qmgr *q, const struct resolved *d, struct error *e)
{
    struct view local, domain;
    if (!address_split(d->recipient, &local, &domain))
        local = d->recipient;
    return view_eq_case(local, q->set.double_bounce_sender) &&
           (d->class == CLASS_LOCAL ||
            (domain.n > 0 &&
             rewrite_is_local_domain(q->routing->rewrite, domain, e) == MATCH_YES));
}

/* Ask the tables.  False when the recipient has its outcome already.  May suspend. */
static bool find_route(struct qmgr *q, struct work *w, size_t i, struct view address)
{
    const struct envelope *env = &w->image.envelope;
    struct error e = ERROR_INIT;
    struct resolved d = {.class = CLASS_LOCAL};
    struct route *r = &w->routes[i];
    if (env->flags & MESSAGE_PROBE && q->active_probes > q->set.probe_limit) {
        result_local(q, w, i, false, VIEW("4.3.3"), "Too many verification requests");
        return false;
    }
    struct routing *routing = routing_hold(q);
    enum result result = (env->flags & MESSAGE_PROBE ? resolve_probe : resolve_address)(
        routing->rewrite, env->sender, address, w->arena, &d, &e);
    bool is_ours = result == OK && is_double_bounce(q, &d, &e);
    routing_release(routing);
    if (result != OK) {
        log_warning("%s: resolve %.*s: %s", w->m->id, VIEW_FMT(address), error_cstr(&e));
        result_local(q, w, i, false, VIEW("4.3.0"), "address resolver failure");
        return false;
    }
    if (is_ours) {
        result_discarded(q, w, i, "undeliverable postmaster notification discarded");
        return false;
    }
    *r = (struct route){.transport = d.transport,
                        .nexthop = d.nexthop,
                        .recipient = d.recipient.n ? d.recipient : address};
    if (env->content_filter.n > 0 && !d.is_error)
        apply_filter(q, w, r);
    return true;
}

static bool accept_recipient(struct qmgr *q, struct work *w, size_t i)
{
    const struct route *r = &w->routes[i];
    struct view local, domain;
    (void)address_split(r->recipient, &local, &domain);
    if (!q->set.allow_min_user && local.n > 0 && local.p[0] == '-') {
        result_local(q, w, i, true, VIEW("5.1.3"), "bad address syntax");
        return false;
    }
    if (r->transport.n == 0 || r->transport.n > 100 || view_has(r->transport, '/') ||
        r->nexthop.n > ENVELOPE_ADDRESS_MAX || r->recipient.n > ENVELOPE_ADDRESS_MAX) {
        log_warning("%s: bad transport \"%.*s\" for %.*s", w->m->id,
                    VIEW_FMT(r->transport), VIEW_FMT(r->recipient));
        result_local(q, w, i, false, VIEW("4.3.5"), "mail system configuration error");
        return false;
    }
    return true;
}

/* "sendmail -q" tries deferred transports, nothing else does. May suspend. */
static bool is_deferred_transport(struct qmgr *q, const struct work *w,
                                  const struct route *r)
{
    struct error e = ERROR_INIT;
    if (w->m->is_flushed || match_is_empty(q->routing->defer_transports))
        return false;
    struct routing *routing = routing_hold(q);
    enum match_result found = match_string(routing->defer_transports, r->transport, &e);
    routing_release(routing);
    return found == MATCH_YES;
}

/* --- grouping --- */

/* The name under which the destination's concurrency is counted: the next hop, or, when
 * each delivery has one recipient, that recipient (postconf(5),
 * default_destination_recipient_limit). */
static struct view destination_name(const struct qmgr *q, struct work *w,
                                    const struct route *r)
{
    if (r->found->schedule.limits.recipient_limit != 1)
        return arena_lower(w->arena, r->nexthop);
    struct str user = STR_INIT(ENVELOPE_ADDRESS_MAX);
    struct address_delimiters delimiters = {.set = q->set.recipient_delimiter};
    struct view extension;
    (void)address_strip_extension(r->recipient, &delimiters, &user, &extension);
    struct view name = arena_lower(w->arena, str_view(&user));
    str_done(&user);
    return name;
}

static size_t bytes_of(const struct recipient *in, const struct route *r)
{
    return r->recipient.n + in->original.n + in->orcpt.n + 64;
}

static struct entry *entry_new(struct work *w, const struct route *r)
{
    struct entry *x = ARENA_NEW(w->arena, struct entry);
    x->work = w;
    x->transport = r->found;
    x->nexthop = r->nexthop;
    return x;
}

static void entry_append(struct entry *x, uint32_t i, size_t bytes)
{
    struct work *w = x->work;
    if (x->n == 0)
        x->first = i;
    else
        w->routes[x->last].next = i;
    w->routes[i].next = UINT32_MAX;
    x->last = i;
    x->n++;
    x->unanswered++;
    x->bytes += bytes;
}

/* Does the destination, or the whole transport, not answer?  Then the recipient is
 * deferred. */
static bool is_suspended(struct qmgr *q, struct work *w, size_t i,
                         struct schedule_destination *d)
{
    struct transport *t = w->routes[i].found;
    if (transport_is_suspended(t)) {
        result_local(q, w, i, false, view_of(t->status), "%s", t->reason);
        return true;
    }
    if (!schedule_is_dead(d, clock_mono()))
        return false;
    result_local(q, w, i, false, view_of(d->dead_status),
                 "delivery temporarily suspended: %s", d->dead_text);
    return true;
}

/* One more recipient for the entry of its destination that is being filled. */
static void group_recipient(struct qmgr *q, struct work *w, uint32_t i)
{
    struct route *r = &w->routes[i];
    r->found = transport_get(q, r->transport);
    struct schedule_destination *d =
        schedule_destination(&r->found->schedule, destination_name(q, w, r));
    if (is_suspended(q, w, i, d)) {
        schedule_forget(d);
        return;
    }
    size_t bytes = bytes_of(&w->image.envelope.recipients[i], r);
    unsigned limit = w->image.envelope.verp_delimiters.n > 0
                         ? 1 /* each has a sender of its own */
                         : r->found->schedule.limits.recipient_limit;
    struct entry *x = d->filling;
    if (x && ((limit > 0 && x->n >= limit) || x->bytes + bytes > ENTRY_BYTES_MAX ||
              !view_eq(x->nexthop, r->nexthop))) {
        transport_add(x, d);
        x = NULL;
    }
    if (x == NULL) {
        x = entry_new(w, r);
        x->scheduled.destination = d;
        list_append(&w->filling, &x->in_work);
    }
    d->filling = x;
    entry_append(x, i, bytes);
}

static void group(struct qmgr *q, struct work *w)
{
    list_init(&w->filling);
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++)
        if (w->routes[i].is_ready)
            group_recipient(q, w, (uint32_t)i);
    LIST_FOR_EACH_SAFE (struct entry, x, &w->filling, in_work) {
        struct schedule_destination *d = x->scheduled.destination;
        d->filling = NULL;
        transport_add(x, d);
    }
}

/* --- all --- */

/* Postfix redirects once per message: the first recipient stands for all. */
static void redirect_rest(struct work *w, size_t first)
{
    for (size_t i = first + 1; i < w->image.envelope.n_recipients; i++)
        if (w->image.envelope.recipients[i].status == RECIPIENT_PENDING)
            w->outcomes[i].follows = (uint32_t)first + 1;
}

static void find_routes(struct qmgr *q, struct work *w)
{
    const struct envelope *env = &w->image.envelope;
    for (size_t i = 0; i < env->n_recipients; i++) {
        const struct recipient *in = &env->recipients[i];
        if (in->status != RECIPIENT_PENDING)
            continue;
        bool is_redirected = env->redirect.n > 0;
        struct route *r = &w->routes[i];
        if (find_route(q, w, i, is_redirected ? env->redirect : in->address) &&
            accept_recipient(q, w, i)) {
            if (is_deferred_transport(q, w, r))
                result_local(q, w, i, false, VIEW("4.3.2"), "deferred transport");
            else
                r->is_ready = true;
        }
        if (is_redirected) {
            redirect_rest(w, i);
            return;
        }
        if (i % 64 == 63)
            fiber_yield();
    }
}

/* Forced expiration: no attempt, back to the sender with the reasons known so far. */
static void expire_all(struct qmgr *q, struct work *w)
{
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++)
        if (w->image.envelope.recipients[i].status == RECIPIENT_PENDING) {
            struct outcome_record *o = &w->outcomes[i];
            o->outcome = OUTCOME_NONE;
            o->is_answered = true;
        }
    (void)q;
}

void resolve_work(struct qmgr *q, struct work *w)
{
    w->routes =
        arena_alloc_array(w->arena, w->image.envelope.n_recipients, sizeof *w->routes);
    w->running++; /* keeps the pass open while this works */
    if (w->image.envelope.flags & MESSAGE_FORCED_EXPIRE) {
        expire_all(q, w);
    } else {
        find_routes(q, w);
        if (!w->is_aborted)
            group(q, w);
    }
    w->running--;
    if (w->waiting == 0 && w->running == 0)
        finish_work(q, w);
    else
        work_relax(q, w);
}
