/* mysql - tables of type mysql:, in MySQL and MariaDB servers; a loadable module
 *
 * Settings: hosts, user, password, dbname, query (or select_field, table, where_field,
 * additional_conditions), result_format, expansion_limit, option_file, option_group,
 * require_result_set, charset (utf8mb4), tls_cert_file, tls_key_file, tls_CAfile,
 * tls_CApath, tls_ciphers, tls_verify_cert; domain is looked at before.  Source:
 * mysql_table(5).
 */
#include "base/memory.h"
#include "base/number.h"
#include "table/modules/sql_hosts.h"

#include <mysql.h>
#include <pthread.h>

enum { CONNECT_SECONDS = 10, ANSWER_SECONDS = 100 };

struct session {
    struct sql sql;              /* first */
    const char *user, *password; /* NULL: what the option file says */
    const char *option_file, *option_group, *charset;
    const char *key_file, *cert_file, *ca_file, *ca_path, *ciphers;
    bool verify, needs_result;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void initialize(void)
{
    (void)mysql_library_init(0, NULL, NULL);
}

/* A setting, or NULL when it is empty: what the library wants. */
static const char *or_null(const struct client_source *source, const char *name)
{
    const char *text = client_text(source, name, "");

    return text[0] ? text : NULL;
}

static void set_options(const struct session *s, MYSQL *db)
{
    unsigned connect = CONNECT_SECONDS, answer = ANSWER_SECONDS;
    my_bool verify = s->verify;

    (void)mysql_options(db, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    (void)mysql_options(db, MYSQL_OPT_READ_TIMEOUT, &answer);
    (void)mysql_options(db, MYSQL_OPT_WRITE_TIMEOUT, &answer);
    (void)mysql_options(db, MYSQL_SET_CHARSET_NAME, s->charset);
    if (s->option_file)
        (void)mysql_options(db, MYSQL_READ_DEFAULT_FILE, s->option_file);
    if (s->option_group[0])
        (void)mysql_options(db, MYSQL_READ_DEFAULT_GROUP, s->option_group);
    if (s->key_file || s->cert_file || s->ca_file || s->ca_path || s->ciphers)
        (void)mysql_ssl_set(db, s->key_file, s->cert_file, s->ca_file, s->ca_path,
                            s->ciphers);
    (void)mysql_options(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

static void *connect_mysql(struct sql *sql, const struct sql_host *host, struct error *e)
{
    const struct session *s = (const struct session *)sql;
    struct view name = host->name, port_text = VIEW_NONE;
    uint64_t port = 0;

    pthread_once(&once, initialize);
    if (!host->is_unix && view_rcut(host->name, ':', &name, &port_text) &&
        !number_parse_u64(port_text, 1, 65535, &port)) {
        error_set(e, "4.3.5", "bad port");
        return NULL;
    }
    MYSQL *db = mysql_init(NULL);
    if (db == NULL) {
        error_set(e, "4.3.0", "out of memory");
        return NULL;
    }
    struct str text = STR_INIT(1024);
    str_set(&text, name);
    const char *where = str_cstr(&text);
    set_options(s, db);
    bool ok = mysql_real_connect(db, host->is_unix ? NULL : where, s->user, s->password,
                                 sql->dbname, (unsigned)port,
                                 host->is_unix ? where : NULL, CLIENT_MULTI_RESULTS);
    str_done(&text);
    if (ok)
        return db;
    error_set(e, "4.3.0", "%s", mysql_error(db));
    mysql_close(db);
    return NULL;
}

static void disconnect_mysql(void *connection)
{
    mysql_close(connection);
}

static void quote(struct view v, struct str *out, void *connection)
{
    char *to = str_reserve(out, v.n * 2 + 1);

    if (to == NULL)
        out->overflow = true;
    else
        out->n += mysql_real_escape_string(connection, to, v.p, v.n);
}

/* All columns of all rows. */
static bool add_rows(MYSQL_RES *rows, struct expand_list *list, struct error *e)
{
    unsigned columns = mysql_num_fields(rows);
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(rows)) != NULL) {
        const unsigned long *lengths = mysql_fetch_lengths(rows);
        for (unsigned i = 0; i < columns; i++) {
            struct view value = {row[i], row[i] ? lengths[i] : 0};
            if (!expand_list_add(list, value, e))
                return false;
        }
    }
    return true;
}

/* Take what the server sends, to its end: a stored procedure sends a result set and then
 * its status. */
static bool take_results(const struct session *s, MYSQL *db, struct expand_list *list,
                         bool *is_lost, struct error *e)
{
    unsigned n_sets = 0;
    bool ok = true;

    do {
        MYSQL_RES *rows = mysql_store_result(db);
        if (rows && ++n_sets == 1)
            ok = add_rows(rows, list, e);
        else if (rows == NULL && mysql_field_count(db) != 0)
            break;
        mysql_free_result(rows);
    } while (mysql_next_result(db) == 0);
    if (mysql_errno(db) != 0) {
        error_set(e, "4.3.0", "%s query failed: %s", "mysql", mysql_error(db));
        *is_lost = true;
        return false;
    }
    if (n_sets > 1 || (n_sets == 0 && s->needs_result)) {
        error_set(e, "4.3.5",
                  n_sets ? "query failed: multiple result sets"
                         : "query failed: query returned no result set");
        return false;
    }
    return ok;
}

static bool ask_mysql(struct sql *sql, void *connection, struct view text,
                      struct expand_list *list, bool *is_lost, struct error *e)
{
    const struct session *s = (const struct session *)sql;

    if (mysql_real_query(connection, text.p, text.n) == 0)
        return take_results(s, connection, list, is_lost, e);
    error_set(e, "4.3.0", "mysql query failed: %s", mysql_error(connection));
    *is_lost = true;
    return false;
}

static const struct sql_driver driver = {.name = "mysql",
                                         .default_host = "localhost",
                                         .connect = connect_mysql,
                                         .disconnect = disconnect_mysql,
                                         .ask = ask_mysql,
                                         .quote = quote};

static void *open_session(const struct client_source *source, struct error *e)
{
    struct session *s = NEW(struct session);

    s->user = or_null(source, "user");
    s->password = or_null(source, "password");
    s->option_file = or_null(source, "option_file");
    s->option_group = client_text(source, "option_group", "client");
    s->charset = client_text(source, "charset", "utf8mb4");
    s->key_file = or_null(source, "tls_key_file");
    s->cert_file = or_null(source, "tls_cert_file");
    s->ca_file = or_null(source, "tls_CAfile");
    s->ca_path = or_null(source, "tls_CApath");
    s->ciphers = or_null(source, "tls_ciphers");
    if (sql_open(&s->sql, source, &driver, e) &&
        client_bool(source, "tls_verify_cert", false, &s->verify, e) &&
        client_bool(source, "require_result_set", true, &s->needs_result, e))
        return s;
    sql_session_close(s);
    return NULL;
}

extern const struct table_client table_client;
const struct table_client table_client
    __attribute__((visibility("default"))) = {.version = CLIENT_VERSION,
                                              .name = "mysql",
                                              .has_file = true,
                                              .open = open_session,
                                              .close = sql_session_close,
                                              .get = sql_session_get};
