/* table - look-up tables behind one interface
 *
 * Tables are shared: the same specification with the same flags for the same
 * configuration is opened once.  A table that cannot be used stays there and is tried
 * again, at most once a second, so a file that appears later is taken up.
 */
#include "table/table_private.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/trail.h"

static const struct table_type *const types[] = {
    &table_type_btree,    &table_type_cdb,       &table_type_cidr,
    &table_type_dbm,      &table_type_debug,     &table_type_environ,
    &table_type_fail,     &table_type_hash,      &table_type_inline,
    &table_type_internal, &table_type_ldap,      &table_type_lmdb,
    &table_type_memcache, &table_type_mysql,     &table_type_pcre,
    &table_type_pgsql,    &table_type_pipemap,   &table_type_proxy,
    &table_type_randmap,  &table_type_redis,     &table_type_regexp,
    &table_type_sdbm,     &table_type_socketmap, &table_type_sqlite,
    &table_type_static,   &table_type_tcp,       &table_type_texthash,
    &table_type_unionmap, &table_type_unix,
};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* Open tables by configuration, flags and specification. */
static struct hash *shared;

const char *table_type_name(size_t i)
{
    return i < N_TYPES ? types[i]->name : NULL;
}

const struct table_type *table_type_find(struct view name)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (view_eq(name, view_of(types[i]->name)))
            return types[i];
    return NULL;
}

const char *table_type_instead(struct view name)
{
    static const struct {
        const char *name, *instead;
    } gone[] = {
        {"nisplus", "NIS+ is gone from every system; use ldap:"},
        {"netinfo", "NetInfo is gone since Mac OS X 10.5; use ldap:"},
        {"nis", "use unix: with nis in nsswitch.conf, or hash: with what ypcat gives"},
        {"mongodb", "use socketmap: with a program that asks it"},
    };

    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        if (view_eq(name, view_of(gone[i].name)))
            return gone[i].instead;
    return NULL;
}

char *table_path(const struct conf *c, struct view name, const char *suffix)
{
    struct str path = STR_INIT(4096);
    char *copy;

    if (!view_starts(name, VIEW("/")))
        str_addf(&path, "%s/", conf_directory(c));
    str_add(&path, name);
    str_add_cstr(&path, suffix);
    copy = memory_cstr(str_cstr(&path));
    str_done(&path);
    return copy;
}

void table_watch(struct table *t, const char *path)
{
    struct table_watch *w = &t->watches[t->n_watches++];

    w->path = memory_cstr(path);
    if (stat(path, &w->seen) != 0)
        w->seen = (struct stat){.st_ino = 0};
}

static void forget_watches(struct table *t)
{
    for (size_t i = 0; i < t->n_watches; i++)
        memory_free(t->watches[i].path);
    t->n_watches = 0;
}

static bool is_changed(const struct table *t)
{
    for (size_t i = 0; i < t->n_watches; i++) {
        const struct stat *old = &t->watches[i].seen;
        struct stat now;
        if (stat(t->watches[i].path, &now) != 0)
            now = (struct stat){.st_ino = 0};
        if (now.st_ino != old->st_ino || now.st_dev != old->st_dev ||
            now.st_size != old->st_size || now.st_mtim.tv_sec != old->st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != old->st_mtim.tv_nsec)
            return true;
    }
    return false;
}

static void close_state(struct table *t)
{
    if (t->is_open && t->type->close)
        t->type->close(t);
    t->is_open = false;
    t->state = NULL;
}

/* Open anew; an error that was not logged yet is. */
static void try_open(struct table *t)
{
    struct error e = ERROR_INIT;

    forget_watches(t);
    t->is_open = t->type->open(t, &e);
    if (t->is_open) {
        t->is_logged = false;
        return;
    }
    if (!t->is_logged || strcmp(e.text, t->error.text) != 0)
        log_warning("%s: %s", t->spec, error_cstr(&e));
    t->is_logged = true;
    t->error = e;
}

/* Once a second: has a file changed, can a broken table be opened now? */
static void refresh(struct table *t)
{
    int64_t now = clock_mono();

    if (t->type == NULL || now < t->next_check)
        return;
    t->next_check = now + CLOCK_SECOND;
    if (t->is_open && !is_changed(t))
        return;
    if (t->is_open)
        log_debug("%s: taking up the changed table", t->spec);
    close_state(t);
    try_open(t);
}

/* A daemon that shall not start with a table that cannot be opened ends here.  One that
 * fails later is an error at each look-up, and no more. */
static void end_when_fatal(const struct table *t)
{
    bool is_daemon = conf_is_set(t->conf, P_service_name);

    if (!t->is_open && is_daemon &&
        conf_bool(t->conf, P_daemon_table_open_error_is_fatal))
        log_fatal("%s: %s", t->spec, t->error.text);
}

static struct table *table_new(const struct conf *c, struct view spec, unsigned flags,
                               int nesting)
{
    struct table *t = NEW(struct table);
    struct view type;

    t->conf = c;
    t->flags = flags;
    t->references = 1;
    t->nesting = nesting;
    t->spec = memory_alloc(spec.n + 1);
    if (spec.n > 0)
        memcpy(t->spec, spec.p, spec.n);
    if (!view_cut((struct view){t->spec, spec.n}, ':', &type, &t->name)) {
        error_set(&t->error, "4.3.5", "need a table type: \"%s\" is not \"type:name\"",
                  t->spec);
    } else if (nesting > TABLE_NESTING_MAX) {
        error_set(&t->error, "4.3.5", "tables inside of tables too deep");
    } else if ((t->type = table_type_find(type)) == NULL) {
        const char *instead = table_type_instead(type);
        error_set(&t->error, "4.3.5", "unsupported dictionary type: %.*s%s%s",
                  VIEW_FMT(type), instead ? "; " : "", instead ? instead : "");
    }
    if (t->type == NULL)
        log_warning("%s: %s", t->spec, t->error.text);
    else
        try_open(t);
    end_when_fatal(t);
    t->next_check = clock_mono() + CLOCK_SECOND;
    return t;
}

/* The key under which a table is shared. */
static void share_key(const struct conf *c, struct view spec, unsigned flags, int nesting,
                      struct str *key)
{
    str_addf(key, "%p %u %d ", (const void *)c, flags, nesting);
    str_add(key, spec);
}

static struct table *open_shared(const struct conf *c, struct view spec, unsigned flags,
                                 int nesting)
{
    struct str key = STR_INIT(spec.n + 100);
    struct table *t;

    if (shared == NULL)
        shared = hash_new();
    share_key(c, spec, flags, nesting, &key);
    t = hash_get(shared, str_view(&key));
    if (t != NULL) {
        t->references++;
    } else {
        t = table_new(c, spec, flags, nesting);
        hash_put(shared, str_view(&key), t);
    }
    str_done(&key);
    return t;
}

struct table *table_open(const struct conf *c, struct view spec, unsigned flags)
{
    return open_shared(c, spec, flags, 0);
}

struct table *table_open_inner(const struct table *outer, struct view spec)
{
    return open_shared(outer->conf, spec, outer->flags, outer->nesting + 1);
}

void table_close(struct table *t)
{
    struct str key;

    if (t == NULL || --t->references > 0)
        return;
    if (t->type)
        close_state(t); /* may close tables inside */
    str_init(&key, strlen(t->spec) + 100);
    share_key(t->conf, view_of(t->spec), t->flags, t->nesting, &key);
    hash_remove(shared, str_view(&key));
    str_done(&key);
    if (hash_count(shared) == 0) {
        hash_free(shared, NULL);
        shared = NULL;
    }
    forget_watches(t);
    memory_free(t->spec);
    memory_free(t);
}

bool table_check(struct table *t, struct error *e)
{
    refresh(t);
    if (t->is_open)
        return !t->type->asks_inner || table_combined_check(t, e);
    if (e) {
        *e = t->error;
        error_prefix(e, "%s: ", t->spec);
    }
    return false;
}

struct view table_spec(const struct table *t)
{
    return view_of(t->spec);
}

enum table_result table_found(struct arena *a, struct view v, struct view *value)
{
    *value = arena_dup(a, v);
    return TABLE_FOUND;
}

enum table_result table_get(struct table *t, struct view key, struct arena *a,
                            struct view *value, struct error *e)
{
    enum table_result result;

    *value = VIEW_NONE;
    if (!table_check(t, e))
        return TABLE_ERROR;
    if ((t->flags & TABLE_FOLD) != 0 && !t->type->keeps_case)
        key = arena_lower(a, key);
    result = t->type->get(t, key, a, value, e);
    if (result == TABLE_ERROR) {
        error_prefix(e, "%s: ", t->spec);
        log_warning("%s lookup error for \"%.*s\": %s", t->spec, VIEW_FMT(key),
                    e ? e->text : "");
    }
    trail_tell(&(struct trail_step){.kind = TRAIL_TABLE,
                                    .where = view_of(t->spec),
                                    .asked = key,
                                    .answer = result == TABLE_ERROR ? VIEW("lookup error")
                                                                    : *value,
                                    .line = result == TABLE_FOUND ? t->line : 0});
    return result;
}

static bool put(struct table *t, struct view key, const struct view *value,
                struct error *e)
{
    struct arena *a = arena_new();
    bool ok = table_check(t, e);

    if (ok && t->type->put == NULL) {
        error_set(e, "4.3.5", "tables of type %s are not written", t->type->name);
        ok = false;
    }
    if (ok && (t->flags & TABLE_FOLD) != 0 && !t->type->keeps_case)
        key = arena_lower(a, key);
    if (ok && !t->type->put(t, key, value, e)) {
        error_prefix(e, "%s: ", t->spec);
        ok = false;
    }
    arena_free(a);
    return ok;
}

bool table_put(struct table *t, struct view key, struct view value, struct error *e)
{
    return put(t, key, &value, e);
}

bool table_delete(struct table *t, struct view key, struct error *e)
{
    return put(t, key, NULL, e);
}

bool table_walk(struct table *t, table_entry_fn *fn, void *arg, struct error *e)
{
    if (!table_check(t, e))
        return false;
    if (t->type->walk == NULL) {
        error_set(e, "4.3.5", "%s: a table of this type cannot be listed", t->spec);
        return false;
    }
    return t->type->walk(t, fn, arg, e);
}

void table_warn_when_stale(const char *index, const char *text)
{
    struct stat a, b;

    if (stat(index, &a) == 0 && stat(text, &b) == 0 && b.st_mtime > a.st_mtime)
        log_warning("database %s is older than source file %s", index, text);
}

bool table_inline_body(struct view name, struct view *body)
{
    name = view_trim_space(name);
    if (name.n < 2 || name.p[0] != '{' || name.p[name.n - 1] != '}')
        return false;
    *body = view_trim_space(view_sub(name, 1, name.n - 2));
    return true;
}
