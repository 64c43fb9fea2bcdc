/* key_store - the private keys that the configuration names, and what they do on request
 *
 * One set for each reading of the parameters: main.cf's, and those of services that have
 * their own (-o in master.cf).  Who asks for a set names the files; only sets of the
 * configuration are had.
 */
#ifndef TLSMGR_KEY_STORE_H
#define TLSMGR_KEY_STORE_H

#include "conf/conf.h"
#include "ipc/ipc.h"
#include "tls/files.h"

struct key_store;

/* Read all keys; what cannot be used is told to who asks for it.  With the rights of
 * root, when there are any. */
struct key_store *key_store_new(const struct conf *c);
void key_store_free(struct key_store *s);
/* Where the files are, for the sandbox: directories, ended by NULL.  Live as long as the
 * store. */
const char *const *key_store_directories(const struct key_store *s);
/* Is there a directory here that BEFORE did not have? */
bool key_store_has_new_places(const struct key_store *s, const struct key_store *before);
/* Has any set become unusable that could be used in BEFORE?  Logged. */
bool key_store_is_worse(const struct key_store *s, const struct key_store *before);
struct tls_files *key_store_files(struct key_store *s);

/* The answer to KEYS_OF; and to KEY_USE, where BEFORE (may be NULL) has the keys of
 * certificates that some still use.  May suspend. */
struct ipc_message *key_store_keys(struct key_store *s, struct arena *a,
                                   const struct ipc_message *question);
struct ipc_message *key_store_use(struct key_store *s, struct key_store *before,
                                  struct arena *a, const struct ipc_message *question);

#endif
