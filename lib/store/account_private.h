/* account_private - an account as the files of lib/store see it */
#ifndef STORE_ACCOUNT_PRIVATE_H
#define STORE_ACCOUNT_PRIVATE_H

#include "run/loop.h"
#include "store/account.h"
#include "store/folder_file.h"
#include "store/index.h"

struct store_driver;

struct account {
    struct list_link link; /* among those open */
    struct arena *arena;
    struct place place;
    const struct store_driver *driver;
    char *directory; /* of index and folder file */
    char *index_path;
    unsigned references, busy;
    bool is_prepared;
    struct store_lock lock; /* over names: create, delete, rename */
    struct folder_file folders;
    struct index *index; /* NULL: not open */
    int64_t index_checked;
    uint64_t index_inode;
    int64_t index_used, closed_at; /* when */
    /* Quota: sums as last read or counted. */
    uint64_t quota_bytes, quota_messages;
    bool quota_is_known;
    int64_t quota_counted;
    struct list mailboxes; /* open ones */
    struct list listeners;
    struct timer idle; /* closes the index, then the account */
    bool has_idle_timer;
};

/* The index, opened when it is not.  May suspend. */
enum store_result account_index(struct account *a, struct index **out,
                                struct error *e) MUST_CHECK;
/* Let all open mailboxes look at the index again when another process wrote.  Does not
 * suspend. */
void account_take_up(struct account *a);
/* Tell listeners. */
void account_changed(struct account *a, struct view name);
/* Close what nobody uses, after a while. */
void account_settle(struct account *a);
/* The open mailbox of that name, or NULL. */
struct mailbox *account_open_mailbox(struct account *a, struct view name);
/* The record of mailbox NAME, which exists, made when it has none; copied out, since it
 * may not stay.  May suspend. */
struct folder_identity {
    uint64_t id;
    uint32_t uidvalidity, ceiling;
    bool is_of_this_boot;
};
enum store_result account_identity(struct account *a, struct view name,
                                   struct folder_identity *out,
                                   struct error *e) MUST_CHECK;

/* First use: take over what other programs kept, finish a rename that was begun. */
enum store_result account_begin_folders(struct account *a, struct error *e) MUST_CHECK;

/* Keep the sums of quota; does not suspend. */
void quota_add(struct account *a, int64_t bytes, int64_t messages);
/* Does a message with FLAGS in B count? */
bool quota_counts(const struct mailbox *b, uint32_t flags);
/* The sums are not known any more. */
void quota_forget(struct account *a);
/* Count now, since a whole mailbox went; blocks. */
enum store_result quota_recount(struct account *a, struct error *e) MUST_CHECK;

#endif
