/* mailbox_private - a mailbox as the files of lib/store see it */
#ifndef STORE_MAILBOX_PRIVATE_H
#define STORE_MAILBOX_PRIVATE_H

#include "store/account_private.h"
#include "store/mailbox.h"

struct driver_state;
struct mailbox_watch;
struct cache_piece;
struct scan;

struct mailbox {
    struct account *account;
    struct list_link link; /* among the account's open mailboxes */
    char *name;
    char *path; /* of the driver's */
    uint64_t id;
    char id_text[24];
    unsigned references;
    bool is_gone, is_loaded;
    bool is_held;    /* locked by a rename or a delete */
    bool is_new;     /* the index knew nothing of it when it was loaded */
    bool must_check; /* another process wrote into the index */
    bool must_load;  /* memory and index may differ */
    bool must_scan;  /* a file was not where it should be */
    struct store_lock lock;
    struct mailbox_message *messages;
    size_t n, cap;
    uint32_t *table; /* hash table of identities: index + 1; NULL: to be made */
    size_t table_size;
    char *keywords[MAILBOX_KEYWORDS_MAX];
    unsigned n_keywords;
    uint32_t uidvalidity, uidnext, recent, ceiling;
    uint32_t adopted; /* while the files' own UIDs are taken over: those below */
    uint64_t modseq, floor;
    bool recent_is_new;    /* recent is ahead of the index */
    struct uid_list *uids; /* of now; NULL: to be made */
    struct list listeners;
    struct mailbox_watch *watch;
    void *state;                /* the driver's */
    struct cache_piece *pieces; /* computed, not yet written */
    size_t n_pieces;
    struct timer pieces_timer;
    bool has_pieces_timer;
    int64_t closed_at;
};

/* --- locking: every call that may suspend --- */

/* Lock B, load it when it is not; on failure it is not locked. */
enum store_result mailbox_lock(struct mailbox *b, struct error *e) MUST_CHECK;
void mailbox_unlock(struct mailbox *b);
/* Lock two, in an order that all keep to. */
enum store_result mailbox_lock_two(struct mailbox *a, struct mailbox *b,
                                   struct error *e) MUST_CHECK;

/* --- with the lock held --- */

/* As mailbox_refresh(); FORCE looks into the files in any case. */
enum store_result mailbox_refresh_locked(struct mailbox *b, bool force,
                                         struct error *e) MUST_CHECK;
/* Read all from the index.  Does not suspend once the index is open. */
enum store_result mailbox_load(struct mailbox *b, struct error *e) MUST_CHECK;
/* Begin a change: COUNT UIDs are reserved, the transaction is open, memory is at the
 * state of the index.  On success nothing may suspend until mailbox_commit(). */
enum store_result mailbox_begin(struct mailbox *b, size_t count,
                                struct error *e) MUST_CHECK;
/* The row of B, then commit.  On failure memory is read again later. */
enum store_result mailbox_commit(struct mailbox *b, struct error *e) MUST_CHECK;
void mailbox_rollback(struct mailbox *b);
/* The MODSEQ of the change that is under way; B's from now on. */
uint64_t mailbox_next_modseq(struct mailbox *b);

/* As mailbox_expunge(); adds to *REMOVED. */
enum store_result expunge_locked(struct mailbox *b, const uint32_t *uids, size_t n,
                                 size_t *removed, struct error *e) MUST_CHECK;
struct mailbox_message *mailbox_message(const struct mailbox *b, uint32_t uid);
/* Append a message, whose UID is the greatest; takes M->key over. */
void mailbox_insert(struct mailbox *b, const struct mailbox_message *m);
/* Mark M as gone. */
void mailbox_drop(struct mailbox_message *m);
/* Take out those that are marked, here and in the index, as vanished at MODSEQ.  Inside a
 * transaction. */
void mailbox_squeeze(struct mailbox *b, uint64_t modseq);
/* The message whose identity is V, or NULL. */
struct mailbox_message *mailbox_by_identity(struct mailbox *b, struct view v);
/* Messages came or went (MEMBERS), or flags changed: tell those who listen. */
void mailbox_touch(struct mailbox *b, bool members);
/* Its files are not there any more: another process deleted or renamed it. */
enum store_result mailbox_vanish(struct mailbox *b, struct error *e);
/* Forget what is in memory. */
void mailbox_unload(struct mailbox *b);
void mailbox_free(struct mailbox *b);
/* Set the names from the index's text, and back. */
void mailbox_set_keywords(struct mailbox *b, struct view names);
void mailbox_get_keywords(const struct mailbox *b, struct str *out);
/* The bit of NAME, made when it is not there; SIZE_MAX when there is no room.  The caller
 * writes the row. */
size_t mailbox_make_keyword(struct mailbox *b, struct view name);

/* All of the file PATH; STORE_EXPUNGED when there is none. */
enum store_result store_read_message(const char *path, struct mailbox_bytes *out,
                                     struct error *e) MUST_CHECK;
/* The size of V when each line ends with CR LF. */
uint64_t size_with_crlf(struct view v);
/* mailbox_watch.c: start or stop to watch the files, as listeners ask. */
void mailbox_watch_update(struct mailbox *b);
/* mailbox_cache.c */
void mailbox_cache_drop(struct mailbox *b);
/* b->recent moved: write it some time. */
void mailbox_note_recent(struct mailbox *b);

#endif
