/* sql_hosts - the servers of one SQL table, tried in turn */
#include "table/modules/sql_hosts.h"

#include "base/clock.h"
#include "base/memory.h"

#include <sys/random.h>

enum { QUERY_MAX = 256 * 1024, DEFAULT_SECONDS = 60, AGAIN_SECONDS = 1 };

/* --- settings --- */

static void take_hosts(struct sql *s)
{
    struct view rest = view_of(client_text(s->source, "hosts", "")), word;

    if (view_trim_space(rest).n == 0)
        rest = view_of(s->driver->default_host);
    s->hosts = memory_alloc_array(rest.n / 2 + 1, sizeof *s->hosts);
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        struct sql_host *h = &s->hosts[s->n_hosts++];
        h->is_unix = view_starts(word, VIEW("unix:"));
        if (h->is_unix || view_starts(word, VIEW("inet:")))
            word = view_from(word, strlen("unix:"));
        h->name = word;
    }
}

bool sql_open(struct sql *s, const struct client_source *source,
              const struct sql_driver *driver, struct error *e)
{
    s->source = source;
    s->driver = driver;
    s->query = STR_INIT(QUERY_MAX);
    s->user = client_text(source, "user", "");
    s->password = client_text(source, "password", "");
    s->dbname = client_text(source, "dbname", "");
    s->result_format = view_of(client_text(source, "result_format", "%s"));
    take_hosts(s);
    return client_query(source, &s->query, e) &&
           client_time(source, "idle_interval", DEFAULT_SECONDS * CLOCK_SECOND,
                       &s->idle_max, e) &&
           client_time(source, "retry_interval", DEFAULT_SECONDS * CLOCK_SECOND,
                       &s->retry_pause, e) &&
           client_number(source, "expansion_limit", 0, INT32_MAX, 0, &s->expansion_limit,
                         e) &&
           expand_check(s->result_format, "result_format", e);
}

static void hang_up(struct sql *s, struct sql_host *h)
{
    if (h->connection)
        s->driver->disconnect(h->connection);
    h->connection = NULL;
}

void sql_close(struct sql *s)
{
    for (size_t i = 0; i < s->n_hosts; i++)
        hang_up(s, &s->hosts[i]);
    memory_free(s->hosts);
    str_done(&s->query);
}

/* --- choice --- */

/* May H be asked NOW?  WELL: it has not failed lately; else when it failed a little
 * earlier. */
static bool is_eligible(const struct sql *s, const struct sql_host *h, bool is_unix,
                        bool well, int64_t now)
{
    int64_t since = now - h->failed;
    bool is_well = h->failed == 0 || since > s->retry_pause;

    return h->is_unix == is_unix && is_well == well &&
           (well || since > AGAIN_SECONDS * CLOCK_SECOND);
}

/* One of those that are eligible, at random; NULL when there is none. */
static struct sql_host *choose_among(struct sql *s, bool is_unix, bool well)
{
    int64_t now = clock_mono();
    size_t n = 0, wanted;

    for (size_t i = 0; i < s->n_hosts; i++)
        n += is_eligible(s, &s->hosts[i], is_unix, well, now);
    if (n == 0 || getrandom(&wanted, sizeof wanted, 0) != sizeof wanted)
        return NULL;
    wanted %= n;
    for (size_t i = 0; i < s->n_hosts; i++)
        if (is_eligible(s, &s->hosts[i], is_unix, well, now) && wanted-- == 0)
            return &s->hosts[i];
    return NULL;
}

static struct sql_host *choose(struct sql *s)
{
    struct sql_host *h = choose_among(s, true, true);

    h = h ? h : choose_among(s, false, true);
    h = h ? h : choose_among(s, true, false);
    return h ? h : choose_among(s, false, false);
}

/* --- a question --- */

static bool connect_host(struct sql *s, struct sql_host *h, struct error *e)
{
    if (h->connection && clock_mono() - h->used > s->idle_max)
        hang_up(s, h);
    if (h->connection == NULL)
        h->connection = s->driver->connect(s, h, e);
    if (h->connection == NULL)
        error_prefix(e, "connect to %s server %.*s: ", s->driver->name,
                     VIEW_FMT(h->name));
    return h->connection != NULL;
}

/* Ask H, which is connected.  *IS_LOST: the connection is no good. */
static enum table_result ask(struct sql *s, struct sql_host *h, struct view key,
                             struct str *out, bool *is_lost, struct error *e)
{
    struct expand_list list = {
        .format = s->result_format, .key = key, .limit = s->expansion_limit, .out = out};
    struct str sql = STR_INIT(QUERY_MAX);
    enum table_result result = TABLE_NOT_FOUND;

    *is_lost = false;
    str_clear(out);
    if (expand_query(str_view(&s->query), key, s->driver->quote, h->connection, &sql)) {
        result = TABLE_ERROR;
        if (s->driver->ask(s, h->connection, str_view(&sql), &list, is_lost, e))
            result = out->n > 0 ? TABLE_FOUND : TABLE_NOT_FOUND;
    } else if (sql.overflow) {
        error_set(e, "4.3.0", "query too long");
        result = TABLE_ERROR;
    }
    h->used = clock_mono();
    str_done(&sql);
    return result;
}

/* Ask H, a second time on a fresh connection when an old one was dead. */
static enum table_result ask_host(struct sql *s, struct sql_host *h, struct view key,
                                  struct str *out, bool *is_lost, struct error *e)
{
    enum table_result result = TABLE_ERROR;
    bool was_old = true;

    *is_lost = true;
    while (*is_lost && was_old) {
        was_old = h->connection != NULL;
        error_clear(e);
        if (!connect_host(s, h, e))
            return TABLE_ERROR;
        result = ask(s, h, key, out, is_lost, e);
        if (*is_lost)
            hang_up(s, h);
    }
    return result;
}

enum table_result sql_get(struct sql *s, struct view key, struct str *out,
                          struct error *e)
{
    struct sql_host *h;
    bool is_lost = true;
    enum table_result result = TABLE_ERROR;

    error_set(e, "4.3.0", "no server to ask: all failed a moment ago");
    while (is_lost && (h = choose(s)) != NULL) {
        result = ask_host(s, h, key, out, &is_lost, e);
        h->failed = is_lost ? clock_mono() : 0;
        if (is_lost)
            s->source->warn(s->source, "%s", error_cstr(e));
    }
    return result;
}

void sql_session_close(void *session)
{
    sql_close(session);
    memory_free(session);
}

enum table_result sql_session_get(void *session, struct view key, struct str *out,
                                  struct error *e)
{
    return sql_get(session, key, out, e);
}
