/* mailbox - one open mailbox: its messages, their flags, and what changes them
 *
 * All sessions of a process share one struct mailbox.  It is right at the last
 * mailbox_refresh(): messages by rising UID.  Other programs may change the files at any
 * time; a refresh finds out, and costs two stat() calls when nothing changed.
 *
 * Suspends: everything that takes a struct error, and mailbox_close() never.  Between two
 * suspensions nothing moves: pointers into the mailbox are good until then.  A lock per
 * mailbox keeps calls that change it apart.  UIDs that a call does not know are passed
 * over.
 */
#ifndef STORE_MAILBOX_H
#define STORE_MAILBOX_H

#include "store/account.h"

#define MAILBOX_SEEN     1u
#define MAILBOX_ANSWERED 2u
#define MAILBOX_FLAGGED  4u
#define MAILBOX_DELETED  8u
#define MAILBOX_DRAFT    16u
#define MAILBOX_FLAGS    31u

#define MAILBOX_KEYWORDS_MAX 64
#define MAILBOX_KEYWORD_SIZE 100 /* bytes of one keyword's name */

struct mailbox_message {
    uint32_t uid;
    uint32_t flags;    /* of MAILBOX_FLAGS */
    uint64_t keywords; /* bit N: mailbox_keyword_name(N) */
    uint64_t modseq;
    int64_t received;   /* INTERNALDATE, seconds since 1970 */
    int64_t saved;      /* SAVEDATE, likewise */
    uint64_t size;      /* with CR LF; MAILBOX_SIZE_UNKNOWN: ask mailbox_sizes() */
    uint64_t email_id;  /* "E%016x": the same for all copies of a message */
    uint64_t thread_id; /* 0: not known */
    /* Private to lib/store: */
    uint64_t file_size; /* with LF */
    char *key;          /* what the driver knows it by */
};
#define MAILBOX_SIZE_UNKNOWN UINT64_MAX

/* Open NAME (from account_name()); STORE_NONEXISTENT when there is none.  A refresh is
 * done before it returns.  Each open needs a mailbox_close(). */
enum store_result mailbox_open(struct account *a, struct view name, struct mailbox **out,
                               struct error *e) MUST_CHECK;
/* Does not suspend. */
void mailbox_close(struct mailbox *b);
struct account *mailbox_account(const struct mailbox *b);
/* Its name now; another session may rename it while it is open. */
struct view mailbox_name(const struct mailbox *b);
/* It was deleted while it was open: every call fails with STORE_NONEXISTENT. */
bool mailbox_is_gone(const struct mailbox *b);

/* Take up what other programs and processes changed. */
enum store_result mailbox_refresh(struct mailbox *b, struct error *e) MUST_CHECK;

/* --- what is there; none of these suspends --- */

size_t mailbox_count(const struct mailbox *b);
/* I from 0; NULL behind the end. */
const struct mailbox_message *mailbox_at(const struct mailbox *b, size_t i);
/* NULL when there is none. */
const struct mailbox_message *mailbox_find(const struct mailbox *b, uint32_t uid);
/* The index of the first message with a UID of at least UID; mailbox_count() when none.
 */
size_t mailbox_position(const struct mailbox *b, uint32_t uid);
uint32_t mailbox_uidvalidity(const struct mailbox *b);
uint32_t mailbox_uidnext(const struct mailbox *b);
/* HIGHESTMODSEQ; rises with each change. */
uint64_t mailbox_modseq(const struct mailbox *b);
/* "M" and hexadecimal digits. */
const char *mailbox_id(const struct mailbox *b);

struct mailbox_status {
    size_t messages, unseen, deleted, recent;
    uint32_t uidnext, uidvalidity, first_unseen; /* a UID; 0 none */
    uint64_t modseq;
    uint64_t size; /* with CR LF */
};
/* Of an open mailbox.  WITH_SIZE reads what is not known yet. */
enum store_result mailbox_status(struct mailbox *b, bool with_size,
                                 struct mailbox_status *out, struct error *e) MUST_CHECK;

/* The UIDs of one moment, rising; shared by all sessions that have the same view, and
 * unchanging. */
struct uid_list {
    unsigned references;
    size_t n;
    uint32_t uids[];
};
/* The UIDs now; uid_list_release() when done. */
struct uid_list *mailbox_uids(struct mailbox *b);
struct uid_list *uid_list_retain(struct uid_list *l);
void uid_list_release(struct uid_list *l);
/* The index of UID, or SIZE_MAX. */
size_t uid_list_find(const struct uid_list *l, uint32_t uid);

/* --- keywords --- */

/* The name of keyword BIT; empty when there is none. Does not suspend. */
struct view mailbox_keyword_name(const struct mailbox *b, unsigned bit);
/* The bit of keyword NAME (case does not count); false when there is none. */
bool mailbox_keyword_find(const struct mailbox *b, struct view name, unsigned *bit);
/* The same, made when it is not there; STORE_LIMIT when there are MAILBOX_KEYWORDS_MAX,
 * STORE_CANNOT for a name that is no atom. */
enum store_result mailbox_keyword(struct mailbox *b, struct view name, unsigned *bit,
                                  struct error *e) MUST_CHECK;

/* --- messages --- */

/* The bytes of one message, LF line ends, as they lie in the file. */
struct mailbox_bytes {
    struct view v;
    void *owned; /* private */
};
/* STORE_EXPUNGED when the file is gone (the mailbox is refreshed then).  At most one
 * message's bytes are kept back for the next caller. */
enum store_result mailbox_bytes(struct mailbox *b, uint32_t uid,
                                struct mailbox_bytes *out, struct error *e) MUST_CHECK;
void mailbox_bytes_release(struct mailbox_bytes *bytes);
/* Find the sizes of messages FIRST to LAST (UIDs) that are not known. */
enum store_result mailbox_sizes(struct mailbox *b, uint32_t first, uint32_t last,
                                struct error *e) MUST_CHECK;
/* Remember the thread that the caller found for a message. Does not suspend. */
void mailbox_set_thread(struct mailbox *b, uint32_t uid, uint64_t thread_id);

enum mailbox_flag_how { MAILBOX_FLAGS_ADD, MAILBOX_FLAGS_REMOVE, MAILBOX_FLAGS_REPLACE };
struct mailbox_flag_change {
    enum mailbox_flag_how how;
    uint32_t flags;
    uint64_t keywords;
    bool is_conditional; /* leave messages alone that changed since: */
    uint64_t unchanged_since;
    /* Set: messages that changed since, in ARENA (RFC 7162 MODIFIED). */
    struct arena *arena; /* only when conditional */
    uint32_t *modified;
    size_t n_modified;
    uint64_t modseq; /* of the messages that were changed; 0: none was */
};
/* Change the flags of the messages UIDS (rising, N).  Messages that are gone are passed
 * over. */
enum store_result mailbox_flag(struct mailbox *b, const uint32_t *uids, size_t n,
                               struct mailbox_flag_change *c, struct error *e) MUST_CHECK;

/* Remove the messages UIDS (rising, N) for good, whatever their flags.  *REMOVED (may be
 * NULL) gets their number. */
enum store_result mailbox_expunge(struct mailbox *b, const uint32_t *uids, size_t n,
                                  size_t *removed, struct error *e) MUST_CHECK;

/* One APPEND: one message or several that appear together (MULTIAPPEND). */
struct mailbox_append;
struct mailbox_append_message {
    uint32_t flags;
    struct view keywords; /* names, separated by one space */
    int64_t received;     /* seconds; -1: now */
};
enum store_result mailbox_append_begin(struct mailbox *b, struct mailbox_append **out,
                                       struct error *e) MUST_CHECK;
/* The next message; its bytes follow. */
enum store_result mailbox_append_message(struct mailbox_append *p,
                                         const struct mailbox_append_message *m,
                                         struct error *e) MUST_CHECK;
/* A piece of any size, with CR LF (also cut between the two) or LF. */
enum store_result mailbox_append_bytes(struct mailbox_append *p, struct view piece,
                                       struct error *e) MUST_CHECK;
/* On disk when it returns OK; the UIDs of the new messages are *FIRST_UID and the N - 1
 * behind it.  P is freed, also on failure, after which nothing is left. */
enum store_result mailbox_append_commit(struct mailbox_append *p, uint32_t *first_uid,
                                        size_t *n, struct error *e) MUST_CHECK;
/* Forget it. Does not suspend. */
void mailbox_append_abort(struct mailbox_append *p);

struct mailbox_copied {
    uint32_t uidvalidity;
    size_t n;
    uint32_t *from, *to; /* UIDs, pair by pair; in the arena given */
};
/* Copy or move messages UIDS (rising, N) from B to TO, which may be of another account,
 * all or none; on disk when it returns OK.  EMAILID, flags, keywords and dates go along.
 */
enum store_result mailbox_copy(struct mailbox *b, const uint32_t *uids, size_t n,
                               struct mailbox *to, struct arena *arena,
                               struct mailbox_copied *out, struct error *e) MUST_CHECK;
enum store_result mailbox_move(struct mailbox *b, const uint32_t *uids, size_t n,
                               struct mailbox *to, struct arena *arena,
                               struct mailbox_copied *out, struct error *e) MUST_CHECK;

/* UIDs that vanished after MODSEQ, rising, in ARENA.  *COMPLETE false: the history does
 * not reach back so far (or UIDs were many): then every UID below UIDNEXT that is not
 * there must be taken as vanished. */
enum store_result mailbox_vanished(struct mailbox *b, uint64_t modseq,
                                   struct arena *arena, uint32_t **uids, size_t *n,
                                   bool *complete, struct error *e) MUST_CHECK;

/* \Recent of IMAP4rev1: the messages from *FIRST to *LAST (UIDs) are recent in the
 * session that asks, and in no later one; false: none are.  CLAIM false only looks
 * (EXAMINE, STATUS). */
bool mailbox_recent(struct mailbox *b, bool claim, uint32_t *first, uint32_t *last);

/* --- what sessions computed from the bytes of a message --- */

enum mailbox_cache_kind {
    CACHE_ENVELOPE,
    CACHE_BODY,
    CACHE_BODYSTRUCTURE,
    CACHE_HEADERS,
    CACHE_PREVIEW,
    CACHE_FIELDS, /* header fields that lists of messages show, and searches look at */
    CACHE_SKETCH, /* what its text cannot hold */
    CACHE_KINDS
};
/* Called for each stored piece by rising UID; false ends the walk.  Must not suspend, nor
 * call the mailbox. */
typedef bool mailbox_cache_fn(uint32_t uid, struct view bytes, void *arg);
/* Walk over what is stored of KIND for the UIDs FIRST to LAST.  Does not suspend: stop it
 * from FN after some 10 ms, and go on from there. */
void mailbox_cache_walk(struct mailbox *b, enum mailbox_cache_kind kind, uint32_t first,
                        uint32_t last, mailbox_cache_fn *fn, void *arg);
/* Append what is stored to OUT; false when there is nothing. Does not suspend. */
bool mailbox_cache_get(struct mailbox *b, enum mailbox_cache_kind kind, uint32_t uid,
                       struct str *out);
/* Remember; may be lost.  Written at once when 256 pieces are there, or at the next
 * mailbox_cache_flush(), or within a second. Does not suspend. */
void mailbox_cache_put(struct mailbox *b, enum mailbox_cache_kind kind, uint32_t uid,
                       struct view bytes);
void mailbox_cache_flush(struct mailbox *b);

/* --- hearing of changes --- */

struct mailbox_listener {
    struct list_link link;
    /* The mailbox changed (messages, flags, gone).  Called by whoever found out: must not
     * suspend nor call the mailbox, but may wake a fiber. */
    void (*changed)(struct mailbox_listener *l);
};
/* While somebody listens, the mailbox watches its files (inotify, else every
 * store_poll_interval) and refreshes itself.  Does not suspend. */
void mailbox_listen(struct mailbox *b, struct mailbox_listener *l);
void mailbox_unlisten(struct mailbox *b, struct mailbox_listener *l);

#endif
