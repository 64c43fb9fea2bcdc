/* mh_driver - what the files of the MH driver share
 *
 * A folder is a directory, a message a file whose name is a number.  A message's key is
 * "NUMBER INODE.TIME.SIZE": the number may change (folder -pack), the rest says that it
 * is the same file.
 */
#ifndef STORE_MH_DRIVER_H
#define STORE_MH_DRIVER_H

#include "store/driver.h"
#include "store/mh_sequences.h"

#include <sys/stat.h>

struct mh_state {
    struct timespec folder_time, sequences_time; /* mtimes at the last scan */
    bool is_known, is_sure;
    int64_t scanned_at;
};

/* The number in KEY; 0 when it is none. */
uint32_t mh_number(const char *key);
/* The key of a file with this number. */
void mh_key(uint32_t number, const struct stat *st, struct str *out);
/* Path of the message. */
void mh_message_path(const struct mailbox *b, const char *key, struct str *out);
/* Is the file of that number still the one that KEY means? */
bool mh_is_same(const struct mailbox *b, const char *key);

bool mh_is_settled(const struct mailbox *b);
void mh_note_own(struct mailbox *b, bool was_settled);

/* Flags and keywords of message NUMBER, and back. */
uint32_t mh_flags(const struct mh_sequences *s, uint32_t number);
void mh_set_flags(const struct mailbox *b, struct mh_sequences *s, uint32_t number,
                  uint32_t flags, uint64_t keywords);
/* Read the sequences of B; what cannot be read is empty. */
void mh_read_sequences(const struct mailbox *b, struct mh_sequences *s);

enum store_result mh_flag(struct mailbox *b, struct flag_item *items, size_t n,
                          struct error *e);
enum store_result mh_expunge(struct mailbox *b, struct remove_item *items, size_t n,
                             struct error *e);
enum store_result mh_create_part(struct mailbox *b, struct part *p, struct error *e);
enum store_result mh_link_part(struct mailbox *from, const struct mailbox_message *m,
                               struct mailbox *b, struct part *p, bool move,
                               struct error *e);
void mh_name_part(struct mailbox *b, struct part *p);
enum store_result mh_publish(struct mailbox *b, struct part *parts, size_t n,
                             struct error *e);

enum store_result mh_prepare(struct account *a, struct error *e);
enum store_result mh_list(struct account *a,
                          void (*fn)(struct view name, bool no_inferiors, void *arg),
                          void *arg, struct error *e);
bool mh_accepts(const struct account *a, struct view name);
bool mh_path(const struct account *a, struct view name, struct str *out);
bool mh_exists(const struct account *a, struct view name);
bool mh_parse_subscription(const struct account *a, struct view line, struct str *out);
enum store_result mh_create(struct account *a, struct view name, struct error *e);
enum store_result mh_remove(struct account *a, struct view name, struct error *e);
enum store_result mh_rename(struct account *a, struct view from, struct view to,
                            struct error *e);
enum store_result mh_usage(struct account *a, uint64_t *bytes, uint64_t *messages,
                           struct error *e);

#endif
