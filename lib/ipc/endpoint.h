/* endpoint - where the sockets of an instance are, and which ones a program inherits
 *
 * Every service that others call has a UNIX socket (SOCK_SEQPACKET) in the queue
 * directory: public/NAME, which every program may connect to, or private/NAME, for the
 * programs of the instance alone.  master opens the listening sockets and passes them on.
 */
#ifndef IPC_ENDPOINT_H
#define IPC_ENDPOINT_H

#include "base/arena.h"
#include "base/error.h"

#include <sys/un.h>

#define ENDPOINT_PUBLIC     "public"
#define ENDPOINT_PRIVATE    "private"
#define ENDPOINT_PATH_BYTES sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* QUEUE_DIRECTORY/CLASS/NAME in BUF; NULL when that is too long for a socket or when NAME
 * is empty or has a '/'. */
const char *endpoint_path(const char *queue_directory, const char *class,
                          struct view name, char buf[ENDPOINT_PATH_BYTES]) MUST_CHECK;

/* What master tells a program in its environment. */
#define ENDPOINT_ENV_SOCKETS "DILIGENCE_SOCKETS" /* names of descriptors 3, 4, ... */
#define ENDPOINT_ENV_STATUS                                                              \
    "DILIGENCE_STATUS"                        /* descriptor: SEQPACKET pair to master    \
                                               */
#define ENDPOINT_ENV_LOG      "DILIGENCE_LOG" /* descriptor: log file */
#define ENDPOINT_ENV_SESSIONS "DILIGENCE_SESSIONS" /* most sessions at a time */
#define ENDPOINT_ENV_MAIN_CF  "DILIGENCE_MAIN_CF"  /* descriptor: main.cf in force */
#define ENDPOINT_FIRST_FD     3
#define ENDPOINT_MAX_SOCKETS  256

struct endpoint_socket {
    const char *name;
    int fd;
};
struct endpoint_inherited {
    size_t n;
    struct endpoint_socket *sockets;
    int status_fd;     /* -1: not started by master */
    int log_fd;        /* -1: none */
    int main_cf_fd;    /* the text of main.cf as master took it up; -1: none */
    unsigned sessions; /* 0: no limit said */
};
/* Read the environment and check that the descriptors are there (the sockets listening,
 * the status a socket); make them close-on-exec and take these variables out of the
 * environment.  Lives in A. */
bool endpoint_inherit(struct arena *a, struct endpoint_inherited *out,
                      struct error *e) MUST_CHECK;

#endif
