/* lock_files - the file tree, locked by Landlock
 *
 * By system calls and numbers of our own: libc has no functions for it, and the
 * kernel headers that we are built with may be older than the kernel.
 * See landlock(7) and Documentation/userspace-api/landlock.rst.
 */
#include "sandbox/locks.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As of ABI 6; a kernel of an older one takes the longer form when the rest is 0. */
struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};

enum {
    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_NET = 4,
    ABI_IOCTL = 5,
    ABI_SCOPES = 6,
};
#define FS_ALL_OF_ABI_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER        (UINT64_C(1) << 13)
#define FS_TRUNCATE     (UINT64_C(1) << 14)
#define FS_IOCTL_DEV    (UINT64_C(1) << 15)
#define NET_ALL         UINT64_C(3) /* TCP: bind, connect */
#define SCOPE_ALL       UINT64_C(3) /* abstract UNIX sockets, signals */

#define FS_READ     ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define FS_NOT_EXEC (~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE)
#define FS_DEVICES                                                                       \
    ((uint64_t)(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK))
/* What can be said of a file that is no directory. */
#define FS_OF_FILES                                                                      \
    ((uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |             \
                LANDLOCK_ACCESS_FS_READ_FILE) |                                          \
     FS_TRUNCATE | FS_IOCTL_DEV)

/* What libc, OpenSSL and libunbound open when they please. */
static const char *const always_readable[] = {
    "/dev/urandom",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/lib",
    "/lib64",
    "/sys/devices/system/cpu",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/dns",
    "/usr/share/zoneinfo",
    NULL,
};
static const char *const always_writable[] = {"/dev/null", NULL};

/* All rights that the kernel of this ABI knows. */
static struct ruleset known_rights(int abi)
{
    struct ruleset r = {.files = FS_ALL_OF_ABI_1};

    if (abi >= ABI_REFER)
        r.files |= FS_REFER;
    if (abi >= ABI_TRUNCATE)
        r.files |= FS_TRUNCATE;
    if (abi >= ABI_NET)
        r.net = NET_ALL;
    if (abi >= ABI_IOCTL)
        r.files |= FS_IOCTL_DEV;
    if (abi >= ABI_SCOPES)
        r.scoped = SCOPE_ALL;
    return r;
}

/* Allow RIGHTS on PATH and below.  What is not there needs no right. */
static bool allow_path(int ruleset, const char *path, uint64_t rights, struct error *e)
{
    struct landlock_path_beneath_attr rule = {.parent_fd =
                                                  open(path, O_PATH | O_CLOEXEC)};
    struct stat st;
    bool done = false;

    if (rule.parent_fd < 0) {
        log_debug("sandbox: %s: %s", path, strerror(errno));
        return true;
    }
    if (fstat(rule.parent_fd, &st) < 0) {
        error_set_errno(e, "4.3.5", "sandbox: %s", path);
        goto out;
    }
    rule.allowed_access = S_ISDIR(st.st_mode) ? rights : rights & FS_OF_FILES;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) <
        0) {
        error_set_errno(e, "4.3.5", "sandbox: rule for %s", path);
        goto out;
    }
    done = true;
out:
    close(rule.parent_fd);
    return done;
}

static bool allow_paths(int ruleset, const char *const *paths, uint64_t rights,
                        struct error *e)
{
    for (; paths && *paths; paths++)
        if (!allow_path(ruleset, *paths, rights, e))
            return false;
    return true;
}

/* All paths of PROFILE and those that every program needs. */
static bool add_rules(int ruleset, const struct sandbox_profile *profile, uint64_t known,
                      struct error *e)
{
    uint64_t writing = known & FS_NOT_EXEC & ~FS_DEVICES & ~FS_IOCTL_DEV;

    return allow_paths(ruleset, always_readable, FS_READ, e) &&
           allow_paths(ruleset, always_writable, writing, e) &&
           allow_paths(ruleset, profile->readable, FS_READ, e) &&
           allow_paths(ruleset, profile->writable, writing, e);
}

bool lock_files(const struct sandbox_profile *profile, struct error *e)
{
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);

    if (abi < 1) {
        log_debug("sandbox: this kernel has no Landlock: files are not locked");
        return true;
    }
    struct ruleset handled = known_rights(abi);
    if (profile->network)
        handled.net = 0;
    if (profile->may_fork)
        handled.scoped = 0; /* children may have been there before */
    int fd = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (fd < 0) {
        error_set_errno(e, "4.3.5", "sandbox: Landlock");
        return false;
    }
    bool done = add_rules(fd, profile, handled.files, e);
    if (done && syscall(SYS_landlock_restrict_self, fd, 0) < 0) {
        error_set_errno(e, "4.3.5", "sandbox: Landlock");
        done = false;
    }
    close(fd);
    return done;
}
