/* index_rows - the tables of the index, one by one */
#include "store/index_private.h"

void index_folder_init(struct index_folder *f)
{
    *f = (struct index_folder){
        .keywords = STR_INIT(MAILBOX_KEYWORDS_MAX * (MAILBOX_KEYWORD_SIZE + 1)),
        .scan = STR_INIT(64 * 1024)};
}

void index_folder_done(struct index_folder *f)
{
    str_done(&f->keywords);
    str_done(&f->scan);
}

bool index_folder_get(struct index *ix, uint64_t id, struct index_folder *f)
{
    sqlite3_stmt *s = index_bind(ix, Q_FOLDER_GET, "i", (int64_t)id);
    int code = s ? sqlite3_step(s) : SQLITE_ERROR;

    if (code == SQLITE_ROW) {
        f->uidvalidity = (uint32_t)sqlite3_column_int64(s, 0);
        f->uidnext = (uint32_t)sqlite3_column_int64(s, 1);
        f->recent = (uint32_t)sqlite3_column_int64(s, 2);
        f->modseq = (uint64_t)sqlite3_column_int64(s, 3);
        f->floor = (uint64_t)sqlite3_column_int64(s, 4);
        str_set(&f->keywords, index_column(s, 5));
        str_set(&f->scan, index_column(s, 6));
    }
    index_note(ix, code);
    if (s)
        sqlite3_reset(s);
    return code == SQLITE_ROW && !f->keywords.overflow && !f->scan.overflow;
}

void index_folder_put(struct index *ix, uint64_t id, const struct index_folder *f)
{
    (void)index_run(ix, Q_FOLDER_PUT, "iiiiiibb", (int64_t)id, (int64_t)f->uidvalidity,
                    (int64_t)f->uidnext, (int64_t)f->recent, (int64_t)f->modseq,
                    (int64_t)f->floor, str_view(&f->keywords), str_view(&f->scan));
}

void index_folder_recent(struct index *ix, uint64_t id, uint32_t recent)
{
    (void)index_run(ix, Q_FOLDER_RECENT, "ii", (int64_t)recent, (int64_t)id);
}

void index_folder_remove(struct index *ix, uint64_t id)
{
    static const char *const tables[] = {"message WHERE folder", "vanished WHERE folder",
                                         "cache WHERE folder", "intent WHERE folder",
                                         "folder WHERE id"};
    char text[80];

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(text, sizeof text, "DELETE FROM %s = %lld", tables[i], (long long)id);
        index_note(ix, sqlite3_exec(ix->db, text, NULL, NULL, NULL));
    }
}

void index_folders(struct index *ix, bool (*fn)(uint64_t id, void *arg), void *arg)
{
    sqlite3_stmt *s = index_bind(ix, Q_FOLDERS, "");
    int code = SQLITE_DONE;

    while (s && (code = sqlite3_step(s)) == SQLITE_ROW)
        if (!fn((uint64_t)sqlite3_column_int64(s, 0), arg))
            break;
    index_note(ix, code);
    if (s)
        sqlite3_reset(s);
}

bool index_messages(struct index *ix, uint64_t id,
                    void (*fn)(const struct mailbox_message *m, struct view key,
                               void *arg),
                    void *arg)
{
    sqlite3_stmt *s = index_bind(ix, Q_MESSAGES, "i", (int64_t)id);
    int code = SQLITE_ERROR;

    while (s && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct mailbox_message m = {
            .uid = (uint32_t)sqlite3_column_int64(s, 0),
            .flags = (uint32_t)sqlite3_column_int64(s, 2) & MAILBOX_FLAGS,
            .keywords = (uint64_t)sqlite3_column_int64(s, 3),
            .modseq = (uint64_t)sqlite3_column_int64(s, 4),
            .received = sqlite3_column_int64(s, 5),
            .saved = sqlite3_column_int64(s, 6),
            .size = (uint64_t)sqlite3_column_int64(s, 7),
            .file_size = (uint64_t)sqlite3_column_int64(s, 8),
            .email_id = (uint64_t)sqlite3_column_int64(s, 9),
            .thread_id = (uint64_t)sqlite3_column_int64(s, 10),
        };
        fn(&m, index_column(s, 1), arg);
    }
    index_note(ix, code);
    if (s)
        sqlite3_reset(s);
    return code == SQLITE_DONE;
}

void index_message_put(struct index *ix, uint64_t id, const struct mailbox_message *m)
{
    (void)index_run(ix, Q_MESSAGE_PUT, "iibiiiiiiiii", (int64_t)id, (int64_t)m->uid,
                    view_of(m->key), (int64_t)m->flags, (int64_t)m->keywords,
                    (int64_t)m->modseq, m->received, m->saved, (int64_t)m->size,
                    (int64_t)m->file_size, (int64_t)m->email_id, (int64_t)m->thread_id);
}

void index_message_flags(struct index *ix, uint64_t id, const struct mailbox_message *m)
{
    (void)index_run(ix, Q_MESSAGE_FLAGS, "iiibii", (int64_t)m->flags,
                    (int64_t)m->keywords, (int64_t)m->modseq, view_of(m->key),
                    (int64_t)id, (int64_t)m->uid);
}

void index_messages_remove(struct index *ix, uint64_t id, uint32_t first, uint32_t last)
{
    (void)index_run(ix, Q_MESSAGE_REMOVE, "iii", (int64_t)id, (int64_t)first,
                    (int64_t)last);
    for (int kind = 0; kind < CACHE_KINDS; kind++)
        (void)index_run(ix, Q_CACHE_REMOVE, "iiii", (int64_t)id, (int64_t)kind,
                        (int64_t)first, (int64_t)last);
}

void index_vanished_add(struct index *ix, uint64_t id, uint32_t uid, uint64_t modseq)
{
    (void)index_run(ix, Q_VANISHED_ADD, "iii", (int64_t)id, (int64_t)modseq,
                    (int64_t)uid);
}

/* The one number that Q gives; 0 when there is no row. */
static int64_t one_number(struct index *ix, sqlite3_stmt *s)
{
    int code = s ? sqlite3_step(s) : SQLITE_ERROR;
    int64_t n = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;

    index_note(ix, code);
    if (s)
        sqlite3_reset(s);
    return n;
}

uint64_t index_message_count(struct index *ix, uint64_t id)
{
    return (uint64_t)one_number(ix, index_bind(ix, Q_MESSAGE_COUNT, "i", (int64_t)id));
}

void index_vanished_trim(struct index *ix, uint64_t id, uint64_t limit, uint64_t *floor)
{
    int64_t n = one_number(ix, index_bind(ix, Q_VANISHED_COUNT, "i", (int64_t)id));

    /* Not at each expunge: only when a tenth of it can go. */
    if ((uint64_t)n <= limit + limit / 10)
        return;
    int64_t last =
        one_number(ix, index_bind(ix, Q_VANISHED_NTH, "ii", (int64_t)id, (int64_t)limit));
    (void)index_run(ix, Q_VANISHED_TRIM, "ii", (int64_t)id, last);
    if ((uint64_t)last > *floor)
        *floor = (uint64_t)last;
}

void index_vanished(struct index *ix, uint64_t id, uint64_t modseq,
                    void (*fn)(uint32_t uid, void *arg), void *arg)
{
    if (modseq > INT64_MAX)
        return;
    sqlite3_stmt *s = index_bind(ix, Q_VANISHED, "ii", (int64_t)id, (int64_t)modseq);
    int code = SQLITE_DONE;

    while (s && (code = sqlite3_step(s)) == SQLITE_ROW)
        fn((uint32_t)sqlite3_column_int64(s, 0), arg);
    index_note(ix, code);
    if (s)
        sqlite3_reset(s);
}

void index_cache_put(struct index *ix, uint64_t id, enum mailbox_cache_kind kind,
                     uint32_t uid, struct view bytes)
{
    (void)index_run(ix, Q_CACHE_PUT, "iiib", (int64_t)id, (int64_t)kind, (int64_t)uid,
                    bytes);
}

void index_cache_walk(struct index *ix, uint64_t id, enum mailbox_cache_kind kind,
                      uint32_t first, uint32_t last, mailbox_cache_fn *fn, void *arg)
{
    sqlite3_stmt *s = index_bind(ix, Q_CACHE_WALK, "iiii", (int64_t)id, (int64_t)kind,
                                 (int64_t)first, (int64_t)last);
    int code = SQLITE_DONE;

    while (s && (code = sqlite3_step(s)) == SQLITE_ROW)
        if (!fn((uint32_t)sqlite3_column_int64(s, 0), index_column(s, 1), arg))
            break;
    index_note(ix, code);
    if (s)
        sqlite3_reset(s);
}

void index_intent_add(struct index *ix, uint64_t id, struct view owner, struct view key)
{
    (void)index_run(ix, Q_INTENT_ADD, "ibb", (int64_t)id, owner, key);
}

void index_intent_clear(struct index *ix, uint64_t id, struct view owner)
{
    (void)index_run(ix, Q_INTENT_CLEAR, "ib", (int64_t)id, owner);
}

void index_intents(struct index *ix, uint64_t id,
                   void (*fn)(struct view owner, struct view key, void *arg), void *arg)
{
    sqlite3_stmt *s = index_bind(ix, Q_INTENTS, "i", (int64_t)id);
    int code = SQLITE_DONE;

    while (s && (code = sqlite3_step(s)) == SQLITE_ROW)
        fn(index_column(s, 0), index_column(s, 1), arg);
    index_note(ix, code);
    if (s)
        sqlite3_reset(s);
}
