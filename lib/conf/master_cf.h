/* master_cf - read master.cf
 *
 * Source: master(5).  All service types (inet, unix, unix-dgram, fifo, pass), eight
 * columns,
 * "-" defaults, continuation lines, -o with and without spaces, { } quoting.
 */
#ifndef CONF_MASTER_CF_H
#define CONF_MASTER_CF_H

#include "base/arena.h"
#include "base/error.h"

enum service_type {
    SERVICE_INET,
    SERVICE_UNIX,
    SERVICE_UNIX_DGRAM,
    SERVICE_FIFO,
    SERVICE_PASS
};

struct master_service {
    struct view name; /* "smtp", "127.0.0.1:2525", "pickup" */
    enum service_type type;
    bool is_private, unprivileged, chroot;
    int64_t wakeup;           /* seconds, 0 never */
    bool wakeup_only_if_used; /* "?" behind the number */
    int maxproc;              /* 0: no limit; -1: "-", default_process_limit */
    struct view command;      /* program name: "smtpd" */
    struct view *args;        /* without the -o pairs and -v/-D/-i, in order */
    size_t n_args;
    const char **overrides; /* "name=value" from -o */
    size_t n_overrides;
    int verbose;       /* count of -v */
    bool debug;        /* -D */
    unsigned line;     /* in master.cf */
    unsigned replaces; /* line of an earlier service of this name and type; 0 */
};
struct master_cf {
    struct master_service *items;
    size_t n;
};
/* Read DIRECTORY/master.cf into arena A; *E with file:line. */
bool master_cf_load(const char *directory, struct arena *a, struct master_cf *out,
                    struct error *e) MUST_CHECK;
/* The same from TEXT; PATH is for errors. */
bool master_cf_parse(const char *path, struct view text, struct arena *a,
                     struct master_cf *out, struct error *e) MUST_CHECK;
/* "inet", "unix" ... */
const char *master_service_type_name(enum service_type type);
/* Is S switched off by LIST (master_service_disable): "inet" for all of a type,
 * "smtp/inet" or "smtp.inet" for one, "!" in front for what is left on?  The first match
 * counts. */
bool master_service_is_disabled(const struct master_service *s, struct view list);
/* NAME/TYPE as in "smtp/inet" or NAME alone (first of any type); NULL when absent. */
const struct master_service *master_cf_find(const struct master_cf *m, struct view name);

#endif
