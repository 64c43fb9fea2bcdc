/* index - the SQLite file: opening, transactions, statements */
#include "store/index_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/thread.h"
#include "store/store_private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUSY_MILLISECONDS = 20, /* a reader's rare waits */
    TIDY_PAGES = 1000,
    PAGES_IN_MEMORY = 64
};
/* How long another process may write before a call gives up. */
#define WRITE_WAIT (10 * CLOCK_SECOND)

static const char schema[] =
    "CREATE TABLE folder(id INTEGER PRIMARY KEY, uidvalidity INTEGER, uidnext INTEGER,"
    " recent INTEGER, modseq INTEGER, floor INTEGER, keywords BLOB, scan BLOB);"
    "CREATE TABLE message(folder INTEGER, uid INTEGER, key BLOB, flags INTEGER,"
    " keywords INTEGER, modseq INTEGER, received INTEGER, saved INTEGER, size INTEGER,"
    " file_size INTEGER, email INTEGER, thread INTEGER, PRIMARY KEY(folder, uid))"
    " WITHOUT ROWID;"
    "CREATE TABLE vanished(folder INTEGER, modseq INTEGER, uid INTEGER,"
    " PRIMARY KEY(folder, modseq, uid)) WITHOUT ROWID;"
    "CREATE TABLE cache(folder INTEGER, kind INTEGER, uid INTEGER, bytes BLOB,"
    " PRIMARY KEY(folder, kind, uid)) WITHOUT ROWID;"
    "CREATE TABLE intent(folder INTEGER, owner BLOB, key BLOB,"
    " PRIMARY KEY(folder, owner, key)) WITHOUT ROWID;";

static const char *const texts[Q_COUNT] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_DATA_VERSION] = "PRAGMA data_version",
    [Q_FOLDER_GET] = "SELECT uidvalidity, uidnext, recent, modseq, floor, keywords, scan"
                     " FROM folder WHERE id = ?",
    [Q_FOLDER_PUT] = "INSERT OR REPLACE INTO folder VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_FOLDER_RECENT] = "UPDATE folder SET recent = ? WHERE id = ?",
    [Q_FOLDERS] = "SELECT id FROM folder",
    [Q_MESSAGES] = "SELECT uid, key, flags, keywords, modseq, received, saved, size,"
                   " file_size, email, thread FROM message WHERE folder = ? ORDER BY uid",
    [Q_MESSAGE_COUNT] = "SELECT count(*) FROM message WHERE folder = ?",
    [Q_MESSAGE_PUT] =
        "INSERT OR REPLACE INTO message VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_MESSAGE_FLAGS] = "UPDATE message SET flags = ?, keywords = ?, modseq = ?, key = ?"
                        " WHERE folder = ? AND uid = ?",
    [Q_MESSAGE_REMOVE] = "DELETE FROM message WHERE folder = ? AND uid BETWEEN ? AND ?",
    [Q_CACHE_REMOVE] = "DELETE FROM cache WHERE folder = ? AND kind = ?"
                       " AND uid BETWEEN ? AND ?",
    [Q_VANISHED_ADD] = "INSERT OR REPLACE INTO vanished VALUES(?, ?, ?)",
    [Q_VANISHED] =
        "SELECT uid FROM vanished WHERE folder = ? AND modseq > ? ORDER BY uid",
    [Q_VANISHED_COUNT] = "SELECT count(*) FROM vanished WHERE folder = ?",
    [Q_VANISHED_NTH] = "SELECT modseq FROM vanished WHERE folder = ? ORDER BY modseq DESC"
                       " LIMIT 1 OFFSET ?",
    [Q_VANISHED_TRIM] = "DELETE FROM vanished WHERE folder = ? AND modseq <= ?",
    [Q_CACHE_PUT] = "INSERT OR REPLACE INTO cache VALUES(?, ?, ?, ?)",
    [Q_CACHE_WALK] = "SELECT uid, bytes FROM cache WHERE folder = ? AND kind = ?"
                     " AND uid BETWEEN ? AND ?",
    [Q_INTENT_ADD] = "INSERT OR REPLACE INTO intent VALUES(?, ?, ?)",
    [Q_INTENT_CLEAR] = "DELETE FROM intent WHERE folder = ? AND owner = ?",
    [Q_INTENTS] = "SELECT owner, key FROM intent WHERE folder = ?",
};

void index_note(struct index *ix, int code)
{
    int kind = code & 0xff;

    if (kind == SQLITE_OK || kind == SQLITE_ROW || kind == SQLITE_DONE)
        return;
    ix->failed = true;
    if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) {
        if (!ix->is_damaged)
            log_warning("mailbox index %s is damaged: %s", ix->path,
                        sqlite3_errmsg(ix->db));
        ix->is_damaged = true;
    } else if (kind != SQLITE_BUSY) {
        log_warning("mailbox index %s: %s", ix->path, sqlite3_errmsg(ix->db));
    }
}

static sqlite3_stmt *statement(struct index *ix, enum index_query q)
{
    if (!ix->statements[q])
        index_note(ix, sqlite3_prepare_v3(ix->db, texts[q], -1, SQLITE_PREPARE_PERSISTENT,
                                          &ix->statements[q], NULL));
    return ix->statements[q];
}

static sqlite3_stmt *bind_values(struct index *ix, enum index_query q, const char *kinds,
                                 va_list values)
{
    sqlite3_stmt *s = statement(ix, q);

    for (int i = 0; s && kinds[i]; i++) {
        if (kinds[i] == 'i') {
            index_note(ix, sqlite3_bind_int64(s, i + 1, va_arg(values, int64_t)));
            continue;
        }
        struct view v = va_arg(values, struct view);
        index_note(ix, sqlite3_bind_blob64(s, i + 1, v.n ? v.p : "", v.n, SQLITE_STATIC));
    }
    return s;
}

sqlite3_stmt *index_bind(struct index *ix, enum index_query q, const char *kinds, ...)
{
    va_list values;

    va_start(values, kinds);
    sqlite3_stmt *s = bind_values(ix, q, kinds, values);
    va_end(values);
    return s;
}

/* Run S, which gives no rows that matter, to its end. */
static bool finish(struct index *ix, sqlite3_stmt *s)
{
    int code;

    if (!s)
        return false;
    while ((code = sqlite3_step(s)) == SQLITE_ROW)
        ;
    index_note(ix, code);
    sqlite3_reset(s);
    return code == SQLITE_DONE;
}

bool index_run(struct index *ix, enum index_query q, const char *kinds, ...)
{
    va_list values;

    va_start(values, kinds);
    sqlite3_stmt *s = bind_values(ix, q, kinds, values);
    va_end(values);
    return finish(ix, s);
}

struct view index_column(sqlite3_stmt *s, int column)
{
    const void *p = sqlite3_column_blob(s, column);
    int n = sqlite3_column_bytes(s, column);

    return (struct view){p, p && n > 0 ? (size_t)n : 0};
}

/* --- opening --- */

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct index *ix = arg;

    (void)db;
    (void)name;
    ix->log_pages = pages;
    ix->wrote = true;
    return SQLITE_OK;
}

static bool execute(struct index *ix, const char *text)
{
    int code = sqlite3_exec(ix->db, text, NULL, NULL, NULL);

    index_note(ix, code);
    return code == SQLITE_OK;
}

/* PRAGMA user_version; -1 when it cannot be read. */
static int version_of(struct index *ix)
{
    sqlite3_stmt *s = NULL;
    int version = -1;
    int code = sqlite3_prepare_v2(ix->db, "PRAGMA user_version", -1, &s, NULL);

    if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
        version = sqlite3_column_int(s, 0);
    index_note(ix, code);
    sqlite3_finalize(s);
    return version;
}

/* Make the tables in a new file, unless another process just did. */
static bool make_tables(struct index *ix)
{
    char text[64];

    if (!execute(ix, "BEGIN IMMEDIATE"))
        return false;
    snprintf(text, sizeof text, "PRAGMA user_version = %d", INDEX_VERSION);
    if (version_of(ix) != 0 || (execute(ix, schema) && execute(ix, text)))
        return execute(ix, "COMMIT");
    (void)execute(ix, "ROLLBACK");
    return false;
}

/* Settings of the connection, and the tables; false: see is_damaged. */
static bool set_up(struct index *ix)
{
    char text[64];

    sqlite3_extended_result_codes(ix->db, 1);
    sqlite3_busy_timeout(ix->db, 2000);
    snprintf(text, sizeof text, "PRAGMA cache_size = %d", PAGES_IN_MEMORY);
    if (!execute(ix, "PRAGMA journal_mode = WAL") ||
        !execute(ix, "PRAGMA synchronous = NORMAL") ||
        !execute(ix, "PRAGMA wal_autocheckpoint = 0") || !execute(ix, text))
        return false;
    int version = version_of(ix);
    if (version == 0 && !make_tables(ix))
        return false;
    if (version > 0 && version != INDEX_VERSION) {
        log_warning("mailbox index %s has version %d, not %d", ix->path, version,
                    INDEX_VERSION);
        ix->is_damaged = true;
    }
    sqlite3_busy_timeout(ix->db, BUSY_MILLISECONDS);
    sqlite3_wal_hook(ix->db, on_commit, ix);
    /* A flush would stop all sessions: see index_retire(). */
    (void)sqlite3_db_config(ix->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return !ix->is_damaged && version >= 0;
}

static enum store_result open_once(const char *path, struct index **out, bool *damaged,
                                   struct error *e)
{
    struct index *ix = NEW(struct index);
    mode_t mask = umask(077);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

    ix->path = memory_cstr(path);
    int code = sqlite3_open_v2(path, &ix->db, flags, NULL);
    bool ok = code == SQLITE_OK && set_up(ix);
    umask(mask);
    *damaged = ix->is_damaged;
    if (ok) {
        ix->data_version = -1;
        *out = ix;
        return STORE_OK;
    }
    error_set(e, "4.3.0", "cannot open the mailbox index %s: %s", path,
              ix->db ? sqlite3_errmsg(ix->db) : "no memory");
    index_close(ix);
    return STORE_FAILED;
}

enum store_result index_open(const char *path, struct index **out, struct error *e)
{
    bool damaged;
    enum store_result r = open_once(path, out, &damaged, e);

    if (r == STORE_OK || !damaged)
        return r;
    r = index_renew(path, e);
    return r == STORE_OK ? open_once(path, out, &damaged, e) : r;
}

void index_close(struct index *ix)
{
    if (!ix)
        return;
    for (int q = 0; q < Q_COUNT; q++)
        sqlite3_finalize(ix->statements[q]);
    sqlite3_close(ix->db);
    memory_free(ix->path);
    memory_free(ix);
}

bool index_is_damaged(const struct index *ix)
{
    return ix->is_damaged;
}

bool index_is_busy(const struct index *ix)
{
    return ix->users > 0;
}

bool index_was_changed(struct index *ix)
{
    sqlite3_stmt *s = statement(ix, Q_DATA_VERSION);
    int64_t now = ix->data_version;

    if (!s)
        return true;
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        now = sqlite3_column_int64(s, 0);
    index_note(ix, code);
    sqlite3_reset(s);
    bool changed = now != ix->data_version;
    ix->data_version = now;
    return changed;
}

/* --- transactions --- */

/* One try; the code of SQLite. */
static int begin_once(struct index *ix)
{
    sqlite3_stmt *s = statement(ix, Q_BEGIN);
    int code = s ? sqlite3_step(s) : SQLITE_ERROR;

    if (s)
        sqlite3_reset(s);
    ix->failed = false;
    return code;
}

bool index_try_begin(struct index *ix)
{
    return begin_once(ix) == SQLITE_DONE;
}

enum store_result index_begin(struct index *ix, struct error *e)
{
    int64_t deadline = clock_in(WRITE_WAIT), pause = 500;

    for (;;) {
        int code = begin_once(ix);
        if (code == SQLITE_DONE)
            return STORE_OK;
        index_note(ix, code);
        if ((code & 0xff) != SQLITE_BUSY || clock_mono() > deadline)
            break;
        ix->users++;
        store_pause(pause);
        ix->users--;
        pause = pause < 20000 ? pause * 2 : pause;
    }
    error_set(e, "4.3.0", "the mailbox index cannot be written: %s",
              sqlite3_errmsg(ix->db));
    return STORE_FAILED;
}

enum store_result index_commit(struct index *ix, struct error *e)
{
    if (!ix->failed && index_run(ix, Q_COMMIT, ""))
        return STORE_OK;
    error_set(e, "4.3.0", "the mailbox index cannot be written: %s",
              sqlite3_errmsg(ix->db));
    index_rollback(ix);
    return STORE_FAILED;
}

void index_rollback(struct index *ix)
{
    if (!sqlite3_get_autocommit(ix->db))
        (void)index_run(ix, Q_ROLLBACK, "");
}

/* --- the log --- */

struct tidying {
    const char *path;
    int mode;
};

/* In a worker thread, with a connection of its own. */
static void checkpoint(void *arg)
{
    const struct tidying *t = arg;
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

    if (sqlite3_open_v2(t->path, &db, flags, NULL) == SQLITE_OK) {
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        /* Before it has read anything, a connection does not know that there is a log. */
        (void)sqlite3_exec(db, "PRAGMA user_version", NULL, NULL, NULL);
        (void)sqlite3_wal_checkpoint_v2(db, NULL, t->mode, NULL, NULL);
    }
    sqlite3_close(db);
}

static void tidy(struct index *ix, int mode)
{
    char *path = memory_cstr(ix->path);
    struct tidying t = {path, mode};

    ix->users++;
    ix->log_pages = 0;
    thread_run(checkpoint, &t);
    ix->users--;
    memory_free(path);
}

void index_tidy(struct index *ix)
{
    if (ix->log_pages < TIDY_PAGES || ix->is_tidying)
        return;
    ix->is_tidying = true;
    tidy(ix, SQLITE_CHECKPOINT_PASSIVE);
    ix->is_tidying = false;
}

static void retire(void *arg)
{
    struct index *ix = arg;

    if (!ix->is_damaged && ix->wrote)
        tidy(ix, SQLITE_CHECKPOINT_TRUNCATE);
    index_close(ix);
}

void index_retire(struct index *ix)
{
    fiber_spawn("index-retire", retire, ix);
}
