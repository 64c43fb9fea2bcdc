/* network - tables whose servers are elsewhere: mysql, pgsql, ldap, memcache, redis,
 * tcp, socketmap
 *
 * Daemons send the question to proxymap; their sandbox and their fibers could not bear
 * the libraries.  proxymap asks in a worker thread, with as many sessions a table as
 * there are questions at a time.  A command asks where it stands.
 * docs/decisions/0008-network-tables.md.  May suspend.
 */
#include "table/network.h"

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/conf_file.h"
#include "run/thread.h"
#include "table/match.h"

struct session {
    struct list_link idle;
    void *client; /* of the type's own */
};

struct network {
    struct client_source source; /* first: clients give it back */
    const struct table_client *client;
    struct conf_file *file; /* NULL: the name says all */
    struct match_list *domains;
    struct table *backup; /* memcache: what the cache does not know; NULL: none */
    struct list idle;     /* of struct session */
    unsigned users;       /* the table, and look-ups under way */
};

static bool asks_itself;

void table_network_directly(void)
{
    asks_itself = true;
}

bool network_goes_by_proxy(void)
{
    return !asks_itself;
}

const struct table_client *network_client(struct view type, struct error *e)
{
    static const struct table_client *const built_in[] = {&client_memcache, &client_redis,
                                                          &client_socketmap, &client_tcp};
    char name[32];

    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++)
        if (view_eq(type, view_of(built_in[i]->name)))
            return built_in[i];
    snprintf(name, sizeof name, "%.*s", VIEW_FMT(type));
    return module_load(name, e);
}

bool table_is_network_type(struct view type)
{
    const struct table_type *found = table_type_find(type);

    return found != NULL && found->asks_network;
}

void table_load_modules(struct view spec)
{
    struct error e = ERROR_INIT;
    struct view word, type, name;

    while (view_token(&spec, VIEW(", \t\r\n{}"), &word))
        for (; view_cut(word, ':', &type, &name); word = name)
            if (table_is_network_type(type) && !network_client(type, &e))
                log_debug("%s", error_cstr(&e));
}

/* --- what the clients may ask --- */

static const char *setting(const struct client_source *source, const char *name)
{
    const struct conf_file *f = source->settings;
    struct view v = f ? conf_file_get(f, view_of(name)) : VIEW_NONE;

    /* Values end with a NUL. */
    return v.p;
}

__attribute__((format(printf, 2, 3))) static void warn(const struct client_source *source,
                                                       const char *format, ...)
{
    struct str text = STR_INIT(1000);
    va_list args;

    va_start(args, format);
    str_addv(&text, format, args);
    va_end(args);
    log_warning("%s: %s", source->title, str_cstr(&text));
    str_done(&text);
}

/* --- open and close --- */

static void session_free(struct network *n, struct session *s)
{
    n->client->close(s->client);
    memory_free(s);
}

static void release(struct network *n)
{
    struct list_link *k;

    if (--n->users > 0)
        return;
    while ((k = list_pop(&n->idle)) != NULL)
        session_free(n, CONTAINER_OF(k, struct session, idle));
    match_close(n->domains);
    table_close(n->backup);
    conf_file_free(n->file);
    memory_free((void *)(uintptr_t)n->source.title);
    memory_free((void *)(uintptr_t)n->source.name);
    memory_free(n);
}

static bool take_file(struct table *t, struct network *n, struct error *e)
{
    if (view_starts(t->name, VIEW("/")) || view_starts(t->name, VIEW("."))) {
        char *path = table_path(t->conf, t->name, "");
        table_watch(t, path);
        n->file = conf_file_load(path, e);
        memory_free(path);
    } else {
        n->file = conf_file_of_prefix(t->conf, t->name);
    }
    if (n->file == NULL)
        return false;
    struct view domains = conf_file_get(n->file, VIEW("domain"));
    if (domains.n > 0)
        n->domains = match_open_view(t->conf, "domain", domains, false);
    struct view backup = conf_file_get(n->file, VIEW("backup"));
    if (backup.n > 0 && n->client == &client_memcache)
        n->backup = table_open_inner(t, backup);
    n->source.settings = n->file;
    return true;
}

static struct session *session_new(struct network *n, struct error *e)
{
    void *client = n->client->open(&n->source, e);

    if (client == NULL)
        return NULL;
    struct session *s = NEW(struct session);
    s->client = client;
    return s;
}

/* Read the definition of T; the first session checks it. */
static bool load(struct table *t, struct error *e)
{
    const struct table_client *client = network_client(view_of(t->type->name), e);
    const struct conf *c = t->conf;

    if (client == NULL)
        return false;
    struct network *n = NEW(struct network);
    n->client = client;
    n->users = 1;
    n->source = (struct client_source){
        .title = memory_cstr(t->spec),
        .name = memory_cstr(t->name.p),
        .directory = conf_directory(c),
        .query_max = conf_int(c, P_socketmap_max_query_size),
        .reply_max = conf_int(c, P_socketmap_max_reply_size),
        .idle_max = conf_time(c, P_ipc_idle),
        .life_max = conf_time(c, P_ipc_ttl),
        .setting = setting,
        .warn = warn,
    };
    list_init(&n->idle);
    struct session *s = NULL;
    if (!client->has_file || take_file(t, n, e))
        s = session_new(n, e);
    if (s == NULL) {
        release(n);
        return false;
    }
    list_append(&n->idle, &s->idle);
    t->state = n;
    return true;
}

static bool open_network(struct table *t, struct error *e)
{
    return asks_itself ? load(t, e) : true;
}

static void close_network(struct table *t)
{
    if (t->state)
        release(t->state);
}

/* --- look-up --- */

struct job {
    struct network *network;
    struct session *session;
    struct view key;
    const struct view *value; /* to store; NULL: delete */
    bool is_put;
    struct str *out;
    struct error *e;
    enum table_result result;
};

/* In a worker thread, or where there are no fibers. */
static void run_job(void *arg)
{
    struct job *j = arg;
    const struct table_client *client = j->network->client;

    if (j->is_put)
        j->result = client->put(j->session->client, j->key, j->value, j->e) ? TABLE_FOUND
                                                                            : TABLE_ERROR;
    else
        j->result = client->get(j->session->client, j->key, j->out, j->e);
}

/* Run J with a session of N of its own meanwhile. */
static void run(struct network *n, struct job *j)
{
    struct list_link *k = list_pop(&n->idle);

    j->network = n;
    j->result = TABLE_ERROR;
    j->session = k ? CONTAINER_OF(k, struct session, idle) : session_new(n, j->e);
    if (j->session == NULL)
        return;
    n->users++;
    thread_run(run_job, j);
    list_prepend(&n->idle, &j->session->idle);
    release(n);
}

/* May KEY be asked for?  NO also when the server could not have it. */
static enum match_result is_wanted(struct network *n, struct view key, struct error *e)
{
    if (n->client->has_file && (key.n == 0 || view_has(key, '\0') || !view_is_utf8(key)))
        return MATCH_NO;
    return match_eligible(n->domains, key, e);
}

/* Copy OUT into A.  An answer that does not fit is no answer. */
static enum table_result take_value(enum table_result result, struct str *out,
                                    struct arena *a, struct view *value, struct error *e)
{
    if (result == TABLE_FOUND && out->overflow) {
        error_set(e, "4.3.0", "result longer than %zu bytes", CLIENT_VALUE_MAX);
        result = TABLE_ERROR;
    }
    if (result == TABLE_FOUND)
        result = table_found(a, str_view(out), value);
    str_done(out);
    return result;
}

/* Ask, and where a cache has no answer, or fails, the table behind it. */
static enum table_result get_value(struct network *n, struct job *j, struct arena *a,
                                   struct view *value, struct error *e)
{
    run(n, j);
    enum table_result result = take_value(j->result, j->out, a, value, e);
    if (n->backup == NULL || result == TABLE_FOUND)
        return result;
    if (result == TABLE_ERROR)
        log_warning("%s: %s", n->source.title, error_cstr(j->e));
    error_clear(j->e);
    n->users++;
    result = table_get(n->backup, j->key, a, value, e);
    if (result == TABLE_FOUND) {
        struct job fill = {.key = j->key, .value = value, .is_put = true, .e = j->e};
        run(n, &fill);
        error_clear(j->e);
    }
    release(n);
    return result;
}

static enum table_result get_network(struct table *t, struct view key, struct arena *a,
                                     struct view *value, struct error *e)
{
    struct error ours = ERROR_INIT;
    struct str out = STR_INIT(CLIENT_VALUE_MAX);
    struct job j = {.key = key, .out = &out, .e = e ? e : &ours};

    if (network_goes_by_proxy())
        return proxy_get(t->conf, view_of(t->spec), t->flags, key, a, value, e);
    struct network *n = t->state;
    switch (is_wanted(n, key, e)) {
    case MATCH_ERROR:
        return TABLE_ERROR;
    case MATCH_NO:
        return TABLE_NOT_FOUND;
    case MATCH_YES:
        break;
    }
    return get_value(n, &j, a, value, j.e);
}

static bool put_backup(struct table *backup, struct view key, const struct view *value,
                       struct error *e)
{
    return value ? table_put(backup, key, *value, e) : table_delete(backup, key, e);
}

static bool put_network(struct table *t, struct view key, const struct view *value,
                        struct error *e)
{
    struct error ours = ERROR_INIT;
    struct job j = {.key = key, .value = value, .is_put = true, .e = e ? e : &ours};

    if (network_goes_by_proxy())
        return proxy_put(t->conf, view_of(t->spec), t->flags, key, value, e);
    struct network *n = t->state;
    if (n->client->put == NULL) {
        error_set(e, "4.3.5", "tables of type %s are not written", t->type->name);
        return false;
    }
    if (is_wanted(n, key, e) != MATCH_YES)
        return true;
    if (n->backup && !put_backup(n->backup, key, value, j.e))
        return false;
    run(n, &j);
    return j.result == TABLE_FOUND;
}

#define NETWORK_TYPE(type, ...)                                                          \
    const struct table_type table_type_##type = {.name = #type,                          \
                                                 .asks_network = true,                   \
                                                 .open = open_network,                   \
                                                 .close = close_network,                 \
                                                 .get = get_network,                     \
                                                 .put = put_network,                     \
                                                 __VA_ARGS__}
NETWORK_TYPE(ldap);
NETWORK_TYPE(memcache);
NETWORK_TYPE(mysql);
NETWORK_TYPE(pgsql);
NETWORK_TYPE(redis);
/* "Postfix will not generate partial search keys": tcp_table(5), socketmap_table(5). */
NETWORK_TYPE(socketmap, .is_pattern = true);
NETWORK_TYPE(tcp, .is_pattern = true);
