/* setup - the shared part of the client, made from the configuration */
#ifndef SMTP_SETUP_H
#define SMTP_SETUP_H

#include "client.h"

/* Open tables and lists for the service S; NULL with *E for a mistake in the
 * configuration.  May ask the system for its addresses. */
struct client *client_new(struct service *s, struct error *e);
/* For tests: let all go; no delivery may run. */
void client_free(struct client *c);

#endif
