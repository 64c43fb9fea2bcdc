/* auth - what the files of the client's logins share */
#ifndef SMTP_CLIENT_AUTH_H
#define SMTP_CLIENT_AUTH_H

#include "client.h"

/* auth_cache.c: logins that a server refused for good (smtp_sasl_auth_cache_name). */
struct auth_cache;
struct auth_failure {
    struct view status, text; /* "5.7.8", the server's whole reply */
};
/* NULL: none is wanted. */
struct auth_cache *auth_cache_open(const struct client *c);
void auth_cache_close(struct auth_cache *a);
/* Did USER's login at HOST fail with this very PASSWORD, not too long ago?  *OUT lives in
 * ARENA.  May suspend. */
bool auth_cache_get(struct auth_cache *a, struct view host, struct view user,
                    struct view password, struct arena *arena, struct auth_failure *out);
/* Remember that; what cannot be kept is told in the log.  May suspend. */
void auth_cache_put(struct auth_cache *a, struct view host, struct view user,
                    struct view password, const char *status, struct view text);

#endif
