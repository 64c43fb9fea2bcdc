/* sandbox - a program locks itself in after its start
 *
 * Each program names what it will still need in one struct sandbox_profile and
 * calls sandbox_enter() once, after it has opened its sockets and dropped its
 * rights and before it serves anybody or starts threads.  Then Landlock guards
 * the file tree and seccomp the system calls, with or without root.  A kernel
 * without Landlock costs one debug line.  Under sanitizers and valgrind, which
 * need calls of their own, nothing is locked.  docs/decisions/0002-sandbox.md.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/error.h"

struct sandbox_profile {
    const char *name; /* of the program; for log lines */
    /* Lists of paths, each ended by NULL; a list may be NULL.  A directory stands
     * for all below it.  A rule follows the inode: for a file that is replaced by
     * renaming (an indexed table), name its directory.  What does not exist at
     * this moment is left out with a debug line. */
    const char *const *readable;
    const char *const *writable; /* read, write, create, rename, remove */
    bool network;                /* IPv4 and IPv6 sockets */
    bool may_fork;               /* children that go on in C, signals to them */
    bool may_change_ids;         /* setuid, setgid, chown: agents that act for a user */
    /* Runs programs of the administrator or of a user.  They inherit every lock
     * and may well need set-gid helpers, so nothing is locked at all: to be used
     * by programs that face no network.  Their children that do not run a
     * program enter a tighter profile of their own. */
    bool may_exec;
};

/* Lock in; raise the soft limit of open files (not with may_exec: programs inherit
 * it).  False with *E set when a lock that the kernel offers cannot be had: the
 * caller ends.  What always stays readable: libraries, time zones, certificates,
 * hosts, resolv.conf and their kin, /dev/null, /dev/urandom.  Who looks up accounts
 * names /etc: passwd is replaced by renaming. */
bool sandbox_enter(const struct sandbox_profile *profile, struct error *e) MUST_CHECK;
/* False in programs that sandbox_enter() leaves open: sanitizers, valgrind. */
bool sandbox_is_active(void);
/* Raise the soft limit of open files to the hard one, a million at most; the limit
 * now. */
size_t sandbox_raise_open_files(void);

#endif
