/* user_file - the text of the table of logins, changed while it is in use
 *
 * "name {SCHEME}hash" lines, as postmap(1) reads them.  A change keeps comments and
 * order, holds off other changes by a lock, and puts the new text, and the index made
 * from it, in place by renaming: readers see the old or the new table, whole.
 */
#ifndef AUTH_USER_FILE_H
#define AUTH_USER_FILE_H

#include "base/arena.h"
#include "conf/conf.h"

#define USER_FILE_MAX ((size_t)64 << 20)

struct user_file {
    const struct conf *conf;
    struct view type; /* "hash", "lmdb", "texthash" ... */
    const char *path; /* of the text */
};

/* The first table of auth_password_maps that has a text; the names live in A.  False with
 * *E: there is none. */
bool user_file_find(const struct conf *c, struct arena *a, struct user_file *out,
                    struct error *e) MUST_CHECK;

enum user_change {
    USER_ADD,    /* must not be there yet */
    USER_CHANGE, /* must be there */
    USER_REMOVE  /* likewise; the stored value is not looked at */
};
/* Change the entry of NAME to STORED.  A missing file is made, readable by its owner and
 * group.  False with *E, and nothing has changed. */
bool user_file_change(const struct user_file *f, enum user_change change,
                      struct view name, struct view stored, struct error *e) MUST_CHECK;
/* Call FN for each entry, in order. */
bool user_file_list(const struct user_file *f,
                    void (*fn)(struct view name, struct view stored, void *arg),
                    void *arg, struct error *e) MUST_CHECK;
/* A name that an entry can have: a login name without white space, that is no comment. */
bool user_file_is_name(struct view name);

#endif
