/* check - read the configuration, ask each family, order what was found */
#include "check/check_private.h"

#include <stdarg.h>
#include <stdlib.h>

void check_found(struct check *k, enum check_severity severity, const char *path,
                 unsigned line, const char *format, ...)
{
    struct check_findings *out = k->out;
    va_list args;

    if (out->n == k->cap) {
        size_t cap = k->cap * 2 + 32;
        struct check_finding *more = arena_alloc_array(k->arena, cap, sizeof *more);
        if (out->n > 0)
            memcpy(more, out->items, out->n * sizeof *more);
        out->items = more;
        k->cap = cap;
    }
    va_start(args, format);
    struct view text = arena_vprintf(k->arena, format, args);
    va_end(args);
    out->items[out->n++] =
        (struct check_finding){severity, arena_dup(k->arena, view_of(path)), line, text};
}

/* --- helpers --- */

unsigned check_line_of(const struct conf *c, enum parameter p)
{
    for (size_t i = 0; i < conf_entry_count(c); i++)
        if (conf_entry(c, i)->parameter == p)
            return conf_entry(c, i)->line;
    return 0;
}

/* Does service S set P itself? */
static bool overrides(const struct conf *c, const struct master_service *s,
                      enum parameter p)
{
    return s != NULL && conf_is_set(c, p) && check_line_of(c, p) == 0;
}

unsigned check_place_of(const struct check *k, const struct check_scene *scene,
                        enum parameter p, const char **path)
{
    bool own = overrides(scene->conf, scene->service, p);

    *path = own ? k->master_path : k->main_path;
    return own ? scene->service->line : check_line_of(scene->conf, p);
}

size_t check_distance(struct view a, struct view b, size_t limit)
{
    enum { LONGEST = 100 };
    unsigned char row[LONGEST + 1];

    if (a.n > LONGEST || b.n > LONGEST || (a.n > b.n ? a.n - b.n : b.n - a.n) > limit)
        return limit + 1;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = (unsigned char)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned char diagonal = row[0];
        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = ascii_lower(a.p[i - 1]) == ascii_lower(b.p[j - 1]);
            unsigned best = diagonal + (same ? 0u : 1u);
            diagonal = row[j];
            if (row[j] + 1u < best)
                best = row[j] + 1u;
            if (row[j - 1] + 1u < best)
                best = row[j - 1] + 1u;
            row[j] = (unsigned char)best;
        }
    }
    return row[b.n];
}

bool check_has_command(const struct check *k, struct view command)
{
    for (size_t i = 0; i < k->services.n; i++)
        if (view_eq(k->services.items[i].command, command))
            return true;
    return false;
}

struct view check_nearest(struct view word, const struct view *words, size_t n)
{
    size_t best = word.n < 4 ? 2 : word.n < 12 ? 3 : 4;
    struct view nearest = VIEW_NONE;

    for (size_t i = 0; i < n; i++) {
        size_t d = check_distance(word, words[i], best - 1);
        if (d < best) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}

struct view check_finding_text(const struct check_finding *f, struct arena *a)
{
    if (f->line == 0)
        return arena_printf(a, "%.*s: %.*s", VIEW_FMT(f->path), VIEW_FMT(f->text));
    return arena_printf(a, "%.*s:%u: %.*s", VIEW_FMT(f->path), f->line,
                        VIEW_FMT(f->text));
}

/* --- reading --- */

/* main.cf as service S sees it; false when a -o of it cannot be read. */
static bool add_scene(struct check *k, const struct master_service *s)
{
    struct error e = ERROR_INIT;
    struct conf *c;

    if (!conf_load_lenient(k->request->directory, s->overrides, s->n_overrides, &c, &e)) {
        check_found(k, CHECK_ERROR, k->master_path, s->line, "%s; correct the option",
                    e.text);
        return false;
    }
    k->scenes[k->n_scenes++] = (struct check_scene){c, s};
    return true;
}

static void read_scenes(struct check *k)
{
    k->scenes = arena_alloc_array(k->arena, k->services.n + 1, sizeof *k->scenes);
    k->scenes[k->n_scenes++] = (struct check_scene){k->conf, NULL};
    for (size_t i = 0; i < k->services.n; i++)
        if (k->services.items[i].n_overrides > 0)
            (void)add_scene(k, &k->services.items[i]);
}

static void free_scenes(struct check *k)
{
    for (size_t i = 0; i < k->n_scenes; i++) {
        struct conf *c = (struct conf *)(uintptr_t)k->scenes[i].conf;
        conf_free(c);
    }
}

/* main.cf and master.cf; what cannot be read is told. */
static void read_files(struct check *k)
{
    struct error e = ERROR_INIT;

    if (!conf_load_lenient(k->request->directory, NULL, 0, &k->conf, &e))
        k->conf = NULL; /* check_syntax tells why */
    k->has_services = master_cf_load(k->request->directory, k->arena, &k->services, &e);
    if (!k->has_services) {
        uint64_t line = 0;
        struct view place = view_of(e.place), path, number;
        if (view_rcut(place, ':', &path, &number))
            for (size_t i = 0; i < number.n && ascii_is_digit(number.p[i]); i++)
                line = line * 10 + (uint64_t)(number.p[i] - '0');
        check_found(k, CHECK_ERROR, k->master_path, (unsigned)line,
                    "%s; no service can start before this is put right", e.text);
        k->services = (struct master_cf){.n = 0};
    }
}

/* --- order --- */

/* main.cf first, then master.cf, then the tables by name. */
static int rank(const struct check *k, struct view path)
{
    if (view_eq(path, view_of(k->main_path)))
        return 0;
    return view_eq(path, view_of(k->master_path)) ? 1 : 2;
}

static int compare(const void *left, const void *right, void *arg)
{
    const struct check_finding *a = left, *b = right;
    const struct check *k = arg;
    int by_rank = rank(k, a->path) - rank(k, b->path);
    int by_path = by_rank ? by_rank : view_cmp(a->path, b->path);

    if (by_path)
        return by_path;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return view_cmp(a->text, b->text);
}

/* The same thing seen from two settings is told once. */
static void order(struct check *k)
{
    struct check_findings *out = k->out;
    size_t kept = 0;

    if (out->n > 0)
        qsort_r(out->items, out->n, sizeof *out->items, compare, k);
    for (size_t i = 0; i < out->n; i++) {
        if (kept > 0 && compare(&out->items[i], &out->items[kept - 1], k) == 0)
            continue;
        out->items[kept++] = out->items[i];
    }
    out->n = kept;
    for (size_t i = 0; i < kept; i++) {
        out->errors += out->items[i].severity == CHECK_ERROR;
        out->warnings += out->items[i].severity == CHECK_WARNING;
    }
}

void check_configuration(const struct check_request *r, struct arena *a,
                         struct check_findings *out)
{
    struct check k = {.request = r, .arena = a, .out = out};

    *out = (struct check_findings){.n = 0};
    k.main_path = arena_printf(a, "%s/main.cf", r->directory).p;
    k.master_path = arena_printf(a, "%s/master.cf", r->directory).p;
    read_files(&k);
    check_syntax(&k);
    if (k.conf != NULL) {
        read_scenes(&k);
        check_names(&k);
        check_values(&k);
        check_collect_tables(&k);
        check_tables(&k);
        check_restrictions(&k);
        check_relay(&k);
        check_services(&k);
        check_logins(&k);
        check_hosts(&k);
        check_owners(&k);
        if (!r->quick) {
            check_table_texts(&k);
            check_patterns(&k);
            check_aliases(&k);
            check_rights(&k);
            check_tls(&k);
        }
    }
    free_scenes(&k);
    order(&k);
}
