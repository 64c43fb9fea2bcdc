/* client - what a network table type does: speak with its server
 *
 * A client blocks, so it never runs on a fiber: network.c calls it in a worker thread of
 * proxymap, or in a command.  One session is used by one thread at a time; it keeps its
 * connection and opens it anew when needed.  Types that need a library of their own are
 * loadable modules (module.c): such a module exports "table_client".
 */
#ifndef TABLE_CLIENT_H
#define TABLE_CLIENT_H

#include "base/error.h"
#include "base/str.h"
#include "table/result.h"

#include <stdint.h>

#define CLIENT_VERSION 1
/* Longest result. */
#define CLIENT_VALUE_MAX ((size_t)1 << 20)

/* The definition of one table; outlives its sessions, and nobody changes it. */
struct client_source {
    const char *title;     /* "mysql:/etc/postfix/users.cf" */
    const char *name;      /* behind "type:" */
    const char *directory; /* of the configuration: relative paths count from there */
    int64_t query_max, reply_max; /* socketmap_max_query_size, _reply_size; bytes */
    int64_t idle_max, life_max;   /* ipc_idle, ipc_ttl; microseconds */
    const void *settings;
    /* The value of NAME in the definition; NULL when it is not set. */
    const char *(*setting)(const struct client_source *s, const char *name);
    /* A warning in the log; FORMAT follows the title. */
    void (*warn)(const struct client_source *s, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
};

struct table_client {
    unsigned version; /* CLIENT_VERSION */
    const char *name; /* of the type */
    bool has_file;    /* the name is a file with settings, or a prefix in main.cf */
    /* Check the definition; does not connect.  NULL with *E. */
    void *(*open)(const struct client_source *s, struct error *e);
    void (*close)(void *session);
    /* Look KEY up; the value is appended to OUT, whose limit is CLIENT_VALUE_MAX.  KEY is
     * UTF-8 without NUL for types with a file, any bytes else. */
    enum table_result (*get)(void *session, struct view key, struct str *out,
                             struct error *e);
    /* Store VALUE under KEY, or with VALUE NULL delete it.  NULL: read only. */
    bool (*put)(void *session, struct view key, const struct view *value,
                struct error *e);
};

/* Setting NAME, FALLBACK when it is not set. */
const char *client_text(const struct client_source *s, const char *name,
                        const char *fallback);
/* The same as a number from MIN to MAX, as a time in microseconds (default unit: seconds)
 * or as yes/no; false with *E when it is none. */
bool client_number(const struct client_source *s, const char *name, int64_t min,
                   int64_t max, int64_t fallback, int64_t *out,
                   struct error *e) MUST_CHECK;
bool client_time(const struct client_source *s, const char *name, int64_t fallback,
                 int64_t *out, struct error *e) MUST_CHECK;
bool client_bool(const struct client_source *s, const char *name, bool fallback,
                 bool *out, struct error *e) MUST_CHECK;
/* Setting "query", or the one that select_function, or select_field, table, where_field
 * and additional_conditions make, appended to OUT and checked.  mysql_table(5), "obsolete
 * query interface". */
bool client_query(const struct client_source *s, struct str *out,
                  struct error *e) MUST_CHECK;

extern const struct table_client client_memcache, client_redis, client_socketmap,
    client_tcp;

#endif
