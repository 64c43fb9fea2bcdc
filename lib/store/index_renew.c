/* index_renew - a new index with what can be read of the old one
 *
 * SQLite tells when a page is damaged; what lies on other pages is still good.  Each
 * table is read by rising key until the damage, then by falling key, and what was read is
 * written into a new file that takes the old one's place.  What the sessions computed is
 * not worth it and left out.
 */
#include "store/index_private.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/thread.h"
#include "store/store_private.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

struct renewal {
    const char *path;
    const char *old;
    int64_t rows;
    bool ok;
};

struct salvage {
    const char *columns, *table;
    int n;
};
static const struct salvage tables[] = {
    {"id, uidvalidity, uidnext, recent, modseq, floor, keywords, x''", "folder", 8},
    {"folder, uid, key, flags, keywords, modseq, received, saved, size, file_size, email,"
     " thread",
     "message", 12},
    {"folder, modseq, uid", "vanished", 3},
};

/* Read table T in one direction until its end or the damage. */
static int64_t read_rows(sqlite3 *from, sqlite3 *to, const struct salvage *t,
                         bool falling)
{
    char text[400], order[64], insert[100];
    sqlite3_stmt *in = NULL, *out = NULL;
    int64_t rows = 0;
    const char *direction = falling ? "DESC" : "ASC";

    if (t->n == 8)
        snprintf(order, sizeof order, "id %s", direction);
    else if (t->n == 12)
        snprintf(order, sizeof order, "folder %s, uid %s", direction, direction);
    else
        snprintf(order, sizeof order, "folder %s, modseq %s, uid %s", direction,
                 direction, direction);
    snprintf(text, sizeof text, "SELECT %s FROM %s ORDER BY %s", t->columns, t->table,
             order);
    snprintf(insert, sizeof insert, "INSERT OR IGNORE INTO %s VALUES(?%.*s)", t->table,
             2 * (t->n - 1), ",?,?,?,?,?,?,?,?,?,?,?");
    if (sqlite3_prepare_v2(from, text, -1, &in, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(to, insert, -1, &out, NULL) == SQLITE_OK)
        while (sqlite3_step(in) == SQLITE_ROW) {
            for (int i = 0; i < t->n; i++)
                (void)sqlite3_bind_value(out, i + 1, sqlite3_column_value(in, i));
            rows += sqlite3_step(out) == SQLITE_DONE ? sqlite3_changes(to) : 0;
            sqlite3_reset(out);
        }
    sqlite3_finalize(in);
    sqlite3_finalize(out);
    return rows;
}

/* What the damaged file OLD still gives goes into TO. */
static void salvage(const char *old, sqlite3 *to, struct renewal *r)
{
    sqlite3 *from = NULL;

    if (sqlite3_open_v2(old, &from, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_exec(to, "BEGIN", NULL, NULL, NULL) == SQLITE_OK) {
        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
            for (int falling = 0; falling < 2; falling++)
                r->rows += read_rows(from, to, &tables[i], falling == 1);
        (void)sqlite3_exec(to, "COMMIT", NULL, NULL, NULL);
    }
    sqlite3_close(from);
}

/* Move PATH and its log to OLD. */
static bool put_aside(struct renewal *r)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    struct str from = STR_INIT(PATH_MAX), to = STR_INIT(PATH_MAX);
    bool ok = true;

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        str_setf(&from, "%s%s", r->path, ends[i]);
        str_setf(&to, "%s%s", r->old, ends[i]);
        ok = ok && (rename(str_cstr(&from), str_cstr(&to)) == 0 || errno == ENOENT);
    }
    str_done(&from);
    str_done(&to);
    return ok;
}

static void renew(void *arg)
{
    struct renewal *r = arg;
    struct error e = ERROR_INIT;
    struct index *ix = NULL;

    r->ok = put_aside(r) && index_open(r->path, &ix, &e) == STORE_OK;
    if (r->ok)
        salvage(r->old, ix->db, r);
    index_close(ix);
}

enum store_result index_renew(const char *path, struct error *e)
{
    struct renewal r = {.path = path};

    struct str old = STR_INIT(PATH_MAX);

    str_setf(&old, "%s.damaged", path);
    r.old = str_cstr(&old);
    renew(&r);
    str_done(&old);
    if (!r.ok)
        return store_failed(e, "cannot make the mailbox index %s again", path);
    log_info("mailbox index %s is made again, with %lld rows of the former one", path,
             (long long)r.rows);
    return STORE_OK;
}
