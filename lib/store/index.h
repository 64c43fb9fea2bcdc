/* index - what is remembered of an account's mailboxes between sessions
 *
 * One SQLite file per account: UIDs, flags, MODSEQ, sizes, what vanished, and what
 * sessions computed.  It is a cache: from the files of mail and the folder file it can be
 * made again.  Mailboxes are known by their id, never by name.  Private to lib/store.
 *
 * Changes lie between index_begin(), which may suspend, and index_commit(), and nothing
 * in between suspends: so one connection serves all fibers of a process.  Other processes
 * may write in turn.  See docs/decisions/0019-mailbox-index.md.
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "store/mailbox.h"

struct index;

/* Open or create the file PATH; one of another version, or a damaged one, is renewed with
 * what can be read of it.  May suspend. */
enum store_result index_open(const char *path, struct index **out,
                             struct error *e) MUST_CHECK;
/* Does not suspend. */
void index_close(struct index *ix);
/* The file at PATH is put aside, and a new one is made with what can be read of it. */
enum store_result index_renew(const char *path, struct error *e) MUST_CHECK;
/* Something in the file is not as it should be: close and open again. */
bool index_is_damaged(const struct index *ix);
/* A fiber waits inside a call: it must not be closed now. */
bool index_is_busy(const struct index *ix);
/* Did another process write since the last call? */
bool index_was_changed(struct index *ix);
/* Close IX in a fiber of its own, after all of its log was brought into the file.  Does
 * not suspend. */
void index_retire(struct index *ix);
/* Bring what lies in the log into the file, in a worker thread, when there is much.  May
 * suspend. */
void index_tidy(struct index *ix);

enum store_result index_begin(struct index *ix, struct error *e) MUST_CHECK;
/* The same without waiting for another process, which may suspend: false then. */
bool index_try_begin(struct index *ix) MUST_CHECK;
/* On failure all is rolled back. */
enum store_result index_commit(struct index *ix, struct error *e) MUST_CHECK;
void index_rollback(struct index *ix);

/* --- mailboxes --- */

struct index_folder {
    uint32_t uidvalidity, uidnext, recent; /* recent: first UID that no session has had */
    uint64_t modseq;
    uint64_t floor;      /* the history of vanished UIDs is complete behind this modseq */
    struct str keywords; /* names in the order of their bits, LF behind each */
    struct str scan;     /* the driver's own */
};
void index_folder_init(struct index_folder *f);
void index_folder_done(struct index_folder *f);
/* False when there is no such row, or on failure. */
bool index_folder_get(struct index *ix, uint64_t id, struct index_folder *f);
void index_folder_put(struct index *ix, uint64_t id, const struct index_folder *f);
void index_folder_recent(struct index *ix, uint64_t id, uint32_t recent);
/* All that is known of mailbox ID. */
void index_folder_remove(struct index *ix, uint64_t id);
/* FN for each mailbox; false ends. */
void index_folders(struct index *ix, bool (*fn)(uint64_t id, void *arg), void *arg);

/* --- messages --- */

/* FN for each message by rising UID; the key is valid inside FN only. */
bool index_messages(struct index *ix, uint64_t id,
                    void (*fn)(const struct mailbox_message *m, struct view key,
                               void *arg),
                    void *arg);
/* How many there are. */
uint64_t index_message_count(struct index *ix, uint64_t id);
void index_message_put(struct index *ix, uint64_t id, const struct mailbox_message *m);
/* Flags, keywords, modseq and key only. */
void index_message_flags(struct index *ix, uint64_t id, const struct mailbox_message *m);
/* All from FIRST to LAST, with what is cached of them. */
void index_messages_remove(struct index *ix, uint64_t id, uint32_t first, uint32_t last);
/* Message UID vanished at MODSEQ. */
void index_vanished_add(struct index *ix, uint64_t id, uint32_t uid, uint64_t modseq);
/* Keep the LIMIT latest records of what vanished; *FLOOR is raised to what was forgotten.
 */
void index_vanished_trim(struct index *ix, uint64_t id, uint64_t limit, uint64_t *floor);
/* UIDs that vanished after MODSEQ, rising. */
void index_vanished(struct index *ix, uint64_t id, uint64_t modseq,
                    void (*fn)(uint32_t uid, void *arg), void *arg);

/* --- cache --- */

void index_cache_put(struct index *ix, uint64_t id, enum mailbox_cache_kind kind,
                     uint32_t uid, struct view bytes);
void index_cache_walk(struct index *ix, uint64_t id, enum mailbox_cache_kind kind,
                      uint32_t first, uint32_t last, mailbox_cache_fn *fn, void *arg);

/* --- what is under way --- */

/* Files that will appear in mailbox ID one by one, but count only together: until
 * index_intent_clear() they are not looked at, and when process OWNER is no more they are
 * removed. */
void index_intent_add(struct index *ix, uint64_t id, struct view owner, struct view key);
void index_intent_clear(struct index *ix, uint64_t id, struct view owner);
/* May be called without a transaction. */
void index_intents(struct index *ix, uint64_t id,
                   void (*fn)(struct view owner, struct view key, void *arg), void *arg);

#endif
