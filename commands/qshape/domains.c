/* domains - count addresses by domain and age, and print the counts */
#include "qshape.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_WIDTH_LEAST = 18 };

static struct domain *get(struct table *t, struct view name)
{
    struct domain *d = hash_get(t->by_name, name);

    if (d)
        return d;
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 64;
        struct domain **items = arena_alloc_array(t->arena, room, sizeof *items);
        if (t->n > 0)
            memcpy(items, t->items, t->n * sizeof *items);
        t->items = items;
        t->room = room;
    }
    d = arena_alloc_array(t->arena, 1, sizeof *d);
    *d = (struct domain){.name = arena_dup(t->arena, name)};
    hash_put(t->by_name, d->name, d);
    t->items[t->n++] = d;
    return d;
}

void table_start(struct table *t, const struct options *o)
{
    *t = (struct table){.options = o, .arena = arena_new(), .by_name = hash_new()};
    (void)get(t, VIEW("TOTAL"));
}

/* Buckets of double age each, or of equal age with -l. */
static unsigned bucket_of(const struct options *o, int64_t age)
{
    int64_t limit = o->tick * 60, ticks = age / limit;
    unsigned bucket = 1;

    if (age < limit)
        return 1;
    if (o->linear)
        return ticks + 1 < o->buckets ? (unsigned)ticks + 1 : o->buckets;
    while (ticks > 0 && bucket < o->buckets) {
        ticks /= 2;
        bucket++;
    }
    return bucket;
}

/* What is behind the last "@", without doubled, leading and trailing dots. */
static struct view domain_of(struct table *t, struct view address)
{
    struct view name = arena_lower(t->arena, address);
    struct str out = STR_INIT(1 << 16);

    if (address.n == 0)
        return VIEW("MAILER-DAEMON");
    for (size_t at; (at = view_find(name, '@')) != VIEW_NPOS;)
        name = view_from(name, at + 1);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] != '.' || (out.n > 0 && out.p[out.n - 1] != '.'))
            str_add_char(&out, name.p[i]);
    if (out.n > 1 && out.p[out.n - 1] == '.')
        str_truncate(&out, out.n - 1);
    name = arena_dup(t->arena, str_view(&out));
    str_done(&out);
    return name;
}

/* ".example.com" of "a.example.com"; false for what has only a top-level domain above. */
static bool parent_of(struct view *name)
{
    struct view rest = *name;
    size_t dot;

    if (rest.n > 0 && rest.p[0] == '.')
        rest = view_from(rest, 1);
    dot = view_find(rest, '.');
    if (dot == VIEW_NPOS || dot == 0 || !view_has(view_from(rest, dot + 1), '.'))
        return false;
    *name = view_from(rest, dot);
    return true;
}

void table_count(struct table *t, struct view address, int64_t age)
{
    unsigned bucket = bucket_of(t->options, age);
    struct view name = domain_of(t, address);
    bool is_new = false;

    t->items[0]->counts[0]++;
    t->items[0]->counts[bucket]++;
    do {
        struct domain *d = get(t, name);
        d->counts[0]++;
        d->counts[bucket]++;
        d->subdomains += is_new;
        is_new = d->counts[0] == 1;
    } while (t->options->parents && parent_of(&name));
}

/* --- printing --- */

struct layout {
    char heads[BUCKETS_MAX + 1][24];
    int widths[BUCKETS_MAX + 1];
    size_t name_width;
};

static void make_layout(const struct table *t, struct layout *l)
{
    const struct options *o = t->options;
    size_t used = 0;
    int64_t age = 0;

    for (unsigned i = 0; i <= o->buckets; i++) {
        char number[24];
        int width = snprintf(number, sizeof number, "%llu",
                             (unsigned long long)t->items[0]->counts[i]);
        if (i > 0 && i < o->buckets)
            age += age > 0 && !o->linear ? age : o->tick;
        int head = i == 0 ? snprintf(l->heads[i], sizeof l->heads[i], "T")
                          : snprintf(l->heads[i], sizeof l->heads[i], "%lld%s",
                                     (long long)age, i == o->buckets ? "+" : "");
        width = head > width ? head : width;
        l->widths[i] = width > 2 ? width + 1 : 3;
        used += (size_t)l->widths[i];
    }
    l->name_width =
        used + NAME_WIDTH_LEAST > o->width ? NAME_WIDTH_LEAST : o->width - used;
}

static void print_name(const struct layout *l, struct view name)
{
    size_t width = l->name_width;
    bool is_parent = name.n > 0 && name.p[0] == '.';
    struct view tail;

    if (name.n <= width) {
        printf("%*s%.*s", (int)(width - name.n), "", VIEW_FMT(name));
        return;
    }
    tail = view_from(name, name.n - width + (is_parent ? 2 : 1));
    printf("%s+%.*s", is_parent ? "." : "", VIEW_FMT(tail));
}

static int by_count(const void *a, const void *b)
{
    const struct domain *one = *(struct domain *const *)a,
                        *other = *(struct domain *const *)b;

    if (one->counts[0] != other->counts[0])
        return one->counts[0] < other->counts[0] ? 1 : -1;
    if (one->name.n != other->name.n)
        return one->name.n < other->name.n ? -1 : 1;
    return view_cmp(one->name, other->name);
}

static void print_rows(const struct table *t, const struct layout *l)
{
    const struct options *o = t->options;
    uint64_t shown = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct domain *d = t->items[i];
        bool is_parent = d->name.n > 0 && d->name.p[0] == '.';
        if (is_parent && d->subdomains < o->min_subdomains)
            continue;
        if (o->batch_domains > 0 && ++shown > o->batch_domains)
            return;
        print_name(l, d->name);
        for (unsigned k = 0; k <= o->buckets; k++)
            printf("%*llu", l->widths[k], (unsigned long long)d->counts[k]);
        putchar('\n');
    }
}

void table_print(struct table *t)
{
    struct layout l;

    make_layout(t, &l);
    if (t->options->clear_screen)
        fputs("\033[H\033[J", stdout);
    print_name(&l, VIEW(""));
    for (unsigned i = 0; i <= t->options->buckets; i++)
        printf("%*s", l.widths[i], l.heads[i]);
    putchar('\n');
    /* "TOTAL" has the first place in the table and the first line. */
    qsort(t->items + 1, t->n - 1, sizeof t->items[0], by_count);
    print_rows(t, &l);
    fflush(stdout);
}
