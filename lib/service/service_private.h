/* service_private - the running process behind struct service; private to lib/service */
#ifndef SERVICE_SERVICE_PRIVATE_H
#define SERVICE_SERVICE_PRIVATE_H

#include "base/list.h"
#include "ipc/ipc.h"
#include "service/instance.h"
#include "service/service.h"

/* What the command line and the environment say. */
struct service_arguments {
    const char *name, *directory;
    const char *
        *overrides; /* "name=value"; the first three are service_name and the like */
    size_t n_overrides;
    const char **rest;
    size_t n_rest;
    bool is_standalone, is_debugged;
};

struct service_run {
    struct service s;
    struct service_arguments arguments;
    struct instance_owner owner;
    struct ipc *status;          /* to master; NULL when started by hand */
    struct listener **listeners; /* one per socket that program->session serves */
    struct list sessions;        /* of struct service_session */
    struct list old_confs;       /* of struct old_conf: replaced by reloads */
    struct waitq changed;        /* a session ended, or retirement began */
    uint64_t total_sessions, max_use;
    int64_t idle_since;
    struct arena *arena; /* lives as long as the process */
    int status_fd;       /* from master, until the loop has it; -1 none */
    int log_fd;          /* from master; -1 none */
    int main_cf_fd; /* the text of main.cf in force, from master; -1: read the file */
    bool is_stopping;
    int exit_status;
};

/* The service of this process. */
extern struct service_run service_self;

/* Fill in arguments, sockets, status and log from argv and environment; ends the process
 * when they are not usable. */
void service_arguments_take(struct service_run *r, int argc, char **argv);
/* Read the configuration with the overrides of this service: main.cf as master took it up
 * (docs/decisions/0007-last-good-configuration.md), the file itself when started by hand.
 */
bool service_conf_load(const struct service_run *r, struct conf **out,
                       struct error *e) MUST_CHECK;
/* Run until the process shall end; the exit status. */
int service_run(struct service_run *r);

#endif
