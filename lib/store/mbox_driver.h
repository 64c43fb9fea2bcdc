/* mbox_driver - what the files of the mbox driver share
 *
 * mbox_text.c the form, mbox_file.c the locked file, mbox_scan.c what is there,
 * mbox_change.c flags, expunge, new messages, mbox_folders.c the files of an account.
 */
#ifndef STORE_MBOX_DRIVER_H
#define STORE_MBOX_DRIVER_H

#include "store/driver.h"
#include "store/mbox_text.h"

#include <sys/stat.h>

/* One message of the file; key is what the rest of lib/store knows it by. */
struct mbox_item {
    struct mbox_entry entry;
    char *key;      /* fingerprint and count of its kind */
    char *keywords; /* as the file has them */
};
struct mbox_state {
    struct stat stamp; /* of the file when it was last read or written */
    bool is_known;     /* the stamp means something */
    bool is_sure;      /* nothing can have changed in the same tick */
    bool has_items;
    int64_t scanned_at;
    struct mbox_item *items;
    size_t n, cap;
    struct hash *by_key;         /* index + 1 */
    uint32_t validity, last_uid; /* X-IMAPbase */
    bool has_pseudo;
    char *journal; /* path */
};

/* The file, locked; blocks.  fd -1: there is none, which is an empty mailbox. */
struct mbox_file {
    struct mailbox *mailbox;
    int fd;
    bool has_dotlock;
};
/* Open and lock, finish what was begun.  CREATE makes a missing file. */
enum store_result mbox_file_open(struct mbox_file *f, struct mailbox *b, bool create,
                                 struct error *e) MUST_CHECK;
void mbox_file_close(struct mbox_file *f);
/* Is the file as the state knows it? */
bool mbox_file_is_current(const struct mbox_file *f);
/* Parse what changed; the items are right then. */
enum store_result mbox_file_read(struct mbox_file *f, bool whole,
                                 struct error *e) MUST_CHECK;
/* The bytes FROM to TO. */
bool mbox_file_bytes(const struct mbox_file *f, uint64_t from, uint64_t to,
                     struct str *out) MUST_CHECK;
/* After a change of our own: the stamp of now. */
void mbox_file_note(struct mbox_file *f);
void mbox_forget_items(struct mbox_state *s);
struct mbox_item *mbox_item(const struct mbox_state *s, const char *key);

enum store_result mbox_prepare(struct account *a, struct error *e);
enum store_result mbox_list(struct account *a,
                            void (*fn)(struct view name, bool no_inferiors, void *arg),
                            void *arg, struct error *e);
bool mbox_accepts(const struct account *a, struct view name);
bool mbox_path(const struct account *a, struct view name, struct str *out);
bool mbox_exists(const struct account *a, struct view name);
bool mbox_parse_subscription(const struct account *a, struct view line, struct str *out);
enum store_result mbox_create(struct account *a, struct view name, struct error *e);
enum store_result mbox_remove(struct account *a, struct view name, struct error *e);
enum store_result mbox_rename(struct account *a, struct view from, struct view to,
                              struct error *e);
enum store_result mbox_usage(struct account *a, uint64_t *bytes, uint64_t *messages,
                             struct error *e);
enum store_result mbox_flag(struct mailbox *b, struct flag_item *items, size_t n,
                            struct error *e);
enum store_result mbox_expunge(struct mailbox *b, struct remove_item *items, size_t n,
                               struct error *e);
enum store_result mbox_create_part(struct mailbox *b, struct part *p, struct error *e);
void mbox_name_part(struct mailbox *b, struct part *p);
enum store_result mbox_publish(struct mailbox *b, struct part *parts, size_t n,
                               struct error *e);

#endif
