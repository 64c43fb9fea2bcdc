/* files - the key and certificate files that a context was made from, and their changes
 *
 * A renewed certificate is taken up without a reload: inotify tells of changes in the
 * directories, also in those that a process without rights could not look into any more,
 * since it was asked before the rights were dropped.
 */
#ifndef TLS_FILES_H
#define TLS_FILES_H

#include "base/str.h"

#define TLS_FILE_MAX ((size_t)1 << 20)

struct tls_files;
struct tls_files *tls_files_new(void);
void tls_files_free(struct tls_files *f);
/* Read PATH whole and watch it from now on.  F may be NULL: no watch.  False with
 * errno. */
bool tls_files_read(struct tls_files *f, const char *path, struct str *out)
    __attribute__((warn_unused_result));
/* From now on: call CHANGED(ARG) on a fiber once files changed and things have been quiet
 * for a second.  Needs the loop. */
void tls_files_watch(struct tls_files *f, void (*changed)(void *arg), void *arg);

#endif
