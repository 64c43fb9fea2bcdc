/* maildir_find - recognise a delivery that was made before a crash
 *
 * A reader of mail may have moved it from new/ to cur/ and put flags behind its name; so
 * names are compared up to the host.  Only deliveries that may be repetitions come here,
 * since it reads whole directories.
 */
#include "store/maildir_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The part of NAME that tells the delivery: time, queue ID, recipient. */
static struct view identity(const char *name)
{
    struct view v = view_of(name);
    size_t first = view_find(v, '.');
    size_t second =
        first == VIEW_NPOS ? VIEW_NPOS : view_find(view_from(v, first + 1), '.');

    return second == VIEW_NPOS ? v : view_sub(v, 0, first + second + 2);
}

/* Is the file NAME in PART as long as it ought to be?  A torn one goes away. */
static bool is_whole(int part, const char *name, uint64_t size)
{
    struct stat st;

    if (fstatat(part, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if ((uint64_t)st.st_size >= size)
        return true;
    unlinkat(part, name, 0);
    return false;
}

/* Look through one of the two directories. */
static bool find_in(int dir, const char *part, struct view wanted, uint64_t size)
{
    int fd = openat(dir, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    bool found = false;
    struct dirent *entry;

    if (!d) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while (!found && (entry = readdir(d)) != NULL)
        if (view_starts(view_of(entry->d_name), wanted))
            found = is_whole(dirfd(d), entry->d_name, size);
    closedir(d);
    return found;
}

bool maildir_find(int dir, struct maildir_delivery *m)
{
    struct view wanted = identity(m->name);
    uint64_t size = m->headers.n + m->content.size;

    /* new/ first: what moves meanwhile moves from new/ to cur/. */
    m->was_there = find_in(dir, "new", wanted, size) || find_in(dir, "cur", wanted, size);
    return m->was_there;
}
