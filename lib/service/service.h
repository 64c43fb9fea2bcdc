/* service - what every daemon does around its own matter
 *
 * A daemon's main() fills in a struct service_program and calls service_main():
 * arguments, configuration with -o overrides, log, inherited sockets, privileges, sandbox,
 * loop, reload, retirement.  Started by master (environment below) or by hand from
 * inetd-like hands (-s/-S where a program offers it).
 *
 * master passes: DILIGENCE_SOCKETS "name:name:..." (listening descriptors 3, 4, ... in that
 * order), DILIGENCE_STATUS (descriptor of a SEQPACKET pair to master), DILIGENCE_LOG (descriptor of
 * the log file, append-only, when maillog_file is set).  Command line: PROGRAM -n SERVICE
 * -t inet|unix|... -c CONFIG_DIRECTORY [-o name=value]... [-v] [-D] [program's own arguments].
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "base/error.h"
#include "conf/conf.h"
#include "net/listen.h"
#include "sandbox/sandbox.h"

struct service_socket {
    const char *name; /* "smtp", "qmgr", "showq" */
    int fd;
};

struct service {
    const struct service_program *program;
    const char *name;         /* service name in master.cf ("submission", "relay") */
    const char *transport;    /* for delivery agents: same as name */
    const struct conf *conf;  /* changes in program->reload only */
    struct service_socket *sockets;
    size_t n_sockets;
    const char *const *args;  /* program's own arguments (pipe: flags=, user=, argv=) */
    size_t n_args;
    bool is_root;             /* the instance was started by root (before the drop) */
    void *state;              /* the program's own */
};

struct service_program {
    const char *name; /* "smtpd"; log tag is syslog_name/name (or /service/name) */
    /* Who it becomes when started as root. */
    enum { SERVICE_AS_MAIL_OWNER, SERVICE_AS_ROOT } user;
    /* Before privileges are dropped and the sandbox closes: open what needs rights. */
    bool (*prepare)(struct service *s, struct error *e);
    /* Fill in what it may touch afterwards; NULL: no sandbox (programs that fork as users). */
    void (*sandbox)(struct service *s, struct sandbox_profile *profile);
    /* In the loop, as a fiber: start own fibers. May suspend. */
    bool (*start)(struct service *s, struct error *e);
    /* Each connection on any of the sockets; NULL when start serves the sockets itself.
     * SOCKET tells which.  Owns fd.  Runs as a fiber. */
    void (*session)(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer);
    /* SIGHUP/reload: NULL means the process stops accepting, ends its sessions and exits; master starts a
     * new one.  A program that owns state takes over NEW in place instead (false: keeps the old one). */
    bool (*reload)(struct service *s, const struct conf *fresh, struct error *e);
    /* SIGTERM: finish quickly (flush, close); then the process exits.  May suspend; 5 s at most. */
    void (*stop)(struct service *s);
};

/* Returns the exit status of the process. */
int service_main(int argc, char **argv, const struct service_program *program);
/* Ask for a clean end of this process (max_use reached ...): stops accepting, waits for sessions. */
void service_retire(struct service *s);

#endif
