/* pgsql - tables of type pgsql:, in PostgreSQL servers; a loadable module
 *
 * Settings: hosts (also postgresql:// addresses), user, password, dbname, query (or
 * select_function, or select_field, table, where_field, additional_conditions),
 * result_format, expansion_limit, encoding (UTF8); domain is looked at before.  Source:
 * pgsql_table(5).
 */
#include "base/clock.h"
#include "base/memory.h"
#include "table/modules/sql_hosts.h"

#include <libpq-fe.h>
#include <poll.h>

enum { ANSWER_SECONDS = 100 };
#define CONNECT_SECONDS "10"

struct session {
    struct sql sql; /* first */
    const char *encoding;
};

/* The words of the library for one connection. */
struct words {
    const char *names[10], *values[10];
    size_t n;
};

static void add_word(struct words *w, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    w->names[w->n] = name;
    w->values[w->n++] = value;
}

/* What libpq says, without the line end behind it. */
static void set_error(struct error *e, const char *what, const char *said)
{
    error_set(e, "4.3.0", "%s%.*s", what, VIEW_FMT(view_trim_space(view_of(said))));
}

static void *connect_pgsql(struct sql *sql, const struct sql_host *host, struct error *e)
{
    const struct session *s = (const struct session *)sql;
    struct view name = host->name, port = VIEW_NONE;
    bool is_url = view_find_view(name, VIEW("://")) != VIEW_NPOS;
    struct str host_text = STR_INIT(4096), port_text = STR_INIT(100);
    struct words w = {.n = 0};

    if (!is_url && !host->is_unix)
        (void)view_rcut(host->name, ':', &name, &port);
    str_set(&host_text, name);
    str_set(&port_text, port);
    /* An address first: what stands behind it wins. */
    add_word(&w, is_url ? "dbname" : "host", str_cstr(&host_text));
    add_word(&w, "port", str_cstr(&port_text));
    add_word(&w, "user", sql->user);
    add_word(&w, "password", sql->password);
    if (!is_url)
        add_word(&w, "dbname", sql->dbname);
    add_word(&w, "client_encoding", s->encoding);
    add_word(&w, "connect_timeout", CONNECT_SECONDS);
    PGconn *db = PQconnectdbParams(w.names, w.values, is_url);
    str_done(&host_text);
    str_done(&port_text);
    if (db && PQstatus(db) == CONNECTION_OK)
        return db;
    set_error(e, "", db ? PQerrorMessage(db) : "out of memory");
    PQfinish(db);
    return NULL;
}

static void disconnect_pgsql(void *connection)
{
    PQfinish(connection);
}

static void quote(struct view v, struct str *out, void *connection)
{
    char *to = str_reserve(out, v.n * 2 + 1);

    if (to == NULL)
        out->overflow = true;
    else
        out->n += PQescapeStringConn(connection, to, v.p, v.n, NULL);
}

/* The answer, or NULL when the server is silent or gone. */
static PGresult *wait_result(PGconn *db)
{
    int64_t end = clock_in(ANSWER_SECONDS * CLOCK_SECOND);
    struct pollfd p = {.fd = PQsocket(db), .events = POLLIN};

    while (PQisBusy(db)) {
        int64_t left = end - clock_mono();
        if (left <= 0 || (poll(&p, 1, (int)(left / 1000 + 1)) > 0 && !PQconsumeInput(db)))
            return NULL;
    }
    return PQgetResult(db);
}

/* All columns of all rows. */
static bool add_rows(const PGresult *rows, struct expand_list *list, struct error *e)
{
    for (int row = 0; row < PQntuples(rows); row++)
        for (int column = 0; column < PQnfields(rows); column++) {
            struct view value = {PQgetvalue(rows, row, column),
                                 (size_t)PQgetlength(rows, row, column)};
            if (!expand_list_add(list, value, e))
                return false;
        }
    return true;
}

static bool ask_pgsql(struct sql *sql, void *connection, struct view text,
                      struct expand_list *list, bool *is_lost, struct error *e)
{
    struct str query = STR_INIT(text.n + 1);
    PGresult *rows = NULL;
    bool ok = false;

    (void)sql;
    str_set(&query, text);
    if (PQsendQuery(connection, str_cstr(&query)))
        rows = wait_result(connection);
    str_done(&query);
    ExecStatusType status = PQresultStatus(rows);
    if (rows && status == PGRES_TUPLES_OK) {
        ok = add_rows(rows, list, e);
    } else if (rows && status == PGRES_COMMAND_OK) {
        ok = true;
    } else {
        set_error(e, "pgsql query failed: ",
                  rows ? PQresultErrorMessage(rows) : PQerrorMessage(connection));
        *is_lost = true;
    }
    /* A query may have been several statements; the first one counts. */
    for (; rows; rows = *is_lost ? NULL : wait_result(connection))
        PQclear(rows);
    return ok;
}

static const struct sql_driver driver = {.name = "pgsql",
                                         .default_host = "localhost",
                                         .connect = connect_pgsql,
                                         .disconnect = disconnect_pgsql,
                                         .ask = ask_pgsql,
                                         .quote = quote};

static void *open_session(const struct client_source *source, struct error *e)
{
    struct session *s = NEW(struct session);

    s->encoding = client_text(source, "encoding", "UTF8");
    if (sql_open(&s->sql, source, &driver, e))
        return s;
    sql_session_close(s);
    return NULL;
}

extern const struct table_client table_client;
const struct table_client table_client
    __attribute__((visibility("default"))) = {.version = CLIENT_VERSION,
                                              .name = "pgsql",
                                              .has_file = true,
                                              .open = open_session,
                                              .close = sql_session_close,
                                              .get = sql_session_get};
