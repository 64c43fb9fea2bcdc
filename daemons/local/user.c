/* user - look-ups in the password database
 *
 * They may ask the network (NSS), so a worker thread does them.
 */
#include "local.h"

#include "base/memory.h"
#include "run/thread.h"

#include <errno.h>
#include <pwd.h>

#define BUFFER_BYTES ((size_t)64 * 1024)

struct lookup {
    const char *name; /* NULL: by number */
    uid_t uid;
    struct passwd entry, *found;
    char *buffer;
    int failed; /* errno */
};

/* In a worker thread. */
static void look_up(void *arg)
{
    struct lookup *l = arg;

    if (l->name)
        l->failed = getpwnam_r(l->name, &l->entry, l->buffer, BUFFER_BYTES, &l->found);
    else
        l->failed = getpwuid_r(l->uid, &l->entry, l->buffer, BUFFER_BYTES, &l->found);
}

/* Errors with which some libraries say that there is no such user. */
static bool means_unknown(int err)
{
    return err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM;
}

enum user_result user_find(struct arena *a, struct view name, uid_t uid,
                           struct identity *out, struct error *e)
{
    struct lookup l = {.uid = uid, .buffer = memory_alloc(BUFFER_BYTES)};
    enum user_result result = USER_FOUND;

    if (name.n > 0)
        l.name = arena_cstr(a, name);
    thread_run(look_up, &l);
    if (l.found) {
        *out = (struct identity){.uid = l.entry.pw_uid,
                                 .gid = l.entry.pw_gid,
                                 .name = arena_dup(a, view_of(l.entry.pw_name)),
                                 .home = arena_dup(a, view_of(l.entry.pw_dir)),
                                 .shell = arena_dup(a, view_of(l.entry.pw_shell))};
    } else if (means_unknown(l.failed)) {
        result = USER_UNKNOWN;
    } else {
        errno = l.failed;
        error_set_errno(e, "4.3.0", "error looking up passwd info for %.*s",
                        VIEW_FMT(name));
        result = USER_ERROR;
    }
    memory_free(l.buffer);
    return result;
}

bool user_read(const char *name, struct identity *out)
{
    const struct passwd *pw = getpwnam(name);

    if (!pw)
        return false;
    *out = (struct identity){.uid = pw->pw_uid,
                             .gid = pw->pw_gid,
                             .name = view_of(memory_cstr(pw->pw_name)),
                             .home = view_of(memory_cstr(pw->pw_dir)),
                             .shell = view_of(memory_cstr(pw->pw_shell))};
    return true;
}
