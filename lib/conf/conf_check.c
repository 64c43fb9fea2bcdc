/* conf_check - what a careful reader finds in main.cf and master.cf */
#include "conf/conf_check.h"

#include "base/hash.h"
#include "base/memory.h"
#include "conf/expand.h"
#include "conf/parameter.h"

#include <stdarg.h>

struct checker {
    const struct conf *c;
    const struct master_cf *m;
    struct arena *arena;
    struct conf_notes *out;
    size_t cap;
    struct hash *used; /* names that some value mentions */
    const char *path;  /* of main.cf */
};

static void add(struct checker *k, const char *status, const char *path, unsigned line,
                struct view text)
{
    if (k->out->n == k->cap) {
        size_t cap = k->cap * 2 + 8;
        struct error *more = arena_alloc_array(k->arena, cap, sizeof *more);
        if (k->out->n > 0)
            memcpy(more, k->out->items, k->out->n * sizeof *more);
        k->out->items = more;
        k->cap = cap;
    }
    struct error *e = &k->out->items[k->out->n++];
    error_set(e, status, "%.*s", VIEW_FMT(text));
    error_at(e, path, line);
}

/* Something wrong. */
__attribute__((format(printf, 4, 5))) static void
found(struct checker *k, const char *path, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(k, "", path, line, arena_vprintf(k->arena, format, args));
    va_end(args);
}

/* Something worth knowing. */
__attribute__((format(printf, 4, 5))) static void
note(struct checker *k, const char *path, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(k, CONF_CHECK_NOTE, path, line, arena_vprintf(k->arena, format, args));
    va_end(args);
}

/* Distance of edits between A and B, case apart, swaps of neighbours counted as one; more
 * than LIMIT is as good as LIMIT + 1. */
static size_t distance(struct view a, struct view b, size_t limit)
{
    enum { LONGEST = 100 };
    unsigned char rows[3][LONGEST + 1];

    if (a.n > LONGEST || b.n > LONGEST || (a.n > b.n ? a.n - b.n : b.n - a.n) > limit)
        return limit + 1;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = (unsigned char)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned char *now = rows[i % 3], *last = rows[(i + 2) % 3];
        unsigned char *before = rows[(i + 1) % 3], least = (unsigned char)i;
        now[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.n; j++) {
            int x = ascii_lower(a.p[i - 1]), y = ascii_lower(b.p[j - 1]);
            unsigned best = last[j - 1] + (x != y ? 1u : 0u);
            if (last[j] + 1u < best)
                best = last[j] + 1u;
            if (now[j - 1] + 1u < best)
                best = now[j - 1] + 1u;
            if (i > 1 && j > 1 && x == ascii_lower(b.p[j - 2]) &&
                y == ascii_lower(a.p[i - 2]) && before[j - 2] + 1u < best)
                best = before[j - 2] + 1u;
            now[j] = (unsigned char)best;
            if (now[j] < least)
                least = now[j];
        }
        if (least > limit)
            return limit + 1;
    }
    return rows[a.n % 3][b.n];
}

enum parameter conf_nearest(struct view name)
{
    size_t best = name.n < 6 ? 1 : name.n < 12 ? 2 : 3;
    enum parameter nearest = P_COUNT;

    best++;
    for (enum parameter p = 0; p < P_COUNT; p++) {
        size_t d = distance(name, view_of(parameter_table[p].name), best - 1);
        if (d < best) {
            best = d;
            nearest = p;
            if (best == 0)
                break;
        }
    }
    return nearest;
}

static void add_used(struct view name, void *arg)
{
    hash_put(arg, name, arg);
}

/* All names that values and -o options mention, and the restriction classes. */
static struct hash *collect_used(const struct conf *c, const struct master_cf *m)
{
    struct hash *used = hash_new();
    struct view classes = conf_view(c, P_smtpd_restriction_classes), word;

    for (size_t i = 0; i < conf_entry_count(c); i++)
        expand_names(conf_entry(c, i)->raw, add_used, used);
    for (enum parameter p = 0; p < P_COUNT; p++)
        expand_names(view_of(parameter_table[p].default_text), add_used, used);
    while (conf_list_next(&classes, &word))
        add_used(word, used);
    for (size_t i = 0; m && i < m->n; i++) {
        for (size_t k = 0; k < m->items[i].n_overrides; k++)
            expand_names(view_of(m->items[i].overrides[k]), add_used, used);
        for (size_t k = 0; k < m->items[i].n_args; k++)
            expand_names(m->items[i].args[k], add_used, used);
    }
    return used;
}

/* Is NAME a per-transport name of a service in M?  Without M every such name is. */
static bool is_transport_name(const struct master_cf *m, struct view name)
{
    enum parameter p;
    struct view transport;

    if (!parameter_find_template(name, &p, &transport))
        return false;
    for (size_t i = 0; m && i < m->n; i++)
        if (view_eq(m->items[i].name, transport))
            return true;
    return m == NULL;
}

bool conf_is_used(const struct conf *c, const struct master_cf *m, struct view name)
{
    struct hash *used = collect_used(c, m);
    bool is = hash_get(used, name) != NULL || is_transport_name(m, name);

    hash_free(used, NULL);
    return is;
}

/* A name that is no parameter. */
static void check_unknown(struct checker *k, struct view name, const char *path,
                          unsigned line)
{
    enum parameter near;

    if (hash_get(k->used, name) != NULL || is_transport_name(k->m, name))
        return;
    near = conf_nearest(name);
    if (near != P_COUNT)
        found(k, path, line, "unknown parameter `%.*s'; did you mean `%s'?",
              VIEW_FMT(name), parameter_table[near].name);
    else
        found(k, path, line, "unknown parameter `%.*s', and nothing uses it; delete it",
              VIEW_FMT(name));
}

/* A parameter that is set to RAW.  To set what rules anyway does no harm. */
static void check_known(struct checker *k, enum parameter p, struct view raw,
                        const char *path, unsigned line)
{
    const struct parameter_info *info = &parameter_table[p];

    if (view_eq(raw, view_of(info->default_text)))
        return;

    if (info->fallback != P_COUNT)
        found(k, path, line,
              "`%s' stands for one parameter per service; say SERVICE_%.*s", info->name,
              VIEW_FMT(parameter_suffix(p)));
    else if (info->state == PARAMETER_LATER)
        found(k, path, line,
              "parameter `%s' belongs to a later release; until then it has no effect",
              info->name);
    else if (info->state == PARAMETER_ACCEPTED)
        note(k, path, line, "parameter `%s' has no effect here: %s", info->name,
             info->meaning);
}

static void check_name(struct checker *k, struct view name, struct view raw,
                       const char *path, unsigned line)
{
    enum parameter p;

    if (parameter_find(name, &p))
        check_known(k, p, raw, path, line);
    else
        check_unknown(k, name, path, line);
}

static void check_overrides(struct checker *k)
{
    const char *path = arena_printf(k->arena, "%s/master.cf", conf_directory(k->c)).p;

    for (size_t i = 0; k->m && i < k->m->n; i++)
        for (size_t o = 0; o < k->m->items[i].n_overrides; o++) {
            struct view name, value;
            view_cut(view_of(k->m->items[i].overrides[o]), '=', &name, &value);
            check_name(k, name, value, path, k->m->items[i].line);
        }
}

void conf_check(const struct conf *c, const struct master_cf *m, struct arena *a,
                struct conf_notes *out)
{
    struct checker k = {.c = c, .m = m, .arena = a, .out = out};

    *out = (struct conf_notes){.n = 0};
    k.path = arena_printf(a, "%s/main.cf", conf_directory(c)).p;
    k.used = collect_used(c, m);
    for (size_t i = 0; i < conf_entry_count(c); i++)
        check_name(&k, conf_entry(c, i)->name, conf_entry(c, i)->raw, k.path,
                   conf_entry(c, i)->line);
    check_overrides(&k);
    hash_free(k.used, NULL);
}
