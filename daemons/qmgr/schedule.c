/* schedule - which delivery starts next */
#include "schedule.h"
#include "base/memory.h"

#include <assert.h>
#include <stdio.h>

#define TAG_STEP (INT64_C(1) << 20) /* the lower bits keep the order of equal tags */

void schedule_init(struct schedule_transport *t, const struct schedule_limits *l)
{
    *t = (struct schedule_transport){.limits = *l};
    t->destinations = hash_new();
    heap_init(&t->open);
    heap_init(&t->paused);
    list_init(&t->dead);
}

static void destination_free(void *p)
{
    struct schedule_destination *d = p;
    list_remove(&d->dead_link);
    heap_done(&d->entries);
    memory_free(d->dead_text);
    memory_free(d);
}

void schedule_done(struct schedule_transport *t)
{
    heap_done(&t->open);
    heap_done(&t->paused);
    hash_free(t->destinations, destination_free);
}

/* --- where a destination stands --- */

static bool has_room(const struct schedule_destination *d)
{
    const struct schedule_limits *l = &d->transport->limits;
    unsigned limit = l->rate_delay > 0 ? 1 : d->window.concurrency;
    return d->busy < limit;
}

/* Put D into the heap where it belongs now. */
static void place(struct schedule_destination *d)
{
    struct schedule_transport *t = d->transport;
    struct heap_link *first = heap_first(&d->entries);
    if (d->in)
        heap_remove(d->in, &d->place);
    d->in = NULL;
    if (first == NULL || d->dead_until != 0 || !has_room(d))
        return;
    d->in = d->paused_until > 0 ? &t->paused : &t->open;
    heap_add(d->in, &d->place, d->paused_until > 0 ? d->paused_until : first->key);
}

static void place_later(void *value)
{
    place(value);
}

void schedule_set_limits(struct schedule_transport *t, const struct schedule_limits *l)
{
    size_t position = 0;
    struct view name;
    void *value;
    t->limits = *l;
    while (hash_next(t->destinations, &position, &name, &value)) {
        struct schedule_destination *d = value;
        unsigned limit = l->window.limit;
        if (limit > 0 && d->window.concurrency > limit)
            d->window.concurrency = limit;
        place_later(d);
    }
}

struct schedule_destination *schedule_destination(struct schedule_transport *t,
                                                  struct view name)
{
    struct schedule_destination *d = hash_get(t->destinations, name);
    if (d)
        return d;
    d = memory_alloc(sizeof *d + name.n + 1);
    d->transport = t;
    memcpy(d->name, name.p ? name.p : "", name.n);
    heap_init(&d->entries);
    window_init(&d->window, &t->limits.window);
    hash_put(t->destinations, name, d);
    return d;
}

void schedule_forget(struct schedule_destination *d)
{
    if (d->busy > 0 || heap_first(&d->entries) || d->dead_until != 0 ||
        d->paused_until != 0)
        return;
    assert(d->in == NULL);
    hash_remove(d->transport->destinations, view_of(d->name));
    destination_free(d);
}

/* --- dead destinations --- */

void schedule_revive(struct schedule_destination *d)
{
    if (d->dead_until == 0)
        return;
    d->dead_until = 0;
    list_remove(&d->dead_link);
    d->transport->n_dead--;
    window_init(&d->window, &d->transport->limits.window);
    place(d);
}

bool schedule_is_dead(struct schedule_destination *d, int64_t now)
{
    if (d->dead_until != 0 && now >= d->dead_until)
        schedule_revive(d);
    return d->dead_until != 0;
}

void schedule_revive_due(struct schedule_transport *t, int64_t now, bool every)
{
    LIST_FOR_EACH_SAFE (struct schedule_destination, d, &t->dead, dead_link) {
        if (!every && now < d->dead_until)
            return;
        schedule_revive(d);
        schedule_forget(d);
    }
}

void schedule_kill(struct schedule_destination *d, int64_t until, struct view status,
                   struct view text)
{
    schedule_revive(d);
    d->dead_until = until;
    snprintf(d->dead_status, sizeof d->dead_status, "%.*s", VIEW_FMT(status));
    memory_free(d->dead_text);
    d->dead_text = memory_alloc(text.n + 1);
    memcpy(d->dead_text, text.p ? text.p : "", text.n);
    list_append(&d->transport->dead, &d->dead_link);
    d->transport->n_dead++;
    place(d);
}

/* --- entries --- */

void schedule_add(struct schedule_destination *d, struct schedule_job *job,
                  struct schedule_entry *entry)
{
    struct schedule_transport *t = d->transport;
    int64_t tag = job->next_tag > t->clock ? job->next_tag : t->clock;
    job->next_tag = tag + TAG_STEP;
    entry->destination = d;
    heap_add(&d->entries, &entry->by_tag,
             tag / TAG_STEP * TAG_STEP + (t->sequence++ & (TAG_STEP - 1)));
    t->waiting++;
    place(d);
}

void schedule_remove(struct schedule_entry *entry)
{
    struct schedule_destination *d = entry->destination;
    if (!heap_is_linked(&entry->by_tag))
        return;
    heap_remove(&d->entries, &entry->by_tag);
    d->transport->waiting--;
    place(d);
}

struct schedule_entry *schedule_take(struct schedule_destination *d)
{
    struct heap_link *first = heap_first(&d->entries);
    if (first == NULL)
        return NULL;
    struct schedule_entry *entry = CONTAINER_OF(first, struct schedule_entry, by_tag);
    schedule_remove(entry);
    return entry;
}

/* Destinations whose pause is over may start. */
static void end_pauses(struct schedule_transport *t, int64_t now)
{
    struct heap_link *first;
    while ((first = heap_first(&t->paused)) != NULL && first->key <= now) {
        struct schedule_destination *d =
            CONTAINER_OF(first, struct schedule_destination, place);
        d->paused_until = 0;
        place(d);
    }
}

struct schedule_entry *schedule_pick(struct schedule_transport *t, int64_t now)
{
    unsigned limit = t->limits.transport_rate_delay > 0 ? 1 : t->limits.transport_limit;
    end_pauses(t, now);
    struct heap_link *first = heap_first(&t->open);
    if (first == NULL || t->busy >= limit || now < t->not_before)
        return NULL;
    struct schedule_destination *d =
        CONTAINER_OF(first, struct schedule_destination, place);
    if (t->clock < first->key)
        t->clock = first->key;
    struct schedule_entry *entry =
        CONTAINER_OF(heap_first(&d->entries), struct schedule_entry, by_tag);
    d->busy++;
    t->busy++;
    schedule_remove(entry);
    return entry;
}

int64_t schedule_next_time(const struct schedule_transport *t)
{
    struct heap_link *paused = heap_first(&t->paused);
    int64_t next = paused ? paused->key : INT64_MAX;
    if (heap_first(&t->open) && t->not_before > 0 && t->not_before < next)
        next = t->not_before;
    return next;
}

bool schedule_end(struct schedule_entry *entry, enum schedule_feedback f, int64_t now)
{
    struct schedule_destination *d = entry->destination;
    struct schedule_transport *t = d->transport;
    bool is_alive = true;
    assert(d->busy > 0 && t->busy > 0);
    d->busy--;
    t->busy--;
    if (f == SCHEDULE_GOOD)
        window_success(&d->window, &t->limits.window, d->busy + 1);
    else if (f == SCHEDULE_BAD)
        is_alive = window_failure(&d->window, &t->limits.window);
    if (f == SCHEDULE_GOOD && d->dead_until != 0)
        schedule_revive(d);
    if (t->limits.rate_delay > 0)
        d->paused_until = now + t->limits.rate_delay;
    if (t->limits.transport_rate_delay > 0)
        t->not_before = now + t->limits.transport_rate_delay;
    place(d);
    return is_alive;
}
