/* service - what every daemon does around its own matter
 *
 * A daemon's main() fills in a struct service_program and calls service_main():
 * arguments, configuration with -o overrides, log, inherited sockets, privileges,
 * sandbox, loop, reload, retirement.  Started by master (environment below), or by
 * `sendmail -bs` with -S and a connected socket as descriptor 0.
 *
 * master passes: DILIGENCE_SOCKETS "name name ..." (listening descriptors 3, 4, ... in
 * that order), DILIGENCE_STATUS (descriptor of a SEQPACKET pair to master), DILIGENCE_LOG
 * (descriptor of the log file, append-only, when maillog_file is set), DILIGENCE_SESSIONS
 * (most sessions at a time in this process, when master.cf limits the service).  Command
 * line: PROGRAM -n SERVICE -t inet|unix|... -c CONFIG_DIRECTORY [-o name=value]... [-v]
 * [-D] [program's own arguments]. argv[0] is the command name of master.cf: smtp is also
 * started as "lmtp", store as "virtual".
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "base/error.h"
#include "conf/conf.h"
#include "net/listen.h"
#include "sandbox/sandbox.h"

struct service_socket {
    const char
        *name; /* "smtp", "qmgr", "showq", "127.0.0.1:2525"; "-S" when standalone */
    int fd;
};

struct service {
    const struct service_program *program;
    const char *name;         /* service name in master.cf ("submission", "relay") */
    const char *process_name; /* command name in master.cf ("smtpd", "lmtp", "virtual") */
    const char *transport;    /* for delivery agents: same as name */
    const struct conf *conf;  /* changes in program->reload only */
    struct service_socket *sockets;
    size_t n_sockets;
    const char *const *args; /* program's own arguments (pipe: flags=, user=, argv=) */
    size_t n_args;
    unsigned
        max_sessions;   /* most sessions (agents: deliveries) at a time here; never 0 */
    bool is_root;       /* the instance was started by root (before the drop) */
    bool is_standalone; /* -S: one session on descriptor 0, with the caller's rights */
    bool is_retiring;   /* accepts no more; see service_retire */
    uid_t owner_uid;    /* mail_owner when is_root, else the caller */
    gid_t owner_gid;
    void *state; /* the program's own */
};

struct service_program {
    const char *name; /* "smtpd"; the log tag is syslog_name/process_name */
    /* Who it becomes when started as root. */
    enum { SERVICE_AS_MAIL_OWNER, SERVICE_AS_ROOT } user;
    /* Sessions are connections of qmgr that live as long as the process: when the process
     * retires their reading side is shut, so that the session sees the end after the last
     * request, finishes what it has and returns. */
    bool has_lasting_sessions;
    /* Before privileges are dropped and the sandbox closes: open what needs rights. */
    bool (*prepare)(struct service *s, struct error *e);
    /* Fill in what it may touch afterwards; NULL: no sandbox (programs that fork as
     * users). */
    void (*sandbox)(struct service *s, struct sandbox_profile *profile);
    /* In the loop, as a fiber: start own fibers. May suspend. */
    bool (*start)(struct service *s, struct error *e);
    /* Each connection on any of the listening sockets; NULL when start serves the sockets
     * itself, as it always does with datagram sockets. SOCKET tells which.  Owns fd. Runs
     * as a fiber. */
    void (*session)(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer);
    /* SIGHUP/reload: NULL means the process stops accepting, ends its sessions and exits;
     * master starts a new one.  A program that owns state takes over FRESH in place
     * instead (false: keeps the old one).  May suspend. */
    bool (*reload)(struct service *s, const struct conf *fresh, struct error *e);
    /* SIGTERM: finish quickly (flush, close); then the process exits.  May suspend; 5 s
     * at most. */
    void (*stop)(struct service *s);
};

/* Returns the exit status of the process. */
int service_main(int argc, char **argv, const struct service_program *program) MUST_CHECK;
/* Ask for a clean end of this process (max_use reached ...): stops accepting, waits for
 * sessions. Does not suspend. */
void service_retire(struct service *s);
/* The process cannot go on but nothing is lost: log "fatal: " TEXT and exit with status
 * 1; master starts a new one after a pause. */
void service_fail(const struct error *e) __attribute__((noreturn));

#endif
