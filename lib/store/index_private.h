/* index_private - what the files of index share */
#ifndef STORE_INDEX_PRIVATE_H
#define STORE_INDEX_PRIVATE_H

#include "store/index.h"

#include <sqlite3.h>

#define INDEX_VERSION 1

/* Each statement is prepared once, at its first use. */
enum index_query {
    Q_BEGIN,
    Q_COMMIT,
    Q_ROLLBACK,
    Q_DATA_VERSION,
    Q_FOLDER_GET,
    Q_FOLDER_PUT,
    Q_FOLDER_RECENT,
    Q_FOLDERS,
    Q_MESSAGES,
    Q_MESSAGE_COUNT,
    Q_MESSAGE_PUT,
    Q_MESSAGE_FLAGS,
    Q_MESSAGE_REMOVE,
    Q_CACHE_REMOVE,
    Q_VANISHED_ADD,
    Q_VANISHED,
    Q_VANISHED_COUNT,
    Q_VANISHED_NTH,
    Q_VANISHED_TRIM,
    Q_CACHE_PUT,
    Q_CACHE_WALK,
    Q_INTENT_ADD,
    Q_INTENT_CLEAR,
    Q_INTENTS,
    Q_COUNT
};

struct index {
    sqlite3 *db;
    sqlite3_stmt *statements[Q_COUNT];
    char *path;
    int64_t data_version;
    int log_pages; /* in the write-ahead log at the last commit */
    bool is_tidying, wrote;
    bool is_damaged;
    bool failed;    /* a statement of the running transaction */
    unsigned users; /* calls that suspended inside */
};

/* The statement, with the values of KINDS bound: "i" int64_t, "b" struct view as bytes.
 * NULL on failure. */
sqlite3_stmt *index_bind(struct index *ix, enum index_query q, const char *kinds, ...);
/* Bind as above, run to the end, reset. */
bool index_run(struct index *ix, enum index_query q, const char *kinds, ...);
/* Note a failure of a call that gave CODE. */
void index_note(struct index *ix, int code);
struct view index_column(sqlite3_stmt *s, int column);

#endif
