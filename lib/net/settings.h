/* settings - what main.cf says of the network as a whole
 *
 * Set once at the start of a program (service, commands); nothing here suspends.
 */
#ifndef NET_SETTINGS_H
#define NET_SETTINGS_H

#include "base/view.h"

#include <stdint.h>

/* enable_idna2003_compatibility: names with sharp s and the like become what they were
 * before IDNA2008. */
void net_set_idna2003(bool on);
bool net_uses_idna2003(void);
/* tcp_windowsize: bytes of send and receive buffer of TCP sockets; 0 leaves them to the
 * system. */
void net_set_window(int bytes);
/* Give socket FD, not yet connected or listening, that window. */
void net_apply_window(int fd);
/* known_tcp_ports: "smtp=25, smtps=submissions=465"; these names need no services(5).
 * False with the first malformed element in *BAD; those before it count. */
bool net_set_known_ports(struct view list, struct view *bad);
/* The port of NAME among them; 0 when it is not. */
uint16_t net_known_port(struct view name);

#endif
