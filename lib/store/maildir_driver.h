/* maildir_driver - what the files of the Maildir driver share
 *
 * maildir_folders.c the folders, maildir_scan.c what is there, maildir_change.c flags and
 * expunge, maildir_new.c new files, maildir_keywords.c letters of keywords,
 * maildir_import.c UIDs of other servers.
 */
#ifndef STORE_MAILDIR_DRIVER_H
#define STORE_MAILDIR_DRIVER_H

#include "store/driver.h"
#include "store/maildir_key.h"

#include <time.h>

enum { MAILDIR_LETTERS = 26 };

struct maildir_state {
    struct timespec new_time, cur_time; /* mtimes at the last scan */
    bool is_known;                      /* they mean something */
    bool is_sure; /* nothing can have changed in the same tick of the clock */
    int64_t scanned_at;
    /* dovecot-keywords */
    struct timespec letters_time;
    bool has_letters;
    char *letters[MAILDIR_LETTERS]; /* names; NULL: free */
};

/* The times of new/ and cur/ now: false when one is not there. */
bool maildir_times(const struct mailbox *b, struct timespec *new_time,
                   struct timespec *cur_time) MUST_CHECK;
/* Has nobody changed the directories since we last looked?  Before a change of our own.
 */
bool maildir_is_settled(const struct mailbox *b);
/* After that change: take the new times for known when it WAS_SETTLED. */
void maildir_note_own(struct mailbox *b, bool was_settled);
/* Path of a message. */
void maildir_message_path(const struct mailbox *b, const char *key, struct str *out);
/* A base that no other file has; "E..." in it when EMAIL_ID is not 0. */
void maildir_unique(const struct mailbox *b, uint64_t email_id, struct str *out);

/* Rename, but never over another file; 0, or -1 with errno. */
int maildir_rename_file(const char *from, const char *to);

/* Read dovecot-keywords when it changed; new names become keywords of B. */
void maildir_letters_read(struct mailbox *b);
/* The letters (bit 0 is "a") of KEYWORDS; letters are given to those that have none. */
uint32_t maildir_letters_of(struct mailbox *b, uint64_t keywords);
/* Keyword bits for letters. */
uint64_t maildir_keywords_of(const struct mailbox *b, struct view letters);
/* All bits that have letters. */
uint64_t maildir_keywords_known(const struct mailbox *b);
void maildir_letters_forget(struct maildir_state *s);

/* UIDs by base, as Dovecot or Courier left them: keys of the hash are bases, values the
 * UID as (void *)(uintptr_t).  NULL: there are none. */
struct hash *maildir_import(const struct mailbox *b, uint32_t *uidvalidity,
                            uint32_t *uidnext);
/* The same from the text of such a file; false when it is none. */
bool maildir_import_dovecot(struct view text, struct hash *uids, uint32_t *uidvalidity,
                            uint32_t *uidnext) MUST_CHECK;
bool maildir_import_courier(struct view text, struct hash *uids, uint32_t *uidvalidity,
                            uint32_t *uidnext) MUST_CHECK;

/* The functions of the driver. */
enum store_result maildir_prepare(struct account *a, struct error *e);
enum store_result maildir_list(struct account *a,
                               void (*fn)(struct view name, bool no_inferiors, void *arg),
                               void *arg, struct error *e);
bool maildir_accepts(const struct account *a, struct view name);
bool maildir_path(const struct account *a, struct view name, struct str *out);
bool maildir_exists(const struct account *a, struct view name);
bool maildir_parse_subscription(const struct account *a, struct view line,
                                struct str *out);
enum store_result maildir_create(struct account *a, struct view name, struct error *e);
enum store_result maildir_remove(struct account *a, struct view name, struct error *e);
enum store_result maildir_rename(struct account *a, struct view from, struct view to,
                                 struct error *e);
enum store_result maildir_usage(struct account *a, uint64_t *bytes, uint64_t *messages,
                                struct error *e);
bool maildir_is_unchanged(struct mailbox *b);
enum store_result maildir_scan(struct mailbox *b, bool whole, struct scan *s,
                               struct error *e);
bool maildir_part_ways(struct mailbox *b, const char *key, const char *other);
bool maildir_describe(struct mailbox *b, struct found *f);
enum store_result maildir_read(struct mailbox *b, const struct mailbox_message *m,
                               struct mailbox_bytes *out, struct error *e);
void maildir_keyword_added(struct mailbox *b, unsigned bit);
enum store_result maildir_flag(struct mailbox *b, struct flag_item *items, size_t n,
                               struct error *e);
enum store_result maildir_expunge(struct mailbox *b, struct remove_item *items, size_t n,
                                  struct error *e);
enum store_result maildir_create_part(struct mailbox *b, struct part *p, struct error *e);
enum store_result maildir_link_part(struct mailbox *from, const struct mailbox_message *m,
                                    struct mailbox *b, struct part *p, bool move,
                                    struct error *e);
void maildir_name_part(struct mailbox *b, struct part *p);
enum store_result maildir_publish(struct mailbox *b, struct part *parts, size_t n,
                                  struct error *e);
void maildir_unpublish(struct mailbox *b, struct view key);

#endif
