/* users - messages and recipients of logged-in users; see users.h
 */
#include "users.h"

#include "base/clock.h"
#include "base/memory.h"

#define HOUR_PARTS 12
#define HOUR_PART  (300 * CLOCK_SECOND)
#define DAY_PARTS  24
#define DAY_PART   (3600 * CLOCK_SECOND)

/* One sliding window: N parts, a ring whose newest is part number NEWEST of time. */
struct window {
    int64_t newest;
    uint32_t parts[DAY_PARTS];
};
_Static_assert(HOUR_PARTS <= DAY_PARTS, "both windows fit");

struct user {
    struct list_link link;
    int64_t last; /* when something was counted */
    struct window hours[ANVIL_USER_EVENTS], days[ANVIL_USER_EVENTS];
    size_t n;
    char name[]; /* N bytes */
};

/* Let what is too old fall out of W. */
static void window_move(struct window *w, unsigned n, int64_t part)
{
    if (part - w->newest >= (int64_t)n)
        memset(w->parts, 0, sizeof w->parts);
    for (int64_t p = w->newest + 1; p <= part && p - w->newest <= (int64_t)n; p++)
        w->parts[(uint64_t)p % n] = 0;
    if (part > w->newest)
        w->newest = part;
}

static uint64_t window_sum(const struct window *w, unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += w->parts[i];
    return sum;
}

static void window_add(struct window *w, unsigned n)
{
    uint32_t *part = &w->parts[(uint64_t)w->newest % n];
    if (*part < UINT32_MAX)
        ++*part;
}

void users_init(struct users *u, size_t most)
{
    *u = (struct users){.by_name = hash_new(), .most = most};
    list_init(&u->by_age);
}

void users_done(struct users *u)
{
    hash_free(u->by_name, memory_free);
}

static void forget(struct users *u, struct user *user)
{
    list_remove(&user->link);
    (void)hash_remove(u->by_name, (struct view){user->name, user->n});
    memory_free(user);
}

static struct user *find_or_add(struct users *u, struct view name)
{
    struct user *user = hash_get(u->by_name, name);
    if (user) {
        list_remove(&user->link);
    } else {
        struct user *oldest = LIST_FIRST(struct user, &u->by_age, link);
        if (oldest && hash_count(u->by_name) >= u->most)
            forget(u, oldest);
        user = memory_alloc(sizeof *user + name.n);
        memcpy(user->name, name.p, name.n);
        user->n = name.n;
        (void)hash_put(u->by_name, name, user);
    }
    list_append(&u->by_age, &user->link);
    return user;
}

static bool is_over(uint64_t count, uint64_t limit)
{
    return limit > 0 && count > limit;
}

void users_event(struct users *u, struct view name, enum anvil_user_event event,
                 const struct anvil_user_limits *limits, int64_t now,
                 struct anvil_user_counts *out)
{
    struct user *user = find_or_add(u, name);
    struct window *hour = &user->hours[event], *day = &user->days[event];
    window_move(hour, HOUR_PARTS, now / HOUR_PART);
    window_move(day, DAY_PARTS, now / DAY_PART);
    *out = (struct anvil_user_counts){.hour = window_sum(hour, HOUR_PARTS) + 1,
                                      .day = window_sum(day, DAY_PARTS) + 1};
    user->last = now;
    if (is_over(out->hour, limits->hour) || is_over(out->day, limits->day))
        return;
    window_add(hour, HOUR_PARTS);
    window_add(day, DAY_PARTS);
}

void users_sweep(struct users *u, int64_t now)
{
    struct user *user;
    while ((user = LIST_FIRST(struct user, &u->by_age, link)) != NULL &&
           user->last + (DAY_PARTS + 1) * DAY_PART < now)
        forget(u, user);
}
