/* table_private - shared by the files of table; not for others
 *
 * A type is a set of functions and the state it keeps in table.state.  What is common
 * (sharing, noticing changed files, folding keys, logging a broken table once) is in
 * table.c.
 */
#ifndef TABLE_TABLE_PRIVATE_H
#define TABLE_TABLE_PRIVATE_H

#include "table/table.h"

#include <sys/stat.h>

/* Longest result, and largest text file of a table that is kept in memory. */
#define TABLE_VALUE_MAX ((size_t)1 << 20)
#define TABLE_FILE_MAX  ((size_t)512 << 20)
/* Tables inside of tables (unionmap, pipemap, proxy). */
#define TABLE_NESTING_MAX 8

struct table_type {
    const char *name;
    bool is_pattern; /* only whole keys are asked */
    bool keeps_case; /* keys are never folded */
    bool asks_inner; /* made of other tables: type_combined.c */
    bool asks_network;
    /* Read the table; on failure nothing is kept. */
    bool (*open)(struct table *t, struct error *e);
    void (*close)(struct table *t); /* NULL: nothing to do */
    enum table_result (*get)(struct table *t, struct view key, struct arena *a,
                             struct view *value, struct error *e);
    bool (*walk)(struct table *t, table_entry_fn *fn, void *arg,
                 struct error *e); /* NULL: cannot list */
    /* Store VALUE under KEY; with VALUE NULL delete KEY.  NULL: read only. */
    bool (*put)(struct table *t, struct view key, const struct view *value,
                struct error *e);
    bool (*is_pattern_by_name)(const struct table *t); /* NULL: is_pattern says */
};

/* A file whose change makes the table be read anew. */
struct table_watch {
    char *path;
    struct stat seen; /* st_ino 0: was not there */
};

struct table {
    const struct table_type *type; /* NULL: unknown type */
    const struct conf *conf;
    char *spec;       /* "hash:/etc/aliases" */
    struct view name; /* behind "type:" */
    unsigned flags;
    unsigned references;
    int nesting;
    bool is_open;
    struct error error; /* why it is not open */
    bool is_logged;     /* that error was */
    int64_t next_check; /* monotonic time */
    unsigned line;      /* of the rule that gave the last answer; 0: not known */
    struct table_watch watches[2];
    size_t n_watches;
    void *state;
};

/* Open SPEC inside of OUTER. */
struct table *table_open_inner(const struct table *outer, struct view spec);
/* Watch PATH from now on; called by open(). */
void table_watch(struct table *t, const char *path);
/* NAME as a path: relative ones count from the configuration directory.  SUFFIX is put
 * behind.  The caller frees it. */
char *table_path(const struct conf *c, struct view name, const char *suffix);
/* One line in the log when file TEXT is newer than the INDEX made of it. */
void table_warn_when_stale(const char *index, const char *text);
/* Elements of "{ {a}, {b} }": the text inside the outer braces; false when there are
 * none. */
bool table_inline_body(struct view name, struct view *body);
/* A shared result: TABLE_FOUND with a copy of V in A. */
enum table_result table_found(struct arena *a, struct view v, struct view *value);

/* table_check of the tables inside a combined table. */
bool table_combined_check(const struct table *t, struct error *e);

/* NULL when there is no such type. */
const struct table_type *table_type_find(struct view name);

extern const struct table_type table_type_btree, table_type_cdb, table_type_cidr,
    table_type_dbm, table_type_debug, table_type_environ, table_type_fail,
    table_type_hash, table_type_inline, table_type_internal, table_type_ldap,
    table_type_lmdb, table_type_memcache, table_type_mysql, table_type_pcre,
    table_type_pgsql, table_type_pipemap, table_type_proxy, table_type_randmap,
    table_type_redis, table_type_regexp, table_type_sdbm, table_type_socketmap,
    table_type_sqlite, table_type_static, table_type_tcp, table_type_texthash,
    table_type_unionmap, table_type_unix;

#endif
