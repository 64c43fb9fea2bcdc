/* type_sqlite - sqlite: tables
 *
 * The name is a file like main.cf with dbpath, query, result_format, domain and
 * expansion_limit (or the older select_field, table, where_field, additional_conditions).
 * The file is opened read-only.  Keys go into the query quoted; they never become SQL.
 * Source: sqlite_table(5).
 */
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "conf/conf_file.h"
#include "table/expand.h"
#include "table/match.h"
#include "table/table_private.h"

#include <sqlite3.h>

enum { BUSY_MILLISECONDS = 1000, QUERY_MAX = 256 * 1024 };

struct sqlite_state {
    sqlite3 *db;
    struct conf_file *settings;
    struct view query, result_format;
    struct match_list *domains; /* NULL: any */
    int64_t expansion_limit;
};

static void close_sqlite(struct table *t)
{
    struct sqlite_state *s = t->state;

    match_close(s->domains);
    sqlite3_close(s->db);
    conf_file_free(s->settings);
    memory_free(s);
}

/* The query, or the one that the older settings make. */
static void take_query(struct sqlite_state *s)
{
    struct arena *a = conf_file_arena(s->settings);

    s->query = conf_file_get(s->settings, VIEW("query"));
    if (s->query.n > 0)
        return;
    struct view field = conf_file_get(s->settings, VIEW("select_field"));
    struct view table = conf_file_get(s->settings, VIEW("table"));
    struct view where = conf_file_get(s->settings, VIEW("where_field"));
    struct view more = conf_file_get(s->settings, VIEW("additional_conditions"));
    if (field.n > 0 && table.n > 0 && where.n > 0)
        s->query = arena_printf(a, "SELECT %.*s FROM %.*s WHERE %.*s = '%%s' %.*s",
                                VIEW_FMT(field), VIEW_FMT(table), VIEW_FMT(where),
                                VIEW_FMT(more));
}

static bool take_settings(struct table *t, struct sqlite_state *s, struct error *e)
{
    struct view limit = conf_file_get(s->settings, VIEW("expansion_limit"));
    struct view domains = conf_file_get(s->settings, VIEW("domain"));

    take_query(s);
    s->result_format = conf_file_get(s->settings, VIEW("result_format"));
    if (s->result_format.n == 0)
        s->result_format = VIEW("%s");
    if (s->query.n == 0) {
        error_set(e, "4.3.5", "no query");
        return false;
    }
    if (limit.n > 0 && !number_parse_i64(limit, 0, INT32_MAX, &s->expansion_limit)) {
        error_set(e, "4.3.5", "bad expansion_limit: %.*s", VIEW_FMT(limit));
        return false;
    }
    if (domains.n > 0)
        s->domains = match_open_view(t->conf, "domain", domains, false);
    return expand_check(s->query, "query", e) &&
           expand_check(s->result_format, "result_format", e);
}

static bool open_database(struct table *t, struct sqlite_state *s, struct error *e)
{
    struct view name = conf_file_get(s->settings, VIEW("dbpath"));

    if (name.n == 0) {
        error_set(e, "4.3.5", "no dbpath");
        return false;
    }
    char *path = table_path(t->conf, name, "");
    table_watch(t, path);
    int why =
        sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (why != SQLITE_OK)
        error_set(e, "4.3.0", "open database %s: %s", path, sqlite3_errstr(why));
    else
        sqlite3_busy_timeout(s->db, BUSY_MILLISECONDS);
    memory_free(path);
    return why == SQLITE_OK;
}

static bool open_sqlite(struct table *t, struct error *e)
{
    struct sqlite_state *s = NEW(struct sqlite_state);
    bool ok;

    t->state = s;
    if (view_starts(t->name, VIEW("/")) || view_starts(t->name, VIEW("."))) {
        char *path = table_path(t->conf, t->name, "");
        table_watch(t, path);
        s->settings = conf_file_load(path, e);
        memory_free(path);
    } else {
        s->settings = conf_file_of_prefix(t->conf, t->name);
    }
    ok = s->settings != NULL && take_settings(t, s, e) && open_database(t, s, e);
    if (!ok) {
        close_sqlite(t);
        t->state = NULL;
    }
    return ok;
}

/* Put the rows of STATEMENT together. */
static bool collect(struct sqlite_state *s, sqlite3_stmt *statement, struct view key,
                    struct str *all, struct error *e)
{
    struct expand_list list = {
        .format = s->result_format, .key = key, .limit = s->expansion_limit, .out = all};
    int why;

    while ((why = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        struct view row = {text, text ? (size_t)sqlite3_column_bytes(statement, 0) : 0};
        if (!expand_list_add(&list, row, e))
            return false;
    }
    if (why == SQLITE_DONE)
        return true;
    error_set(e, "4.3.0", "%s", sqlite3_errmsg(s->db));
    return false;
}

static enum table_result run_query(struct sqlite_state *s, struct view sql,
                                   struct view key, struct arena *a, struct view *value,
                                   struct error *e)
{
    sqlite3_stmt *statement = NULL;
    struct str all = STR_INIT(TABLE_VALUE_MAX);
    enum table_result result = TABLE_ERROR;

    if (sqlite3_prepare_v2(s->db, sql.p, (int)sql.n, &statement, NULL) != SQLITE_OK) {
        error_set(e, "4.3.5", "SQL prepare failed: %s", sqlite3_errmsg(s->db));
    } else if (collect(s, statement, key, &all, e)) {
        result = all.n > 0 ? table_found(a, str_view(&all), value) : TABLE_NOT_FOUND;
    }
    sqlite3_finalize(statement);
    str_done(&all);
    return result;
}

static enum table_result get_sqlite(struct table *t, struct view key, struct arena *a,
                                    struct view *value, struct error *e)
{
    struct sqlite_state *s = t->state;
    struct str sql = STR_INIT(QUERY_MAX);
    enum table_result result = TABLE_NOT_FOUND;

    /* A NUL would end the statement inside of the quotes. */
    if (view_has(key, '\0') || !view_is_utf8(key))
        return TABLE_NOT_FOUND;
    switch (match_eligible(s->domains, key, e)) {
    case MATCH_ERROR:
        return TABLE_ERROR;
    case MATCH_NO:
        return TABLE_NOT_FOUND;
    case MATCH_YES:
        break;
    }
    if (expand_query(s->query, key, expand_quote_sql, NULL, &sql)) {
        result = run_query(s, str_view(&sql), key, a, value, e);
    } else if (sql.overflow) {
        error_set(e, "4.3.0", "query too long");
        result = TABLE_ERROR;
    }
    str_done(&sql);
    return result;
}

const struct table_type table_type_sqlite = {
    .name = "sqlite",
    .open = open_sqlite,
    .close = close_sqlite,
    .get = get_sqlite,
};
