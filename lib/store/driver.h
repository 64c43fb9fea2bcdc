/* driver - what a format of mailboxes (Maildir, mbox, MH) does for lib/store
 *
 * Mailbox code knows messages by key, a text of the driver's; the driver knows files. All
 * of these are called with the mailbox locked and may suspend, except where it is said.
 * Private to lib/store.
 */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "store/mailbox_private.h"

/* A message as a scan found it. */
struct found {
    char *key;
    /* What stays the same when flags change or the file moves between new and cur: a part
     * of key. */
    struct view identity;
    uint32_t flags;
    uint64_t keywords;       /* bits of the mailbox */
    uint64_t keywords_known; /* those bits that the files can tell */
    uint32_t uid;            /* that the files give; 0 none */
    bool is_double;          /* another item of this scan is the same message */
    /* By describe(), or the scan itself: */
    int64_t received;
    uint64_t size, file_size, email_id;
    uint64_t order; /* new messages get UIDs by uid, then this, then key */
};
struct scan {
    struct found *items;
    size_t n, cap;
    /* A message whose key starts with one of these was looked for; NULL: all were. */
    const char *part;
    uint32_t uidvalidity, uidnext; /* that the files give; 0 none */
    bool is_sure;                  /* nothing can have changed since unnoticed */
};
/* Append a zeroed item. */
struct found *scan_add(struct scan *s);

/* One new message on its way into a mailbox. */
struct part {
    char *temporary; /* path of the file with its bytes; NULL: none */
    int fd;          /* open for writing, or -1 */
    char *source;    /* instead of a file of its own: path of the message it is linked or
                        moved from */
    bool moves;      /* the source goes away */
    struct mailbox_message m; /* flags, keywords (bits of the target), received, sizes,
                                 email id; key: set by name_part() */
};

enum change_state { CHANGE_WAITING, CHANGE_DONE, CHANGE_GONE };
struct flag_item {
    struct mailbox_message *m;
    uint32_t uid;
    uint32_t flags;
    uint64_t keywords;
    enum change_state state;
};
struct remove_item {
    struct mailbox_message *m;
    enum change_state state;
};

struct store_driver {
    const char *name;

    /* --- account --- */
    /* Make what must be there. */
    enum store_result (*prepare)(struct account *a, struct error *e);
    /* FN for each mailbox that exists. */
    enum store_result (*list)(struct account *a,
                              void (*fn)(struct view name, bool no_inferiors, void *arg),
                              void *arg, struct error *e);
    /* Can there be such a name?  Does not suspend. */
    bool (*accepts)(const struct account *a, struct view name);
    /* Path of the mailbox.  Does not suspend. */
    bool (*path)(const struct account *a, struct view name, struct str *out);
    bool (*exists)(const struct account *a, struct view name);
    /* The name on a line of another program's list of subscriptions.  Does not suspend.
     */
    bool (*parse_subscription)(const struct account *a, struct view line,
                               struct str *out);
    enum store_result (*create)(struct account *a, struct view name, struct error *e);
    enum store_result (*remove)(struct account *a, struct view name, struct error *e);
    /* One mailbox, without children (unless they lie inside). */
    enum store_result (*rename)(struct account *a, struct view from, struct view to,
                                struct error *e);
    /* Sum of all messages. */
    enum store_result (*usage)(struct account *a, uint64_t *bytes, uint64_t *messages,
                               struct error *e);

    /* expunge() is worth its while only for all messages at once. */
    bool expunges_whole;
    /* A move within an account renames files: link_part() with MOVE never refuses. */
    bool moves_files;

    /* --- mailbox --- */
    void *(*open)(struct mailbox *b);
    void (*close)(struct mailbox *b);
    /* Is all as at the last scan?  Cheap; does not suspend. */
    bool (*is_unchanged)(struct mailbox *b);
    /* Find what is there; WHOLE: all of it, whatever seems unchanged. */
    enum store_result (*scan)(struct mailbox *b, bool whole, struct scan *s,
                              struct error *e);
    /* What the scan remembers between processes; neither suspends. */
    void (*save)(struct mailbox *b, struct str *out);
    void (*restore)(struct mailbox *b, struct view saved);
    struct view (*identity)(struct view key);
    /* Two files have one identity: give the one of KEY another, when it is not the same
     * file as that of OTHER; true when it has.  NULL: cannot happen.  Does not suspend.
     */
    bool (*part_ways)(struct mailbox *b, const char *key, const char *other);
    /* Dates and sizes of a new message; false when it is gone.  Does not suspend. */
    bool (*describe)(struct mailbox *b, struct found *f);
    /* All bytes of M into OUT->v, allocated with memory_alloc as OUT->owned.  ENOENT: it
     * is gone or has another name. */
    enum store_result (*read)(struct mailbox *b, const struct mailbox_message *m,
                              struct mailbox_bytes *out, struct error *e);
    /* The mailbox has a new keyword; tell the files where they can hold it. */
    void (*keyword_added)(struct mailbox *b, unsigned bit);
    /* Both update m->key where it changes.  Gone messages are marked. */
    enum store_result (*flag)(struct mailbox *b, struct flag_item *items, size_t n,
                              struct error *e);
    enum store_result (*expunge)(struct mailbox *b, struct remove_item *items, size_t n,
                                 struct error *e);
    /* A file for the bytes of P. */
    enum store_result (*create_part)(struct mailbox *b, struct part *p, struct error *e);
    /* The bytes of M of mailbox FROM, without copying: STORE_CANNOT when they must be
     * copied.  MOVE: M's file goes to B at publish(). */
    enum store_result (*link_part)(struct mailbox *from, const struct mailbox_message *m,
                                   struct mailbox *b, struct part *p, bool move,
                                   struct error *e);
    /* Name each part for good: key is set.  Does not suspend. */
    void (*name_part)(struct mailbox *b, struct part *p);
    /* Make the parts appear under their names, on disk; all or none. */
    enum store_result (*publish)(struct mailbox *b, struct part *parts, size_t n,
                                 struct error *e);
    /* Remove what publish() made of an earlier process that ended inside; does not
     * suspend. */
    void (*unpublish)(struct mailbox *b, struct view key);
    /* A UID was given to each: formats that keep it in the files. */
    enum store_result (*number)(struct mailbox *b, struct error *e);
    /* What inotify is to watch: the I-th path; false behind the last. */
    bool (*watched)(struct mailbox *b, unsigned i, struct str *path);
};

extern const struct store_driver driver_maildir, driver_mbox, driver_mh;

#endif
