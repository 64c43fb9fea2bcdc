/* hosts_rules - the rules of hosts.allow and hosts.deny
 *
 *     daemons : clients [ : allow | : deny ]
 *
 * Lists of patterns with blanks or commas between them: names, addresses, .domain,
 * network prefixes ("192.0.2."), net/mask and net/length, [IPv6]/length, * and ?, "/file"
 * with more of them, ALL, LOCAL, KNOWN, UNKNOWN, PARANOID, and EXCEPT.  A daemon may be
 * "daemon@host", host being the address that the client connected to.
 *
 * What would need another program or network (user@host, @netgroup, spawn, twist and the
 * other options) is a fault.  A pattern at fault never lets anybody in: in a rule that
 * denies it fits everybody, in one that grants nobody, and behind EXCEPT the other way
 * round.  A rule with a bad option denies.  Pure but for the reader of files; source:
 * hosts_access(5), hosts_options(5).
 */
#ifndef ACCESS_HOSTS_RULES_H
#define ACCESS_HOSTS_RULES_H

#include "base/arena.h"
#include "base/error.h"

/* Longest line, with its continuations; what is longer is a fault, and denies. */
#define HOSTS_LINE_MAX 65536

/* Who asks for which service. */
struct hosts_client {
    const struct view *services; /* names that mean the service: "smtpd", "submission" */
    size_t n_services;
    struct view name;           /* verified; "unknown" else */
    bool is_paranoid;           /* there is a name, and it does not lead back */
    struct view address;        /* "192.0.2.1", "2001:db8::1" */
    struct view server_address; /* where it connected to; may be empty */
};

struct hosts_reader {
    /* A line that cannot be understood, or part of it; NULL: nobody wants to know. */
    void (*fault)(void *arg, unsigned line, const char *text);
    /* The text of the file PATH, in A; false with *E.  NULL: files are faults. */
    bool (*read)(void *arg, struct view path, struct arena *a, struct view *text,
                 struct error *e);
    void *arg;
};

struct hosts_rule {
    unsigned line;    /* in the file, from 1 */
    struct view text; /* as it was written, lines joined */
    bool denies;
};

struct hosts_rules;
/* Never NULL: what is wrong with TEXT is told to HOW.  IS_DENY_FILE: what rules without
 * an option mean. */
struct hosts_rules *hosts_rules_parse(struct view text, bool is_deny_file,
                                      const struct hosts_reader *how);
void hosts_rules_free(struct hosts_rules *r);
/* The first rule that fits, which lives as long as R; NULL: none. */
const struct hosts_rule *hosts_rules_find(const struct hosts_rules *r,
                                          const struct hosts_client *client);

#endif
