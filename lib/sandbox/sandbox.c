/* sandbox - a program locks itself in after its start */
#include "sandbox/sandbox.h"

#include "sandbox/locks.h"

#include "base/log.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifdef HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* Some systems have a hard limit of a thousand million, and tables as large. */
enum { MOST_OPEN_FILES = 1024 * 1024 };

bool sandbox_is_active(void)
{
    return !IS_SANITIZED && !RUNNING_ON_VALGRIND;
}

size_t sandbox_raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max < MOST_OPEN_FILES ? limit.rlim_max : MOST_OPEN_FILES;
    if (limit.rlim_cur <= before)
        return (size_t)before;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        log_debug("open files stay limited to %zu: %s", (size_t)before, strerror(errno));
        return (size_t)before;
    }
    return (size_t)limit.rlim_cur;
}

bool sandbox_enter(const struct sandbox_profile *profile, struct error *e)
{
    if (profile->may_exec) {
        log_debug("sandbox: %s runs programs: not locked", profile->name);
        return true;
    }
    (void)sandbox_raise_open_files();
    if (!sandbox_is_active()) {
        log_debug("sandbox: %s is under a debugging tool: not locked", profile->name);
        return true;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        error_set_errno(e, "4.3.5", "sandbox: no_new_privs");
        return false;
    }
    return lock_files(profile, e) && lock_calls(profile, e);
}
