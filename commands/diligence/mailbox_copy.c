/* mailbox_copy - import, export, backup and restore: between a user's mailboxes and files
 *
 * The other side is opened as an account too, whatever its format; its index lies in a
 * temporary directory, so that nothing is written beside foreign mail.  A backup keeps
 * its index: a message that it has (by EMAILID) is not copied again, and one that its
 * owner deletes stays.
 */
#include "mailbox.h"

#include "base/memory.h"
#include "message/header.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The other side. */
struct other {
    struct account *account;
    char temporary[32]; /* directory of its index; "" none */
};

static const struct {
    const char *name;
    enum place_format format;
} formats[] = {{"maildir", PLACE_MAILDIR}, {"mbox", PLACE_MBOX}, {"mh", PLACE_MH}};

static bool make_temporary(struct other *o, struct error *e)
{
    snprintf(o->temporary, sizeof o->temporary, "/tmp/diligence.XXXXXX");
    if (mkdtemp(o->temporary))
        return true;
    error_set_errno(e, "4.3.0", "cannot make a temporary directory");
    o->temporary[0] = '\0';
    return false;
}

/* A single mbox file is the INBOX of an account without other folders; a path that is not
 * there becomes one when ONE mailbox is to go there. */
static void place_of_file(struct mail_user *u, struct place *p, bool one,
                          const char *temporary)
{
    struct stat st;
    bool is_there = stat(p->root, &st) == 0;

    if (p->format != PLACE_MBOX || (is_there ? S_ISDIR(st.st_mode) : !one))
        return;
    p->inbox = p->root;
    p->root = arena_printf(u->arena, "%s/folders", temporary).p;
}

/* PATH from the root; NULL when the current directory is gone. */
static const char *absolute(struct mail_user *u, struct view path)
{
    if (path.p[0] == '/')
        return arena_cstr(u->arena, path);
    char *here = getcwd(NULL, 0);
    const char *whole =
        here ? arena_printf(u->arena, "%s/%.*s", here, VIEW_FMT(path)).p : NULL;
    free(here);
    return whole;
}

/* "mbox:/path", made absolute. */
static bool parse_place(struct mail_user *u, const char *text, struct place *p,
                        struct error *e)
{
    struct view format, path;

    *p = *account_place(u->account);
    if (view_cut(view_of(text), ':', &format, &path) && path.n > 0) {
        for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
            if (!view_eq(format, view_of(formats[i].name)))
                continue;
            p->format = formats[i].format;
            p->root = absolute(u, path);
            p->inbox = NULL;
            p->quota_bytes = p->quota_messages = 0;
            return p->root != NULL;
        }
    }
    error_set(e, "5.5.4", "%s: maildir:PATH, mbox:PATH or mh:PATH was expected", text);
    return false;
}

/* Open what TEXT names. ONE: a single mailbox is to go there. */
static bool other_open(struct mail_user *u, const char *text, bool must_exist, bool one,
                       struct other *o, struct error *e)
{
    struct place p;

    *o = (struct other){0};
    if (!parse_place(u, text, &p, e))
        return false;
    if (must_exist && access(p.root, F_OK) < 0) {
        error_set_errno(e, "5.5.4", "%s", p.root);
        return false;
    }
    if (!make_temporary(o, e))
        return false;
    place_of_file(u, &p, one, o->temporary);
    p.index = o->temporary;
    return account_open(&p, &o->account, e) == STORE_OK;
}

/* Remove a directory and the files and empty directories in it. */
static void remove_directory(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *entry;

    while (d && (entry = readdir(d)) != NULL) {
        if (unlinkat(dirfd(d), entry->d_name, 0) < 0)
            (void)unlinkat(dirfd(d), entry->d_name, AT_REMOVEDIR);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static void other_close(struct other *o)
{
    if (o->account)
        account_close(o->account);
    account_close_unused();
    if (o->temporary[0])
        remove_directory(o->temporary);
}

/* --- copying --- */

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The EMAILIDs of BOX in order. */
static uint64_t *email_ids(struct mail_user *u, struct mailbox *box, size_t *n)
{
    *n = mailbox_count(box);
    uint64_t *ids = arena_alloc_array(u->arena, *n + 1, sizeof ids[0]);

    for (size_t i = 0; i < *n; i++)
        ids[i] = mailbox_at(box, i)->email_id;
    qsort(ids, *n, sizeof ids[0], compare_ids);
    return ids;
}

/* The messages of FROM, all or those that TO has not; their number. */
static size_t choose(struct mail_user *u, struct mailbox *from, struct mailbox *to,
                     bool only_new, uint32_t **uids)
{
    size_t n = 0, n_there;
    const uint64_t *there = email_ids(u, to, &n_there);

    *uids = arena_alloc_array(u->arena, mailbox_count(from) + 1, sizeof **uids);
    for (size_t i = 0; i < mailbox_count(from); i++) {
        const struct mailbox_message *m = mailbox_at(from, i);
        if (!only_new ||
            !bsearch(&m->email_id, there, n_there, sizeof there[0], compare_ids))
            (*uids)[n++] = m->uid;
    }
    return n;
}

static bool copy_box(struct mail_user *u, struct mailbox *from, struct mailbox *to,
                     bool only_new, struct error *e)
{
    struct mailbox_copied copied = {0};
    uint32_t *uids;
    size_t n = choose(u, from, to, only_new, &uids);

    if (n > 0 && mailbox_copy(from, uids, n, to, u->arena, &copied, e) != STORE_OK)
        return false;
    struct view name = mailbox_name(to);
    printf("%.*s: %zu of %zu messages copied\n", VIEW_FMT(name), copied.n,
           mailbox_count(from));
    return true;
}

/* Open NAME of A; it is made when it is not there. */
static bool open_or_create(struct account *a, struct view name, struct mailbox **box,
                           struct error *e)
{
    enum store_result r = mailbox_open(a, name, box, e);

    if (r != STORE_NONEXISTENT)
        return r == STORE_OK;
    error_clear(e);
    return account_create(a, name, SPECIAL_NONE, e) == STORE_OK &&
           account_subscribe(a, name, true, e) == STORE_OK &&
           mailbox_open(a, name, box, e) == STORE_OK;
}

static bool copy_folder(struct mail_user *u, struct account *from, struct view from_name,
                        struct account *to, struct view to_name, bool only_new,
                        struct error *e)
{
    struct mailbox *source, *target;

    if (mailbox_open(from, from_name, &source, e) != STORE_OK)
        return false;
    bool is_copied = open_or_create(to, to_name, &target, e);
    if (is_copied) {
        is_copied = copy_box(u, source, target, only_new, e);
        mailbox_close(target);
    }
    mailbox_close(source);
    return is_copied;
}

/* Below ABOVE (may be empty): INBOX is ABOVE itself. */
static struct view name_below(struct mail_user *u, struct view above, struct view name)
{
    if (above.n == 0)
        return name;
    if (view_eq(name, VIEW("INBOX")))
        return above;
    return arena_printf(u->arena, "%.*s/%.*s", VIEW_FMT(above), VIEW_FMT(name));
}

static bool copy_all(struct mail_user *u, struct account *from, struct account *to,
                     struct view below, bool only_new, struct error *e)
{
    struct account_folder *folders;
    size_t n;

    if (account_list(from, u->arena, &folders, &n, e) != STORE_OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (folders[i].exists &&
            !copy_folder(u, from, folders[i].name, to,
                         name_below(u, below, folders[i].name), only_new, e))
            return false;
    }
    return true;
}

/* --- the words --- */

bool mailbox_import(struct mail_user *u, struct error *e)
{
    struct view below = VIEW_NONE;
    struct other o;
    bool is_done = (u->argc < 2 || mailbox_own_name(u, u->argv[1], &below, e)) &&
                   other_open(u, u->argv[0], true, false, &o, e);

    if (is_done) {
        is_done = copy_all(u, o.account, u->account, below, false, e);
        other_close(&o);
    }
    return is_done;
}

/* With a name that mailbox alone, as INBOX of the other side. */
bool mailbox_export(struct mail_user *u, struct error *e)
{
    struct view name = VIEW_NONE;
    struct other o;

    if ((u->argc > 1 && !mailbox_own_name(u, u->argv[1], &name, e)) ||
        !other_open(u, u->argv[0], false, name.n > 0, &o, e))
        return false;
    bool is_done =
        name.n > 0 ? copy_folder(u, u->account, name, o.account, VIEW("INBOX"), false, e)
                   : copy_all(u, u->account, o.account, VIEW_NONE, false, e);
    other_close(&o);
    return is_done;
}

/* DIRECTORY/USER is a Maildir with an index of its own. */
static bool backup_open(struct mail_user *u, bool must_exist, struct account **out,
                        struct error *e)
{
    struct place p = *account_place(u->account);

    if (view_has(u->name, '/')) {
        error_set(e, "5.5.4", "a backup cannot be called %.*s", VIEW_FMT(u->name));
        return false;
    }
    p.format = PLACE_MAILDIR;
    p.inbox = p.index = NULL;
    p.quota_bytes = p.quota_messages = 0;
    p.root =
        absolute(u, arena_printf(u->arena, "%s/%.*s", u->argv[0], VIEW_FMT(u->name)));
    if (!p.root) {
        error_set_errno(e, "5.5.4", "%s", u->argv[0]);
        return false;
    }
    if (must_exist && access(p.root, F_OK) < 0) {
        error_set_errno(e, "5.5.4", "%s", p.root);
        return false;
    }
    return account_open(&p, out, e) == STORE_OK;
}

bool mailbox_backup(struct mail_user *u, struct error *e)
{
    struct account *kept;

    if (!backup_open(u, false, &kept, e))
        return false;
    bool is_done = copy_all(u, u->account, kept, VIEW_NONE, true, e);
    account_close(kept);
    return is_done;
}

/* The messages of BOX with that Message-ID. */
static bool find_message(struct mail_user *u, struct mailbox *box, struct view id,
                         uint32_t **uids, size_t *n, struct error *e)
{
    *n = 0;
    *uids = arena_alloc_array(u->arena, mailbox_count(box) + 1, sizeof **uids);
    for (size_t i = 0; i < mailbox_count(box); i++) {
        uint32_t uid = mailbox_at(box, i)->uid;
        struct mailbox_bytes bytes;
        enum store_result r = mailbox_bytes(box, uid, &bytes, e);
        if (r == STORE_EXPUNGED)
            continue;
        if (r != STORE_OK)
            return false;
        if (view_eq(message_header_value(bytes.v, VIEW("Message-ID")), id))
            (*uids)[(*n)++] = uid;
        mailbox_bytes_release(&bytes);
    }
    if (*n == 0)
        error_set(e, "5.5.4", "the backup has no message %.*s there", VIEW_FMT(id));
    return *n > 0;
}

static bool restore_from(struct mail_user *u, struct mailbox *kept, struct view name,
                         struct error *e)
{
    struct mailbox_copied copied;
    struct mailbox *box;
    uint32_t *uids;
    size_t n;

    if (!find_message(u, kept, view_of(u->argv[2]), &uids, &n, e) ||
        !open_or_create(u->account, name, &box, e))
        return false;
    bool is_done = mailbox_copy(kept, uids, n, box, u->arena, &copied, e) == STORE_OK;
    if (is_done)
        printf("%.*s: %zu messages restored\n", VIEW_FMT(name), copied.n);
    mailbox_close(box);
    return is_done;
}

bool mailbox_restore(struct mail_user *u, struct error *e)
{
    struct account *account;
    struct mailbox *kept;
    struct view name;
    bool is_done = false;

    if (!mailbox_own_name(u, u->argv[1], &name, e) || !backup_open(u, true, &account, e))
        return false;
    if (mailbox_open(account, name, &kept, e) == STORE_OK) {
        is_done = restore_from(u, kept, name, e);
        mailbox_close(kept);
    }
    account_close(account);
    return is_done;
}
