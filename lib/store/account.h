/* account - the mailboxes of one user
 *
 * Opened from a place: a Maildir with its Maildir++ folders, an mbox spool file with a
 * directory of mbox folders, or a directory of MH folders.  All sessions of a process
 * that open the same place share one struct account and its open mailboxes.
 *
 * Names of mailboxes are UTF-8 with "/" between levels, whatever the format stores; INBOX
 * is the first mailbox in any case of letters.  What the files of mail cannot hold
 * (subscriptions, UIDVALIDITY, access lists, annotations, special uses) is in the text
 * file "diligence.folders" beside the index, rewritten whole and flushed at each change.
 *
 * Suspends: everything that takes a struct error, unless it says otherwise; no pointer
 * that an account or a mailbox gave may be held across such a call, unless it says so.
 * The process must run a loop (lib/run); outside of a fiber the calls block instead.
 * See docs/decisions/0019-mailbox-index.md.
 */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "store/lock.h"
#include "store/store.h"

enum place_format { PLACE_MAILDIR, PLACE_MBOX, PLACE_MH };

/* Where a user's mail is.  Paths are absolute. */
struct place {
    enum place_format format;
    const char *root;  /* Maildir: the Maildir that is INBOX.  mbox, MH: the directory of
                          folders (~/mail, ~/Mail).  Made when it is not there. */
    const char *inbox; /* mbox: the spool file; NULL root/INBOX.  MH: the directory of
                          INBOX; NULL root/inbox.  Maildir: NULL. */
    const char *index; /* directory of index and folder file; NULL: root (Maildir), or
                          root/.diligence */
    const char *owner; /* login name; has all rights */
    const char *host;  /* for names of files */
    uint64_t quota_bytes, quota_messages; /* 0: none */
    struct lock_policy lock;              /* mbox */
};

struct account;
struct mailbox;

/* Open PLACE (copied), or share it when it is open.  Directories that are missing are
 * made.  Close with account_close(). */
enum store_result account_open(const struct place *place, struct account **out,
                               struct error *e) MUST_CHECK;
/* Another reference. Does not suspend. */
struct account *account_retain(struct account *a);
/* Give one reference back.  The last one leaves the account open for store_linger_time,
 * so that the next session finds it warm. Does not suspend. */
void account_close(struct account *a);
/* Close all that is unused now: before a process ends. */
void account_close_unused(void);
const struct place *account_place(const struct account *a);

/* --- names --- */

/* "inbox" and "InBox/x" to "INBOX" and "INBOX/x"; false for a name that no mailbox can
 * have: empty, not UTF-8, control characters, an empty level, over 1000 bytes or 32
 * levels, or what the format cannot store.  Does not suspend. */
bool account_name(const struct account *a, struct view name, struct str *out) MUST_CHECK;

/* RFC 6154, and \Important of RFC 8457. */
enum special_use {
    SPECIAL_NONE = 0,
    SPECIAL_ALL = 1,
    SPECIAL_ARCHIVE = 2,
    SPECIAL_DRAFTS = 4,
    SPECIAL_FLAGGED = 8,
    SPECIAL_JUNK = 16,
    SPECIAL_SENT = 32,
    SPECIAL_TRASH = 64,
    SPECIAL_IMPORTANT = 128
};

struct account_folder {
    struct view name;
    bool exists;       /* false: a gap above others (\Noselect, \NonExistent), or only
                          subscribed */
    bool no_inferiors; /* cannot have children (an mbox file) */
    bool has_children; /* existing ones below it */
    bool is_subscribed;
    unsigned special_use; /* of enum special_use */
};
/* All mailboxes, gaps and subscribed names, sorted by bytes level by level, INBOX first;
 * the array and its names are in ARENA. */
enum store_result account_list(struct account *a, struct arena *arena,
                               struct account_folder **out, size_t *n,
                               struct error *e) MUST_CHECK;

/* NAME must be as account_name() gave it, here and below. */
/* Levels above that are missing are made or become gaps, as the format does. */
enum store_result account_create(struct account *a, struct view name,
                                 unsigned special_use, struct error *e) MUST_CHECK;
/* Its messages go with it; children stay, then it is a gap.  INBOX cannot be deleted. */
enum store_result account_delete(struct account *a, struct view name,
                                 struct error *e) MUST_CHECK;
/* With its children; of INBOX the messages move to the new mailbox (RFC 9051 6.3.6).
 * Access list, annotations, special use and mailbox id go along; subscriptions do not. */
enum store_result account_rename(struct account *a, struct view from, struct view to,
                                 struct error *e) MUST_CHECK;
/* Also names that do not exist (RFC 9051 6.3.7). */
enum store_result account_subscribe(struct account *a, struct view name, bool subscribe,
                                    struct error *e) MUST_CHECK;
/* Replaces all special uses of the mailbox. */
enum store_result account_set_special_use(struct account *a, struct view name,
                                          unsigned special_use,
                                          struct error *e) MUST_CHECK;
/* MAILBOXID (RFC 8474): "M" and 16 hexadecimal digits, the same after a rename. */
enum store_result account_mailbox_id(struct account *a, struct view name, char out[24],
                                     struct error *e) MUST_CHECK;

/* --- access lists, RFC 4314 --- */

#define ACL_RIGHTS     "lrswipkxtea"
#define ACL_RIGHTS_MAX 16
/* Bit N is letter N of ACL_RIGHTS.  "c" and "d" of RFC 2086 stand for "k" and "xte". */
#define ACL_LOOKUP          1u
#define ACL_READ            2u
#define ACL_SEEN            4u
#define ACL_WRITE           8u
#define ACL_INSERT          16u
#define ACL_POST            32u
#define ACL_CREATE          64u
#define ACL_DELETE          128u
#define ACL_DELETE_MESSAGES 256u
#define ACL_EXPUNGE         512u
#define ACL_ADMIN           1024u
#define ACL_ALL             2047u
/* False for a letter that is no right.  Neither suspends. */
bool acl_parse(struct view letters, unsigned *rights) MUST_CHECK;
void acl_format(unsigned rights, char out[ACL_RIGHTS_MAX]);

/* A login name, "anyone", or one of these with "-" in front (rights taken away). */
struct acl_entry {
    struct view identifier;
    unsigned rights;
};
/* The owner's entry, with all rights, comes first. */
enum store_result account_acl_get(struct account *a, struct view name,
                                  struct arena *arena, struct acl_entry **out, size_t *n,
                                  struct error *e) MUST_CHECK;
/* RIGHTS 0 removes the entry.  The owner's entry cannot change (STORE_CANNOT). */
enum store_result account_acl_set(struct account *a, struct view name,
                                  struct view identifier, unsigned rights,
                                  struct error *e) MUST_CHECK;
/* What USER may do with mailbox NAME; a mailbox that does not exist yet has the rights of
 * the nearest one above it.  Reads the folder file when it changed; does not suspend. */
unsigned account_rights(struct account *a, struct view name, struct view user);

/* --- annotations, RFC 5464 --- */

struct account_entry {
    struct view name, value; /* "/private/comment"; any bytes */
};
/* NAME empty: of the server, as this account sees it.  Private and shared entries are
 * both the owner's. ENTRY in lower case. */
enum store_result account_metadata_get(struct account *a, struct view name,
                                       struct arena *arena, struct account_entry **out,
                                       size_t *n, struct error *e) MUST_CHECK;
/* VALUE with p == NULL removes.  STORE_LIMIT: larger than metadata_size, or too many. */
enum store_result account_metadata_set(struct account *a, struct view name,
                                       struct view entry, struct view value,
                                       struct error *e) MUST_CHECK;

/* --- quota --- */

struct account_quota {
    uint64_t bytes, bytes_limit; /* limits: 0 none */
    uint64_t messages, messages_limit;
};
/* Bytes as they lie in files.  Maildir: kept in "maildirsize", which other programs of
 * the Maildir++ family keep, too. */
enum store_result account_quota(struct account *a, struct account_quota *out,
                                struct error *e) MUST_CHECK;
/* Would MESSAGES more with BYTES fit?  STORE_OVERQUOTA with a text otherwise. */
enum store_result account_quota_check(struct account *a, uint64_t bytes,
                                      uint64_t messages, struct error *e) MUST_CHECK;

/* --- changes, for NOTIFY --- */

struct account_listener {
    struct list_link link;
    /* Mailboxes came, went, changed name or subscription or metadata; NAME the mailbox.
     * Called by whoever changed it: must not suspend, and must not call the account. */
    void (*changed)(struct account_listener *l, struct view name);
};
void account_listen(struct account *a, struct account_listener *l);
void account_unlisten(struct account_listener *l);

/* --- care --- */

/* Forget the index of PLACE and make it again from the files: UIDs and flags that are
 * still readable in the old one, in the folder file, in dovecot-uidlist or X-UID are
 * kept. For `diligence store rebuild`. */
enum store_result store_rebuild(const struct place *place, struct error *e) MUST_CHECK;

#endif
