/* lock_calls - the system calls, locked by seccomp
 *
 * A list of what is allowed, in groups that a profile switches on.  Any other
 * call fails with EPERM, as a library takes with grace; what only an intruder
 * would call ends the process.  Names that this processor or libseccomp does not
 * know are passed over.  On a kernel that logs (-v), refusals are in its log.
 */
#include "sandbox/locks.h"

#include "base/log.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Memory, time, threads, descriptors that are open, reading, UNIX sockets. */
static const char *const always_allowed[] = {
    /* memory */
    "brk",
    "madvise",
    "membarrier",
    "memfd_create",
    "mincore",
    "mlock",
    "mlock2",
    "mmap",
    "mprotect",
    "mremap",
    "msync",
    "munlock",
    "munmap",
    /* time */
    "alarm",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "getitimer",
    "gettimeofday",
    "nanosleep",
    "setitimer",
    "time",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    "times",
    /* threads, signals to oneself */
    "arch_prctl",
    "exit",
    "exit_group",
    "futex",
    "get_robust_list",
    "gettid",
    "pause",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "sigreturn",
    "tgkill",
    /* who and where am I */
    "capget",
    "getcpu",
    "getcwd",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "getuid",
    "prctl",
    "prlimit64",
    "setrlimit",
    "sysinfo",
    "umask",
    "uname",
    /* events */
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "poll",
    "ppoll",
    "pselect6",
    "select",
    "signalfd",
    "signalfd4",
    /* open descriptors */
    "close",
    "close_range",
    "copy_file_range",
    "dup",
    "dup2",
    "dup3",
    "fadvise64",
    "fallocate",
    "fcntl",
    "fdatasync",
    "flock",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "lseek",
    "pipe",
    "pipe2",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readv",
    "sendfile",
    "splice",
    "sync_file_range",
    "syncfs",
    "tee",
    "vmsplice",
    "write",
    "writev",
    /* finding and opening: which files is Landlock's and the kernel's business */
    "access",
    "chdir",
    "creat",
    "faccessat",
    "faccessat2",
    "fchdir",
    "fgetxattr",
    "getdents",
    "getdents64",
    "lstat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "readlink",
    "readlinkat",
    "stat",
    "statfs",
    "statx",
    /* sockets; socket() itself depends on the family */
    "accept",
    "accept4",
    "bind",
    "connect",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "socketpair",
    /* a child may lock itself in more tightly */
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "seccomp",
    NULL,
};

/* Changing the file tree: profiles with a writable path. */
static const char *const writers_allowed[] = {
    "chmod",     "fchmod",  "fchmodat",  "futimesat", "link",     "linkat",
    "mkdir",     "mkdirat", "mknod",     "mknodat",   "rename",   "renameat",
    "renameat2", "rmdir",   "symlink",   "symlinkat", "truncate", "unlink",
    "unlinkat",  "utime",   "utimensat", "utimes",    NULL,
};

/* Children. */
static const char *const forkers_allowed[] = {
    "fork",
    "kill",
    "pidfd_open",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "setpgid",
    "setsid",
    "vfork",
    "wait4",
    "waitid",
    NULL,
};

/* Acting for others. */
static const char *const id_changers_allowed[] = {
    "capset",    "chown",    "chroot", "fchown",    "fchownat", "lchown",
    "setfsgid",  "setfsuid", "setgid", "setgroups", "setregid", "setresgid",
    "setresuid", "setreuid", "setuid", NULL,
};

/* Nobody calls these by mistake. */
static const char *const deadly[] = {
    "bpf",
    "delete_module",
    "execve",
    "execveat",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "init_module",
    "kexec_file_load",
    "kexec_load",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "reboot",
    "setns",
    "swapoff",
    "swapon",
    "umount",
    "umount2",
    "unshare",
    "userfaultfd",
    NULL,
};

static const unsigned long ioctls_allowed[] = {
    FIONREAD,     FIONBIO,     FIOCLEX,     TCGETS,  TIOCOUTQ,
    SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFCONF, FICLONE, FICLONERANGE,
};

/* With these a clone is more than a child. */
#define NAMESPACES                                                                       \
    ((uint64_t)(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS |            \
                CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS))

/* Give each call of NAMES the ACTION; 0 or a negative errno. */
static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
    for (; *names; names++) {
        int number = seccomp_syscall_resolve_name(*names);
        int code =
            number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);
        /* -EDOM: known by name, but not on this processor. */
        if (code < 0 && code != -EDOM)
            return code;
    }
    return 0;
}

/* socket(2) by address family. */
static int add_sockets(scmp_filter_ctx filter, bool network)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    int code = 0;

    for (size_t i = 0; i < (network ? 4 : 1) && code == 0; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
    return code;
}

static int add_ioctls(scmp_filter_ctx filter)
{
    int code = 0;

    for (size_t i = 0; i < sizeof ioctls_allowed / sizeof ioctls_allowed[0] && code == 0;
         i++)
        code =
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls_allowed[i]));
    return code;
}

/* Threads for all, children for some.  The flags of clone3(2) are out of sight of a
 * filter; libc falls back to clone(2) when it seems not to be there. */
static int add_clones(scmp_filter_ctx filter, bool may_fork)
{
    int code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    if (code == 0 && may_fork)
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES, 0));
    if (code == 0)
        code = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
            SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES | CLONE_THREAD, CLONE_THREAD));
    return code;
}

/* All rules of PROFILE; 0 or a negative errno. */
static int add_all(scmp_filter_ctx filter, const struct sandbox_profile *profile)
{
    int code = add_names(filter, SCMP_ACT_ALLOW, always_allowed);

    if (code == 0)
        code = add_names(filter, SCMP_ACT_KILL_PROCESS, deadly);
    if (code == 0)
        code = add_sockets(filter, profile->network);
    if (code == 0)
        code = add_ioctls(filter);
    if (code == 0)
        code = add_clones(filter, profile->may_fork);
    if (code == 0 && profile->writable && profile->writable[0])
        code = add_names(filter, SCMP_ACT_ALLOW, writers_allowed);
    if (code == 0 && profile->may_fork)
        code = add_names(filter, SCMP_ACT_ALLOW, forkers_allowed);
    if (code == 0 && profile->may_change_ids)
        code = add_names(filter, SCMP_ACT_ALLOW, id_changers_allowed);
    return code;
}

bool lock_calls(const struct sandbox_profile *profile, struct error *e)
{
    if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL) {
        log_debug("sandbox: this kernel has no seccomp: system calls are not locked");
        return true;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int code = filter ? 0 : -ENOMEM;
    if (code == 0) /* threads that a library has started are locked in as well */
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (code == 0) /* a binary tree: each call of the program goes through it */
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (code == 0 && log_verbose > 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    if (code == 0)
        code = add_all(filter, profile);
    if (code == 0)
        code = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    if (code < 0) {
        errno = -code;
        error_set_errno(e, "4.3.5", "sandbox: seccomp");
    }
    return code == 0;
}
