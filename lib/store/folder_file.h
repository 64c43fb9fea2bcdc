/* folder_file - what of an account's mailboxes neither mail files nor the index can keep
 *
 * One text file: ids, UIDVALIDITY, the UID up to which numbers may have been given out,
 * special uses, subscriptions, access lists, annotations.  A line is a word and its
 * values with tabs between, in which tab, line feed and backslash are "\t", "\n", "\\".
 * It is replaced whole at each change, flushed, under a lock that other processes
 * respect. Records are good until the next call that may read or write.  Private to
 * lib/store.
 */
#ifndef STORE_FOLDER_FILE_H
#define STORE_FOLDER_FILE_H

#include "base/hash.h"
#include "store/store_private.h"

#include <sys/stat.h>

/* One line of an access list or one annotation. */
struct folder_item {
    struct folder_item *next;
    char *name;
    struct str value;
};
struct folder_record {
    char *name;
    uint64_t id; /* 0: no mailbox, only the rest */
    uint32_t uidvalidity;
    uint32_t ceiling; /* UIDs below may have been given out ... */
    char boot[40];    /* ... since this start of the machine */
    unsigned special_use;
    bool is_subscribed;
    struct folder_item *acl, *entries;
};
struct folder_file {
    char *path;
    struct hash *records;          /* by name */
    uint32_t last_validity;        /* the greatest UIDVALIDITY that was given out */
    char *rename_from, *rename_to; /* a rename that was begun; NULL */
    bool is_new;                   /* there was no file */
    struct stat stamp;
    struct store_lock lock;
    int lock_fd;
};

void folder_file_init(struct folder_file *f, const char *path);
void folder_file_done(struct folder_file *f);
/* Take up what others wrote.  Does not suspend. */
enum store_result folder_file_read(struct folder_file *f, struct error *e) MUST_CHECK;
/* NULL when there is none. */
struct folder_record *folder_file_get(const struct folder_file *f, struct view name);
/* NULL as well. */
struct folder_record *folder_file_by_id(const struct folder_file *f, uint64_t id);

/* Lock it, and read it; May suspend. */
enum store_result folder_file_begin(struct folder_file *f, struct error *e) MUST_CHECK;
/* Write and unlock.  May suspend. */
enum store_result folder_file_commit(struct folder_file *f, struct error *e) MUST_CHECK;
/* Unlock; what was changed in memory is read again next time. */
void folder_file_cancel(struct folder_file *f);

/* Between begin and commit: */
struct folder_record *folder_file_make(struct folder_file *f, struct view name);
void folder_file_remove(struct folder_file *f, struct view name);
/* Give R, which was found under its name, another name. */
void folder_file_rename(struct folder_file *f, struct folder_record *r, struct view name);
/* A mailbox begins to exist: new id and UIDVALIDITY. */
void folder_file_new_mailbox(struct folder_file *f, struct folder_record *r);
/* Set NAME in LIST to VALUE; VALUE.p NULL removes. */
void folder_item_set(struct folder_item **list, struct view name, struct view value);
struct folder_item *folder_item_get(struct folder_item *list, struct view name);

/* Parse TEXT into F, which has no records; for tests and the fuzzer, too. */
bool folder_file_parse(struct folder_file *f, struct view text);
void folder_file_format(const struct folder_file *f, struct str *out);

#endif
