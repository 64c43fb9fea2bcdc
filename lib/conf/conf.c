/* conf - the configuration of an instance, read once, then never changed
 *
 * Loading: all entries are read first, then every value is expanded once (names that
 * refer to each other by depth-first search, a ring is an error) and checked against its
 * type.  After that all getters only look.
 */
#include "conf/conf.h"

#include "base/memory.h"
#include "conf/conf_read.h"
#include "conf/expand.h"
#include "conf/lines.h"
#include "conf/value.h"

#include <assert.h>

enum { REFERENCE_DEPTH_MAX = 100, CONF_FILE_MAX = 16 << 20 };

/* Where V was written, for errors. */
static void place(const struct conf *c, const struct conf_value *v, struct error *e)
{
    if (e == NULL || e->place[0] != '\0')
        return;
    if (v->line > 0)
        error_at(e, c->path, v->line);
    else
        error_at(e, v->is_set ? "-o" : c->path, 0);
}

/* "myorigin = /etc/mailname" means the first line of that file, as in Debian. */
static bool read_myorigin(struct conf *c, struct conf_value *v, struct error *e)
{
    struct str content = STR_INIT(4096);
    struct view line, rest;

    if (!lines_read_file(v->text.p, &content, e)) {
        error_prefix(e, "myorigin: ");
        str_done(&content);
        return false;
    }
    view_cut(str_view(&content), '\n', &line, &rest);
    v->text = arena_dup(c->arena, view_trim_space(line));
    str_done(&content);
    return true;
}

/* Expand and check V, which is marked busy. */
static bool resolve_text(struct conf *c, struct conf_value *v, struct error *e)
{
    struct str text = STR_INIT(CONF_VALUE_MAX);
    bool ok;

    if (v->info != NULL && v->info->type == PARAMETER_RAW)
        ok = str_add(&text, v->raw);
    else
        ok = expand_text(v->raw, conf_append, c, &text, e);
    if (ok)
        v->text = arena_dup(c->arena, str_view(&text));
    str_done(&text);
    if (ok && v == &c->values[P_myorigin] && view_starts(v->text, VIEW("/")))
        ok = read_myorigin(c, v, e);
    if (ok && v->info != NULL)
        ok = value_parse(v->info, v->name, v->text, &v->number, e);
    return ok;
}

bool conf_resolve(struct conf *c, struct conf_value *v, struct error *e)
{
    bool ok;

    if (v->progress == CONF_DONE)
        return true;
    if (v->progress == CONF_BUSY || c->depth >= REFERENCE_DEPTH_MAX) {
        error_set(e, "4.3.5", "unreasonable macro call nesting: \"%.*s\"%s",
                  VIEW_FMT(v->name), v->progress == CONF_BUSY ? " refers to itself" : "");
        place(c, v, e);
        return false;
    }
    v->progress = CONF_BUSY;
    c->depth++;
    ok = (v->is_set || conf_late_default(c, v, e)) && resolve_text(c, v, e);
    c->depth--;
    v->progress = ok ? CONF_DONE : CONF_FRESH;
    if (!ok)
        place(c, v, e);
    return ok;
}

/* The value of NAME, NULL when nobody gave one. */
static struct conf_value *find(const struct conf *c, struct view name)
{
    enum parameter p;

    if (parameter_find(name, &p))
        return (struct conf_value *)(uintptr_t)&c->values[p];
    return hash_get(c->named, name);
}

bool conf_append(struct view name, struct str *out, struct error *e, void *arg)
{
    struct conf *c = arg;
    struct conf_value *v = find(c, name);

    if (v == NULL)
        return true;
    if (!conf_resolve(c, v, e))
        return false;
    str_add(out, v->text);
    return true;
}

/* Expand and check V; a lenient reading takes a bad value as it is written and notes why.
 */
static bool resolve_one(struct conf *c, struct conf_value *v, struct error *e)
{
    if (conf_resolve(c, v, e))
        return true;
    if (!c->lenient)
        return false;
    conf_note(c, 0, "%s", e->text);
    memcpy(c->notes.items[c->notes.n - 1].place, e->place, sizeof e->place);
    error_clear(e);
    v->text = arena_dup(c->arena, v->raw);
    v->number = 0;
    v->progress = CONF_DONE;
    return true;
}

static bool resolve_all(struct conf *c, struct error *e)
{
    size_t position = 0;
    struct view name;
    void *value;

    for (enum parameter p = 0; p < P_COUNT; p++)
        if (!resolve_one(c, &c->values[p], e))
            return false;
    while (hash_next(c->named, &position, &name, &value))
        if (!resolve_one(c, value, e))
            return false;
    return true;
}

static struct conf *conf_new(const char *directory)
{
    struct conf *c = NEW(struct conf);

    c->arena = arena_new();
    c->named = hash_new();
    c->directory = arena_cstr(c->arena, view_of(directory));
    c->path = arena_printf(c->arena, "%s/main.cf", directory).p;
    for (enum parameter p = 0; p < P_COUNT; p++) {
        const struct parameter_info *info = &parameter_table[p];
        c->values[p].name = view_of(info->name);
        c->values[p].info = info;
        c->values[p].raw = view_of(info->default_text);
    }
    return c;
}

void conf_free(struct conf *c)
{
    if (c == NULL)
        return;
    memory_free(c->interfaces);
    hash_free(c->named, NULL);
    arena_free(c->arena);
    memory_free(c);
}

/* Both ways to load. */
static bool load(const char *directory, struct view text, const char *const *overrides,
                 size_t n, bool lenient, struct conf **out, struct error *e)
{
    struct conf *c = conf_new(directory);
    bool ok = conf_read_text(c, text, e);

    c->lenient = lenient;
    c->source = arena_dup(c->arena, text);
    for (size_t i = 0; ok && i < n; i++)
        ok = conf_read_override(c, overrides[i], e);
    if (ok) {
        conf_machine_defaults(c);
        ok = resolve_all(c, e);
    }
    if (!ok) {
        conf_free(c);
        c = NULL;
    }
    *out = c;
    return ok;
}

bool conf_load_text(const char *directory, struct view text, const char *const *overrides,
                    size_t n, struct conf **out, struct error *e)
{
    return load(directory, text, overrides, n, false, out, e);
}

static bool load_file(const char *directory, const char *const *overrides, size_t n,
                      bool lenient, struct conf **out, struct error *e)
{
    struct str path = STR_INIT(4096), text = STR_INIT(CONF_FILE_MAX);
    bool ok;

    *out = NULL;
    str_addf(&path, "%s/main.cf", directory);
    ok = lines_read_file(str_cstr(&path), &text, e) &&
         load(directory, str_view(&text), overrides, n, lenient, out, e);
    str_done(&path);
    str_done(&text);
    return ok;
}

bool conf_load(const char *directory, const char *const *overrides, size_t n,
               struct conf **out, struct error *e)
{
    return load_file(directory, overrides, n, false, out, e);
}

bool conf_load_lenient(const char *directory, const char *const *overrides, size_t n,
                       struct conf **out, struct error *e)
{
    return load_file(directory, overrides, n, true, out, e);
}

const char *conf_directory(const struct conf *c)
{
    return c->directory;
}

struct view conf_source(const struct conf *c)
{
    return c->source;
}

struct view conf_view(const struct conf *c, enum parameter p)
{
    return c->values[p].text;
}

const char *conf_cstr(const struct conf *c, enum parameter p)
{
    return c->values[p].text.p;
}

/* P's number, when P is of one of two types. */
static int64_t number(const struct conf *c, enum parameter p, enum parameter_type a,
                      enum parameter_type b)
{
    enum parameter_type type = parameter_table[p].type;

    assert(type == a || type == b);
    return c->values[p].number;
}

bool conf_bool(const struct conf *c, enum parameter p)
{
    return number(c, p, PARAMETER_BOOL, PARAMETER_BOOL) != 0;
}

int64_t conf_int(const struct conf *c, enum parameter p)
{
    return number(c, p, PARAMETER_INT, PARAMETER_SIZE);
}

int64_t conf_time(const struct conf *c, enum parameter p)
{
    return number(c, p, PARAMETER_TIME, PARAMETER_TIME);
}

int conf_choice(const struct conf *c, enum parameter p)
{
    return (int)number(c, p, PARAMETER_ENUM, PARAMETER_ENUM);
}

bool conf_is_set(const struct conf *c, enum parameter p)
{
    return c->values[p].is_set;
}

/* The value of TRANSPORT's own form of P, else that of P. */
static const struct conf_value *transport_value(const struct conf *c,
                                                struct view transport, enum parameter p)
{
    enum parameter template = parameter_template_of(p);
    const struct conf_value *v;
    char name[256];
    int n;

    assert(template != P_COUNT);
    struct view suffix = parameter_suffix(template);
    n = snprintf(name, sizeof name, "%.*s_%.*s", VIEW_FMT(transport), VIEW_FMT(suffix));
    if (n < 0 || (size_t)n >= sizeof name)
        return &c->values[p];
    v = find(c, (struct view){name, (size_t)n});
    return v ? v : &c->values[p];
}

int64_t conf_transport_int(const struct conf *c, struct view transport, enum parameter p)
{
    assert(parameter_table[p].type == PARAMETER_INT);
    return transport_value(c, transport, p)->number;
}

int64_t conf_transport_time(const struct conf *c, struct view transport, enum parameter p)
{
    assert(parameter_table[p].type == PARAMETER_TIME);
    return transport_value(c, transport, p)->number;
}

struct view conf_transport_view(const struct conf *c, struct view transport,
                                enum parameter p)
{
    return transport_value(c, transport, p)->text;
}

struct view conf_named(const struct conf *c, struct view name, bool *found)
{
    const struct conf_value *v = find(c, name);

    if (found)
        *found = v != NULL;
    return v ? v->text : VIEW_NONE;
}

struct caller {
    const struct conf *c;
    conf_lookup_fn *lookup;
    void *arg;
};

/* Ask the caller's names first, then the configuration. */
static bool append_for_caller(struct view name, struct str *out, struct error *e,
                              void *arg)
{
    const struct caller *caller = arg;

    (void)e;
    if (caller->lookup == NULL || !caller->lookup(name, out, caller->arg))
        str_add(out, conf_named(caller->c, name, NULL));
    return true;
}

bool conf_expand(const struct conf *c, struct view text, conf_lookup_fn *lookup,
                 void *arg, struct str *out, struct error *e)
{
    struct caller caller = {c, lookup, arg};

    return expand_text(text, append_for_caller, &caller, out, e);
}

struct view conf_queue_directory(const struct conf *c)
{
    return conf_view(c, P_queue_directory);
}

struct view conf_raw(const struct conf *c, enum parameter p)
{
    return c->values[p].raw;
}

size_t conf_entry_count(const struct conf *c)
{
    return c->n_entries;
}

const struct conf_entry *conf_entry(const struct conf *c, size_t i)
{
    assert(i < c->n_entries);
    return &c->entries[i];
}

const struct conf_notes *conf_load_notes(const struct conf *c)
{
    return &c->notes;
}
