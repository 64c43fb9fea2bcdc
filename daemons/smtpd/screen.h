/* screen - postscreen(8) inside smtpd: who may talk to the SMTP server at all
 *
 * A process that master starts for a `postscreen` line tests clients before the banner.
 * A client that waits costs a sleeping fiber.  screen.c has the course of a test,
 * screen_setup.c the settings, screen_dnsbl.c the DNS lists, screen_memory.c what is
 * remembered of clients, screen_engine.c the dialogue with those who get no server.
 * Source: postscreen(8), POSTSCREEN_README.
 */
#ifndef SMTPD_SCREEN_H
#define SMTPD_SCREEN_H

#include "session.h"

struct screen;

/* The settings of postscreen_...; NULL with *E.  The process says "postscreen" in its own
 * lines, and SERVER's are those of the server behind.  SESSIONS: most sessions that this
 * process may have behind the tests; 0: no limit. */
struct screen *screen_new(const struct conf *c, unsigned sessions, struct error *e);
void screen_free(struct screen *s);
/* In the loop: begin to sweep what is remembered. */
void screen_start(struct screen *s);
/* The file's directory, for the sandbox; NULL: none.  In A. */
const char *screen_writable(struct arena *a, const struct conf *c);

/* Test the client of S, at PEER.  True: it may talk to the server, and screen_leave()
 * must follow; false: all was said.  May suspend. */
bool screen_admits(struct screen *screen, struct session *s, struct net_address *peer);
void screen_leave(struct screen *screen);

#endif
