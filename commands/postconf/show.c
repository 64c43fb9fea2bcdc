/* show - main.cf settings: postconf, -d, -n, -x, -C, -j */
#include "postconf.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/conf_check.h"
#include "conf/parameter.h"

/* A name to show. */
struct shown {
    struct view name;
    enum parameter parameter; /* P_COUNT: none */
};

struct shower {
    const struct options *o;
    struct conf *conf;
    struct master_cf services;
    bool has_services;
    struct shown *items;
    size_t n, cap;
};

static struct conf *load(const struct options *o)
{
    struct conf *c;
    struct error e = ERROR_INIT;
    bool ok = o->defaults
                  ? conf_load_text(o->directory, VIEW(""), NULL, 0, &c, &e)
                  : conf_load_lenient(o->directory, o->overrides, o->n_overrides, &c, &e);

    if (!ok)
        log_fatal("%s", error_cstr(&e));
    for (size_t i = 0; !o->quiet && i < conf_load_notes(c)->n; i++)
        log_warning("%s", error_cstr(&conf_load_notes(c)->items[i]));
    return c;
}

static void add(struct shower *s, struct view name, enum parameter p)
{
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 256;
        s->items = memory_resize(s->items, s->cap * sizeof *s->items);
    }
    s->items[s->n++] = (struct shown){arena_dup(s->o->arena, name), p};
}

static bool is_set_in_main(const struct conf *c, struct view name)
{
    for (size_t i = 0; i < conf_entry_count(c); i++)
        if (view_eq(conf_entry(c, i)->name, name))
            return true;
    return false;
}

static bool is_wanted(const struct shower *s, struct view name)
{
    return !s->o->set_only || is_set_in_main(s->conf, name);
}

/* "relay_destination_concurrency_limit" and the like belong to their services, though
 * the registry knows some of them. */
static bool is_of_service(enum parameter p)
{
    struct view name = view_of(parameter_table[p].name);

    for (enum parameter t = 0; t < P_COUNT; t++) {
        enum parameter fallback = parameter_table[t].fallback;
        struct view suffix;
        if (fallback == P_COUNT || fallback == p)
            continue;
        suffix = parameter_suffix(t);
        if (view_starts(suffix, VIEW("destination_")) && name.n > suffix.n + 1 &&
            view_ends(name, suffix) && name.p[name.n - suffix.n - 1] == '_')
            return true;
    }
    return false;
}

static void add_builtin(struct shower *s)
{
    for (enum parameter p = 0; p < P_COUNT; p++)
        if (parameter_table[p].fallback == P_COUNT && !is_of_service(p) &&
            (!s->o->set_only || conf_is_set(s->conf, p)))
            add(s, view_of(parameter_table[p].name), p);
}

static bool is_in(struct view word, struct view words)
{
    struct view one;

    while (view_token(&words, VIEW(" "), &one))
        if (view_eq(one, word))
            return true;
    return false;
}

/* The names that service M gives life to: its per-transport settings. */
static void add_of_service(struct shower *s, const struct master_service *m)
{
    bool delivers = is_in(m->command, VIEW("error lmtp local pipe smtp virtual"));
    bool is_timed = is_in(m->command, VIEW("pipe spawn"));

    for (enum parameter p = 0; p < P_COUNT; p++) {
        enum parameter known = P_COUNT;
        struct view name;
        if (parameter_table[p].fallback == P_COUNT ||
            !(p == P_transport_time_limit ? is_timed : delivers))
            continue;
        name = arena_printf(s->o->arena, "%.*s_%.*s", VIEW_FMT(m->name),
                            VIEW_FMT(parameter_suffix(p)));
        if (!parameter_find(name, &known))
            known = P_COUNT;
        if (is_wanted(s, name))
            add(s, name, known);
    }
}

static bool is_added(const struct shower *s, struct view name)
{
    for (size_t i = 0; i < s->n; i++)
        if (view_eq(s->items[i].name, name))
            return true;
    return false;
}

static void add_user(struct shower *s)
{
    const struct master_cf *m = s->has_services ? &s->services : NULL;

    for (size_t i = 0; i < conf_entry_count(s->conf); i++) {
        const struct conf_entry *entry = conf_entry(s->conf, i);
        enum parameter p;
        struct view transport;
        if (entry->parameter == P_COUNT &&
            !parameter_find_template(entry->name, &p, &transport) &&
            conf_is_used(s->conf, m, entry->name) && !is_added(s, entry->name))
            add(s, entry->name, P_COUNT);
    }
}

static int by_name(const void *a, const void *b)
{
    return view_cmp(((const struct shown *)a)->name, ((const struct shown *)b)->name);
}

/* The value of NAME as the options want it. */
static bool value_of(const struct shower *s, const struct shown *what, struct view *value)
{
    enum parameter p;
    struct view transport;
    bool found;

    if (what->parameter != P_COUNT) {
        *value = s->o->expand ? conf_view(s->conf, what->parameter)
                              : conf_raw(s->conf, what->parameter);
        return true;
    }
    *value = conf_named(s->conf, what->name, &found);
    for (size_t i = 0; found && !s->o->expand && i < conf_entry_count(s->conf); i++)
        if (view_eq(conf_entry(s->conf, i)->name, what->name))
            *value = conf_entry(s->conf, i)->raw;
    if (found)
        return true;
    if (!parameter_find_template(what->name, &p, &transport))
        return false;
    /* Not set: the default that all transports share. */
    *value = s->o->expand ? conf_view(s->conf, p) : conf_raw(s->conf, p);
    return true;
}

static void show_all(struct shower *s)
{
    if (s->o->class_builtin)
        add_builtin(s);
    for (size_t i = 0; s->o->class_service && i < s->services.n; i++)
        add_of_service(s, &s->services.items[i]);
    if (s->o->class_user)
        add_user(s);
    if (s->n > 0)
        qsort(s->items, s->n, sizeof s->items[0], by_name);
    for (size_t i = 0; i < s->n; i++) {
        struct view value;
        if (i > 0 && view_eq(s->items[i].name, s->items[i - 1].name))
            continue;
        if (value_of(s, &s->items[i], &value))
            print_setting(s->o, s->items[i].name, value);
    }
}

static void show_named(struct shower *s)
{
    for (size_t i = 0; i < s->o->n_names; i++) {
        struct shown what = {view_of(s->o->names[i]), P_COUNT};
        struct view value;
        if (!parameter_find(what.name, &what.parameter))
            what.parameter = P_COUNT;
        if (value_of(s, &what, &value))
            print_setting(s->o, what.name, value);
        else
            log_warning("%s: unknown parameter", s->o->names[i]);
    }
}

int show_main(const struct options *o)
{
    struct shower s = {.o = o, .conf = load(o)};
    struct error e = ERROR_INIT;

    s.has_services = master_cf_load(o->directory, o->arena, &s.services, &e);
    if (!s.has_services)
        s.services.n = 0;
    if (o->n_names > 0)
        show_named(&s);
    else
        show_all(&s);
    fflush(stdout);
    if (!o->defaults)
        warn_unused(o, s.conf);
    memory_free(s.items);
    conf_free(s.conf);
    return 0;
}
