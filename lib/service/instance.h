/* instance - where an instance lives, who owns it, where its log goes
 *
 * Used by service_main(), by master and by every command: the configuration directory,
 * the mail owner, the directory with our own daemons, the sinks of the log.  Nothing here
 * suspends or needs a loop.
 */
#ifndef SERVICE_INSTANCE_H
#define SERVICE_INSTANCE_H

#include "base/error.h"
#include "conf/conf.h"

#include <sys/types.h>

/* In process_id_directory: how the last reload went, "ID problem\n"; see master_reload().
 */
#define INSTANCE_RELOAD_FILE       "reload.status"
#define INSTANCE_DEFAULT_DIRECTORY "/etc/postfix"

/* --- configuration --- */
/* The configuration directory: GIVEN (-c) when not NULL, else the environment's
 * MAIL_CONFIG, else INSTANCE_DEFAULT_DIRECTORY.  A set-gid process whose caller names
 * another directory than the default needs it listed in the default main.cf
 * (alternate_config_directories, multi_instance_directories), as Postfix does.  The text
 * is absolute and static. */
const char *instance_directory(const char *given, struct error *e) MUST_CHECK;
/* First call of a command: descriptors 0 to 2 become open, or a file opened later would
 * take their place. */
void instance_keep_standard_fds(void);
/* instance_directory() and conf_load(), and MAIL_CONFIG set for children; ends the
 * process with a line that tells why when it cannot. */
const struct conf *instance_conf(const char *given);
/* The same; NULL with *E when it cannot, for commands with a status of their own. */
const struct conf *instance_try_conf(const char *given, struct error *e) MUST_CHECK;

/* --- owner --- */
struct instance_owner {
    uid_t uid, mail_uid; /* uid: the caller's when not root */
    gid_t gid;
    gid_t setgid_gid; /* setgid_group; the caller's own when not root */
    bool is_root;
};
/* As root: mail_owner and setgid_group must exist and be nobody else's; the error tells
 * how to make them.  As anybody else: the caller. */
bool instance_owner(const struct conf *c, struct instance_owner *out,
                    struct error *e) MUST_CHECK;
/* Become the owner for good (groups too); nothing to do when not root. */
bool instance_become_owner(const struct conf *c, const struct instance_owner *o,
                           struct error *e) MUST_CHECK;

/* --- programs --- */
/* The directory with our daemons (libexec/diligence), found from this executable's own
 * place. daemon_directory wins when it holds our programs; the directory of another mail
 * system is passed over (said in the log at -v). */
const char *instance_libexec(const struct conf *c);
/* Likewise the directory with our commands. */
const char *instance_bin(const struct conf *c);

/* --- log --- */
/* Open the log for process NAME: tag syslog_name/NAME, facility, and the sink that
 * main.cf says.  LOG_FD is the append-only descriptor from master, -1 when there is none:
 * then syslog. */
void instance_log_open(const struct conf *c, const char *name, int log_fd);
/* For commands, after log_set_command(): lines go to stderr and to the log.  TAG_NAME is
 * the name behind syslog_name in the log. */
void instance_log_command(const struct conf *c, const char *tag_name);
/* Open maillog_file for appending (creates it, mode 0600).  -1 with *E; -1 without error
 * when the parameter is empty.  "/dev/stdout" is descriptor 1. */
int instance_log_file(const struct conf *c, struct error *e);

/* --- network --- */
/* What main.cf says of all sockets: tcp_windowsize, known_tcp_ports,
 * enable_idna2003_compatibility. */
void instance_use_network(const struct conf *c);

/* --- sockets --- */
/* Make the queue directory the current one: sockets are named relative to it, since a
 * UNIX address holds 108 bytes only.  Ends the process when that fails. */
void instance_enter(const struct conf *c);
/* Send TRIGGER with REQUEST to CLASS/NAME ("public", "pickup") below the current
 * directory.  Never waits: false when nobody listens there or the backlog is full. */
bool instance_trigger(const char *class, const char *name, const char *request,
                      struct error *e) MUST_CHECK;
/* The process id in pid/master.pid when the lock on it is held; 0 when the system is not
 * running. */
pid_t instance_master_pid(const struct conf *c);

#endif
