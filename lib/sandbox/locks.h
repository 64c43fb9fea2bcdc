/* locks - the two halves of sandbox_enter() */
#ifndef SANDBOX_LOCKS_H
#define SANDBOX_LOCKS_H

#include "sandbox/sandbox.h"

/* Landlock: the file tree; TCP where the kernel can. */
bool lock_files(const struct sandbox_profile *profile, struct error *e) MUST_CHECK;
/* seccomp: the system calls. */
bool lock_calls(const struct sandbox_profile *profile, struct error *e) MUST_CHECK;

#endif
