/* privileges - giving up root, for good or for a while */
#include "sandbox/privileges.h"

#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What privileges_back() goes back to. */
static struct {
    bool away;
    gid_t gid;
    gid_t *groups;
    int n_groups;
} before;

bool privileges_are_root(void)
{
    return geteuid() == 0;
}

/* Supplementary groups of USER and GID, or GID alone. */
static bool take_groups(const char *user, gid_t gid)
{
    return user ? initgroups(user, gid) == 0 : setgroups(1, &gid) == 0;
}

/* The ids are UID and GID thrice, and root cannot be had again. */
static bool is_final(uid_t uid, gid_t gid)
{
    uid_t u[3];
    gid_t g[3];

    if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
        return false;
    for (int i = 0; i < 3; i++)
        if (u[i] != uid || g[i] != gid)
            return false;
    return uid == 0 || (setuid(0) < 0 && seteuid(0) < 0);
}

bool privileges_drop_ids(uid_t uid, gid_t gid, const char *user, struct error *e)
{
    if (!privileges_are_root())
        return true;
    if (!take_groups(user, gid) || setresgid(gid, gid, gid) < 0 ||
        setresuid(uid, uid, uid) < 0) {
        error_set_errno(e, "4.3.5", "cannot become user %u, group %u", uid, gid);
        return false;
    }
    if (!is_final(uid, gid)) {
        error_set(e, "4.3.5", "root rights are not gone after becoming user %u", uid);
        return false;
    }
    return true;
}

bool privileges_drop(const char *user, const char *group, struct error *e)
{
    if (!privileges_are_root())
        return true;
    const struct passwd *account = getpwnam(user);
    if (account == NULL) {
        error_set(e, "4.3.5", "unknown user: %s", user);
        return false;
    }
    uid_t uid = account->pw_uid;
    gid_t gid = account->pw_gid;
    if (group) {
        const struct group *entry = getgrnam(group);
        if (entry == NULL) {
            error_set(e, "4.3.5", "unknown group: %s", group);
            return false;
        }
        gid = entry->gr_gid;
    }
    return privileges_drop_ids(uid, gid, user, e);
}

bool privileges_chroot(const char *directory, struct error *e)
{
    if (!privileges_are_root())
        return true;
    if (chroot(directory) < 0) {
        error_set_errno(e, "4.3.5", "chroot %s", directory);
        return false;
    }
    if (chdir("/") < 0) {
        error_set_errno(e, "4.3.5", "chdir / after chroot %s", directory);
        return false;
    }
    return true;
}

/* Note our own groups for the way back. */
static bool keep_groups(void)
{
    int n = getgroups(0, NULL);

    if (n < 0)
        return false;
    before.groups = memory_alloc_array((size_t)n + 1, sizeof *before.groups);
    before.n_groups = getgroups(n, before.groups);
    before.gid = getegid();
    return before.n_groups >= 0;
}

bool privileges_become(uid_t uid, gid_t gid, const char *user, struct error *e)
{
    assert(!before.away);
    if (!privileges_are_root()) {
        if (uid == geteuid())
            return true;
        errno = EPERM;
        error_set_errno(e, "4.3.5", "cannot act for user %u", uid);
        return false;
    }
    bool kept = keep_groups();
    before.away = true;
    if (kept && take_groups(user, gid) && setegid(gid) == 0 && seteuid(uid) == 0)
        return true;
    error_set_errno(e, "4.3.5", "cannot act for user %u, group %u", uid, gid);
    privileges_back();
    return false;
}

void privileges_back(void)
{
    if (!before.away)
        return;
    if (seteuid(0) < 0 || setegid(before.gid) < 0 ||
        setgroups((size_t)before.n_groups, before.groups) < 0)
        log_fatal("cannot return to root after acting for a user: %s", strerror(errno));
    memory_free(before.groups);
    before.groups = NULL;
    before.away = false;
}

/* --- one right of root alone --- */

static bool keeps_reading;

bool privileges_keep_reading(struct error *e)
{
    if (!privileges_are_root())
        return true;
    keeps_reading = prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0;
    if (!keeps_reading)
        error_set_errno(e, "4.3.5", "PR_SET_KEEPCAPS");
    return keeps_reading;
}

bool privileges_keep_only_reading(struct error *e)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const uint32_t bit = 1u << CAP_DAC_READ_SEARCH;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        {.effective = bit, .permitted = bit}};
    if (!keeps_reading)
        return true;
    if (syscall(SYS_capset, &header, data) == 0 &&
        prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0)
        return true;
    error_set_errno(e, "4.3.5", "cannot keep the right to read files");
    return false;
}

void privileges_hide_memory(void)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        log_warning("PR_SET_DUMPABLE: %s", strerror(errno));
}
