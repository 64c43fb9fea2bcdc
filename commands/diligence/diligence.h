/* diligence - the command that starts, stops and looks after an instance; also named
 * postfix
 *
 * main.c has the sub-commands, directories.c what start creates, check.c what check
 * tells; lookup.c, domain.c and trace.c answer questions about the way of mail.
 */
#ifndef DILIGENCE_DILIGENCE_H
#define DILIGENCE_DILIGENCE_H

#include "run/fiber.h"
#include "service/instance.h"

struct control {
    const struct conf *conf;
    struct instance_owner owner;
    int verbose;
    bool debug; /* -D: master and daemons under debugger_command */
    int argc;   /* what stands behind the sub-command */
    char **argv;
};

/* Make what is missing of the queue directory, with Postfix's owners and modes; cheap
 * when all is there. Nothing that exists is changed. */
bool directories_create(const struct control *c, struct error *e) MUST_CHECK;
/* The same, and put owners and modes right, those of set-gid commands too (set-permissions). */
bool directories_repair(const struct control *c, struct error *e) MUST_CHECK;
/* Log a warning for each wrong owner or mode. */
void directories_check(const struct control *c);
/* As root: the same for the commands that run with the rights of setgid_group. */
void commands_check(const struct control *c);

/* Log a warning for each thing in main.cf, master.cf and the tables that looks wrong.
 * False when the system could not start with it. */
bool configuration_check(const struct control *c);

/* Where mail for each argument would go. */
int lookup(const struct control *c);
/* Does DNS lead mail for DOMAIN here? */
int check_domain(const struct control *c, const char *domain);
/* The path of each message (files, "-"), from its Received: headers.  Needs no instance.
 */
int trace_messages(const struct control *c);

/* Run WORK(ARG) as a fiber that may ask DNS; returns when it has ended. */
void network_run(const struct control *c, fiber_fn *work, void *arg);

#endif
