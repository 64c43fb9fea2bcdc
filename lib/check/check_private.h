/* check_private - what the families of checks share; not for others */
#ifndef CHECK_CHECK_PRIVATE_H
#define CHECK_CHECK_PRIVATE_H

#include "check/check.h"
#include "conf/conf.h"
#include "conf/lines.h"
#include "conf/master_cf.h"

/* What the results of a table are. */
enum table_role {
    ROLE_OTHER,
    ROLE_ALIASES,    /* aliases(5) */
    ROLE_ADDRESSES,  /* canonical(5), virtual(5), generic(5) */
    ROLE_TRANSPORT,  /* transport:nexthop */
    ROLE_ACCESS,     /* access(5) */
    ROLE_HEADERS,    /* header_checks(5) of mail that comes in */
    ROLE_HEADERS_OUT /* smtp_header_checks and the like */
};

/* One table that some setting names. */
struct table_use {
    struct view spec;    /* "hash:/etc/aliases" */
    struct view type;    /* "hash" */
    struct view setting; /* "alias_maps", "check_client_access" */
    const char *file;    /* the text: "/etc/aliases" */
    enum table_role role;
    const char *path; /* of the file that names it */
    unsigned line;
};

/* main.cf as one service sees it. */
struct check_scene {
    const struct conf *conf;
    const struct master_service *service; /* NULL: main.cf itself */
};

struct check {
    const struct check_request *request;
    struct arena *arena;
    struct check_findings *out;
    size_t cap;
    const char *main_path, *master_path;
    struct conf *conf; /* read leniently; NULL: its syntax is broken */
    struct master_cf services;
    bool has_services;
    struct check_scene *scenes; /* main.cf, then each service with -o of its own */
    size_t n_scenes;
    struct table_use *tables;
    size_t n_tables, cap_tables;
};

void check_found(struct check *k, enum check_severity severity, const char *path,
                 unsigned line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* --- walking a text line by line: spaces.c --- */
/* The lines as they stand, before continuation joins them. */
struct spaces {
    struct view rest;
    unsigned line;  /* of what was found */
    bool has_first; /* a line without white space in front came before */
};
/* The next line with white space in front that is neither empty nor a comment; its text
 * without it in *CONTENT.  False at the end. */
bool spaces_next(struct spaces *s, struct view *content);

/* --- helpers: check.c --- */
/* The line of main.cf that sets P; 0 when none does. */
unsigned check_line_of(const struct conf *c, enum parameter p);
/* Where SCENE's value of P stands: file in *PATH, line. */
unsigned check_place_of(const struct check *k, const struct check_scene *scene,
                        enum parameter p, const char **path);
/* Edits between A and B, case apart; more than LIMIT is as good as LIMIT + 1. */
size_t check_distance(struct view a, struct view b, size_t limit);
/* Has master.cf a service that runs COMMAND? */
bool check_has_command(const struct check *k, struct view command);
/* The nearest of the N WORDS to WORD when it is near enough to be meant, else empty. */
struct view check_nearest(struct view word, const struct view *words, size_t n);

/* --- the families --- */
/* check_syntax.c: lines of main.cf that cannot be read.  Needs no conf. */
void check_syntax(struct check *k);
/* check_names.c: names and what the readers noticed. */
void check_names(struct check *k);
/* check_values.c: comments in values, the greeting, address forms. */
void check_values(struct check *k);
/* check_table_uses.c: which tables are named; fills k->tables. */
void check_collect_tables(struct check *k);
/* check_tables.c: missing, misnamed and stale tables. */
void check_tables(struct check *k);
/* check_text.c: lines of "key value" and alias files. */
void check_table_texts(struct check *k);
/* check_patterns.c: rules of regexp, pcre and cidr files. */
void check_patterns(struct check *k);
/* check_actions.c: is TEXT a result that access(5) or header_checks(5) knows? */
void check_action(struct check *k, enum table_role role, const char *path, unsigned line,
                  struct view text);
/* check_restrictions.c: unknown, unreachable and doubled restrictions. */
void check_restrictions(struct check *k);
/* check_relay.c: may strangers relay? */
void check_relay(struct check *k);
/* check_services.c: programs of master.cf, names of transports. */
void check_services(struct check *k);
/* Does transport or "transport:nexthop" TEXT name a service? */
void check_transport(struct check *k, const char *path, unsigned line,
                     struct view setting, struct view text);
/* check_aliases.c: postmaster, loops, files and programs that aliases name. */
void check_aliases(struct check *k);
/* check_hosts.c: hosts.allow and hosts.deny. */
void check_hosts(struct check *k);
/* check_logins.c: AUTH without passwords, TLS or use. */
void check_logins(struct check *k);
/* check_owners.c: owners that an instance of an ordinary user cannot give. */
void check_owners(struct check *k);
/* check_tls.c: certificates that end. */
void check_tls(struct check *k);
/* check_rights.c: owners and modes of the configuration. */
void check_rights(struct check *k);

#endif
