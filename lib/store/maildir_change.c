/* maildir_change - flags by renaming, expunge by unlinking */
#include "base/memory.h"
#include "store/maildir_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int maildir_rename_file(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(from, to) < 0)
        return -1;
    return unlink(from);
}

/* The letters that KEY has now. */
static struct view letters_in(struct view key)
{
    struct maildir_key k;

    return maildir_key_parse(view_from(key, 4), &k) ? k.flags : VIEW_NONE;
}

/* The name of item I with its new flags; OTHER_BASE when its own is taken. */
static void new_key(struct mailbox *b, const struct flag_item *i, bool other_base,
                    struct str *out)
{
    struct view key = view_of(i->m->key);

    str_set(out, VIEW("cur/"));
    if (other_base)
        maildir_unique(b, i->m->email_id, out);
    else
        str_add(out, maildir_key_base(key));
    maildir_flags_format(i->flags, maildir_letters_of(b, i->keywords), letters_in(key),
                         out);
}

/* Is TO the very file FROM, seen twice? */
static bool is_same_file(const char *from, const char *to)
{
    struct stat x, y;

    return stat(from, &x) == 0 && stat(to, &y) == 0 && x.st_ino == y.st_ino &&
           x.st_dev == y.st_dev;
}

bool maildir_part_ways(struct mailbox *b, const char *key, const char *other)
{
    struct str from = STR_INIT(PATH_MAX), to = STR_INIT(PATH_MAX), name = STR_INIT(1024);
    struct view colon = view_of(key);
    struct stat st;
    size_t at = view_find(colon, ':');

    maildir_message_path(b, key, &from);
    maildir_message_path(b, other, &to);
    /* A file that is being moved may be seen under both names. */
    bool ok = stat(str_cstr(&to), &st) == 0 && stat(str_cstr(&from), &st) == 0 &&
              !is_same_file(str_cstr(&from), str_cstr(&to));
    str_add(&name, view_sub(colon, 0, 4));
    maildir_unique(b, 0, &name);
    str_add(&name, at == VIEW_NPOS ? VIEW_NONE : view_from(colon, at));
    maildir_message_path(b, str_cstr(&name), &to);
    ok = ok && maildir_rename_file(str_cstr(&from), str_cstr(&to)) == 0;
    str_done(&from);
    str_done(&to);
    str_done(&name);
    return ok;
}

static int move_file(struct mailbox *b, struct flag_item *i, struct str *key,
                     struct str *from, struct str *to)
{
    maildir_message_path(b, i->m->key, from);
    new_key(b, i, false, key);
    if (view_eq(str_view(key), view_of(i->m->key)))
        return 0;
    maildir_message_path(b, str_cstr(key), to);
    if (maildir_rename_file(str_cstr(from), str_cstr(to)) == 0)
        return 0;
    if (errno != EEXIST)
        return -1;
    if (is_same_file(str_cstr(from), str_cstr(to)))
        return unlink(str_cstr(from));
    /* Another message has this base: part with it. */
    new_key(b, i, true, key);
    maildir_message_path(b, str_cstr(key), to);
    return maildir_rename_file(str_cstr(from), str_cstr(to));
}

enum store_result maildir_flag(struct mailbox *b, struct flag_item *items, size_t n,
                               struct error *e)
{
    struct str key = STR_INIT(1024), from = STR_INIT(PATH_MAX), to = STR_INIT(PATH_MAX);
    bool settled = maildir_is_settled(b);
    enum store_result r = STORE_OK;

    for (size_t i = 0; i < n && r == STORE_OK; i++) {
        struct flag_item *item = &items[i];
        if (move_file(b, item, &key, &from, &to) == 0) {
            memory_free(item->m->key);
            item->m->key = memory_cstr(str_cstr(&key));
            item->state = CHANGE_DONE;
        } else if (errno == ENOENT) {
            item->state = CHANGE_GONE;
        } else {
            r = store_failed(e, "cannot rename %s", str_cstr(&from));
        }
    }
    maildir_note_own(b, settled);
    str_done(&key);
    str_done(&from);
    str_done(&to);
    return r;
}

enum store_result maildir_expunge(struct mailbox *b, struct remove_item *items, size_t n,
                                  struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    bool settled = maildir_is_settled(b);
    enum store_result r = STORE_OK;

    for (size_t i = 0; i < n && r == STORE_OK; i++) {
        maildir_message_path(b, items[i].m->key, &path);
        if (unlink(str_cstr(&path)) == 0)
            items[i].state = CHANGE_DONE;
        else if (errno == ENOENT)
            items[i].state = CHANGE_GONE;
        else
            r = store_failed(e, "cannot remove %s", str_cstr(&path));
    }
    maildir_note_own(b, settled);
    str_done(&path);
    return r;
}
