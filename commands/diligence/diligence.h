/* diligence - the command that starts, stops and looks after an instance; also named
 * postfix
 *
 * main.c has the words, life.c starts and ends the system, reload.c takes up changes and
 * rolls them back, directories.c and leftovers.c know the queue directory, check.c tells
 * what is wrong; lookup.c, domain.c, reputation.c, trace.c and try.c answer questions
 * about the way of mail.
 */
#ifndef DILIGENCE_DILIGENCE_H
#define DILIGENCE_DILIGENCE_H

#include "base/arena.h"
#include "run/fiber.h"
#include "service/instance.h"

struct control {
    const struct conf *conf; /* never NULL; see is_broken */
    const char *directory;   /* of main.cf */
    bool is_broken;          /* main.cf cannot be read: conf has only the paths */
    bool is_forced;          /* -c or MAIL_CONFIG names this very instance */
    struct instance_owner owner;
    int verbose;
    bool debug; /* -D: master and daemons under debugger_command */
    int argc;   /* what stands behind the word */
    char **argv;
};

/* --- words: each returns the exit status, or ends the process with a line --- */
int start(struct control *c);
int start_in_foreground(struct control *c);
int stop(struct control *c);
int abort_system(struct control *c);
int status(struct control *c);
int reload(struct control *c);
/* "--list": what there is; a number, or nothing for the one before. */
int rollback(struct control *c);
int rotate_log(struct control *c);
int set_permissions(struct control *c);
int upgrade_configuration(struct control *c);
/* postfix-tls(1). */
int tls(struct control *c);
/* Logins of auth_password_maps. */
int user(struct control *c);
/* Mailboxes of users: folders, import and export, backup. */
int mailbox(struct control *c);
/* "rebuild USER": a new index from the files. */
int store_care(struct control *c);
int non_bdb(struct control *c);
int check(struct control *c);
/* Where mail for each argument would go. */
int lookup(struct control *c);
/* Talk to a server, and say what each reply means. */
int try_server(struct control *c);
/* What the SMTP server would say to a client, and why; nothing is sent. */
int explain(struct control *c);
/* The path of each message (files, "-"), from its Received: headers.  Needs no instance.
 */
int trace_messages(struct control *c);
/* The log as it grows, or what of it concerns one address or message. */
int watch_log(struct control *c);

/* --- the running system --- */
/* The pid of the running master; ends with status 1 when there is none. */
pid_t running_master(const struct control *c);
void signal_master(pid_t pid, int signo);
void pause_briefly(long milliseconds);

/* --- directories --- */
/* Make what is missing of the queue directory, with Postfix's owners and modes; cheap
 * when all is there. Nothing that exists is changed. */
bool directories_create(const struct control *c, struct error *e) MUST_CHECK;
/* The same, and put owners and modes right, those of set-gid commands too
 * (set-permissions). */
bool directories_repair(const struct control *c, struct error *e) MUST_CHECK;
/* Log a warning for each wrong owner or mode. */
void directories_check(const struct control *c);
/* As root: the same for the commands that run with the rights of setgid_group. */
void commands_check(const struct control *c);
/* Log a warning for damaged messages, copies for chroot that differ from the originals,
 * and files of another mail system in the queue directory. */
void leftovers_check(const struct control *c);
/* Log a warning when Postfix's own messages are in the queue; looks at MOST files of each
 * directory. */
void foreign_queue_check(const struct control *c, size_t most);

/* --- configuration --- */
/* What can be known of a main.cf that cannot be read: the paths and owners it names, as
 * far as their lines are whole.  Never NULL. */
struct conf *broken_conf(const char *directory);
/* Log all that lib/check finds in main.cf, master.cf and the tables.  False when programs
 * refuse to start with it. */
bool configuration_check(const struct control *c);
/* Only what makes programs refuse to start, or breaks what worked: the lines are logged
 * as errors.  How many. */
size_t configuration_errors(const struct control *c);

/* --- questions --- */
/* Does DNS lead mail for DOMAIN here? */
int check_domain(const struct control *c, const char *domain);
/* Do DNS lists hold one of our addresses, or those that ARGUMENTS (up to a NULL) name? */
int check_reputation(const struct control *c, char **arguments);
/* Our addresses that others could reach, the I'th; NULL behind the last. */
const struct net_address *own_address(const struct control *c, size_t i);
/* "1.0.10.127.ZONE", in A; 32 nibbles for IPv6. */
struct view reverse_name(struct arena *a, const struct net_address *address,
                         struct view zone);
/* Run WORK(ARG) as a fiber that may ask DNS; returns when it has ended. */
void network_run(const struct control *c, fiber_fn *work, void *arg);

#endif
