/* check_rights - owners and modes of the configuration directory
 *
 * Whoever may write there is the mail system.  The queue's and the commands' own rights
 * are told by the command that makes them (commands/diligence/directories.c).
 */
#include "check/check_private.h"

#include <ftw.h>
#include <sys/stat.h>

enum { OPEN_DIRECTORIES = 8, DEEPEST = 4 };

/* nftw has no argument to hand over. */
static struct check *current;

static bool is_at(const char *path, enum parameter directory)
{
    return view_eq(view_of(path),
                   view_trim(conf_view(current->conf, directory), VIEW(" ")));
}

static int look_at(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    struct check *k = current;

    /* The queue and the data have owners of their own. */
    if (ftw->level > DEEPEST || is_at(path, P_queue_directory) ||
        is_at(path, P_data_directory) || is_at(path, P_mail_spool_directory))
        return FTW_SKIP_SUBTREE;
    if (type == FTW_NS || S_ISLNK(st->st_mode))
        return FTW_CONTINUE;
    if (k->request->owners && st->st_uid != 0)
        check_found(k, CHECK_WARNING, path, 0,
                    "not owned by root: %s; run: chown root %s", path, path);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        check_found(k, CHECK_WARNING, path, 0,
                    "group or other writable: %s; run: chmod go-w %s", path, path);
    return FTW_CONTINUE;
}

/* Passwords that anybody may read. */
static void check_secret(struct check *k, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & S_IROTH))
        check_found(k, CHECK_WARNING, path, 0,
                    "has passwords and everybody may read it; run: chmod o-r %s", path);
}

void check_rights(struct check *k)
{
    current = k;
    if (nftw(k->request->directory, look_at, OPEN_DIRECTORIES,
             FTW_PHYS | FTW_ACTIONRETVAL) < 0)
        check_found(k, CHECK_WARNING, k->request->directory, 0,
                    "cannot be read; check its rights");
    current = NULL;
    for (size_t i = 0; i < k->n_tables; i++) {
        if (!view_ends(k->tables[i].setting, VIEW("password_maps")))
            continue;
        check_secret(k, k->tables[i].file);
        check_secret(k, arena_printf(k->arena, "%s.db", k->tables[i].file).p);
    }
}
