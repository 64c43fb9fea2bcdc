/* deliver - one delivery by SMTP or LMTP */
#ifndef SMTP_DELIVER_H
#define SMTP_DELIVER_H

#include "client.h"

/* An agent_deliver_fn; S's state is a struct client.  May suspend. */
void smtp_deliver(struct service *s, struct delivery *d);

#endif
