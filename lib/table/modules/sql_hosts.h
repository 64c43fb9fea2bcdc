/* sql_hosts - the servers of one SQL table, tried in turn
 *
 * UNIX sockets first, then TCP, each in random order; one connection a server, closed
 * after idle_interval (a minute) without use; a server that failed is left alone for
 * retry_interval (a minute) while others answer.  A connection that was idle and turns
 * out to be dead is opened anew before its server counts as failed.  Source:
 * mysql_table(5), pgsql_table(5), "hosts".
 */
#ifndef TABLE_MODULES_SQL_HOSTS_H
#define TABLE_MODULES_SQL_HOSTS_H

#include "table/client.h"
#include "table/expand.h"

struct sql_host {
    struct view name; /* without "unix:" or "inet:" */
    bool is_unix;
    void *connection; /* NULL: none */
    int64_t used;     /* monotonic */
    int64_t failed;   /* when; 0: well */
};

/* Settings that both kinds have, and the servers. */
struct sql {
    const struct client_source *source;
    const struct sql_driver *driver;
    const char *user, *password, *dbname;
    struct str query;
    struct view result_format;
    int64_t expansion_limit;
    int64_t idle_max, retry_pause; /* microseconds */
    struct sql_host *hosts;
    size_t n_hosts;
};

struct sql_driver {
    const char *name;         /* "mysql", in the log */
    const char *default_host; /* when "hosts" is not set */
    /* NULL with *E. */
    void *(*connect)(struct sql *s, const struct sql_host *host, struct error *e);
    void (*disconnect)(void *connection);
    /* Send SQL and add the values of all rows; false with *E, and *IS_LOST when the
     * server is to blame. */
    bool (*ask)(struct sql *s, void *connection, struct view sql,
                struct expand_list *list, bool *is_lost, struct error *e);
    expand_quote_fn *quote; /* gets the connection */
};

bool sql_open(struct sql *s, const struct client_source *source,
              const struct sql_driver *driver, struct error *e) MUST_CHECK;
void sql_close(struct sql *s);
enum table_result sql_get(struct sql *s, struct view key, struct str *out,
                          struct error *e);

/* The functions of a struct table_client whose session begins with a struct sql. */
void sql_session_close(void *session);
enum table_result sql_session_get(void *session, struct view key, struct str *out,
                                  struct error *e);

#endif
