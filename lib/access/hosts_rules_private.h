/* hosts_rules_private - patterns of hosts.allow and hosts.deny; not for others */
#ifndef ACCESS_HOSTS_RULES_PRIVATE_H
#define ACCESS_HOSTS_RULES_PRIVATE_H

#include "access/hosts_rules.h"
#include "net/address.h"

enum hosts_pattern_kind {
    HOSTS_ALL,
    HOSTS_LOCAL,
    HOSTS_KNOWN,
    HOSTS_UNKNOWN,
    HOSTS_PARANOID,
    HOSTS_SUFFIX, /* .domain */
    HOSTS_PREFIX, /* 192.0.2. */
    HOSTS_NETWORK,
    HOSTS_WILD, /* * and ? */
    HOSTS_EXACT,
    HOSTS_FILE,
    HOSTS_BAD_FITS, /* at fault, and fits everybody */
    HOSTS_BAD       /* at fault, and fits nobody */
};

struct hosts_patterns;
struct hosts_pattern {
    struct hosts_pattern *next;
    enum hosts_pattern_kind kind;
    struct view text;
    struct net_network network;
    struct hosts_patterns *words; /* HOSTS_FILE */
    struct hosts_pattern *host;   /* daemon@host; NULL: any */
};

/* FIRST ... EXCEPT (EXCEPT ...). */
struct hosts_patterns {
    struct hosts_pattern *first, *last;
    struct hosts_patterns *except; /* NULL: none */
};

/* What is being read. */
struct hosts_parse {
    struct arena *arena;
    const struct hosts_reader *how;
    unsigned line;
    bool bad_fits; /* what a pattern at fault means here */
    int nesting;   /* of files */
};

void hosts_fault(const struct hosts_parse *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A list of daemons or of clients. */
struct hosts_patterns *hosts_patterns_parse(struct hosts_parse *p, struct view text,
                                            bool are_daemons);
bool hosts_patterns_fit_service(const struct hosts_patterns *list,
                                const struct hosts_client *c);
bool hosts_patterns_fit_client(const struct hosts_patterns *list,
                               const struct hosts_client *c);

#endif
