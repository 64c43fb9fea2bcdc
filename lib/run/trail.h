/* trail - what the running fiber consulted on its way to a decision
 *
 * Tables, lists of names and networks, DNS, policy servers, milters and restrictions tell
 * the trail of the fiber that asks them; who wants to know hangs one up.  Without one it
 * costs a comparison.  Used by `diligence explain`, and by smtpd's log at debug level.
 */
#ifndef RUN_TRAIL_H
#define RUN_TRAIL_H

#include "base/str.h"

#include <stdbool.h>

enum trail_kind {
    TRAIL_RESTRICTION, /* WHERE the list, ASKED the restriction, ANSWER its verdict */
    TRAIL_LIST,        /* WHERE the parameter, ASKED name or address, ANSWER what fits */
    TRAIL_TABLE,       /* WHERE type:name, ASKED the key */
    TRAIL_DNS,         /* WHERE the type of record, ASKED the name */
    TRAIL_POLICY,      /* WHERE the server, ASKED what it is told, ANSWER its action */
    TRAIL_MILTER,      /* WHERE the milter, ASKED the event, ANSWER verdict or change */
    TRAIL_KINDS
};

/* One step; the views live for the call only and may hold foreign bytes. */
struct trail_step {
    enum trail_kind kind;
    struct view where, asked;
    struct view answer; /* empty: nothing was found */
    struct view reply;  /* of a refusing restriction */
    unsigned line;      /* of the rule that answered, in the table's file; 0: none */
};

struct trail {
    /* Does not suspend. */
    void (*told)(void *arg, const struct trail_step *step);
    void *arg;
};

/* Hang TRAIL, which stays the caller's, on the running fiber; NULL takes it down. Returns
 * what hung there. */
const struct trail *trail_set(const struct trail *trail);
/* Does anybody listen?  To spare the work of making texts. */
bool trail_is_set(void);
void trail_tell(const struct trail_step *step);
/* STEP in words, behind what OUT has: "table hash:/etc/x:3: key -> answer", or
 * "smtpd_relay_restrictions: reject_unauth_destination: reject: 554 5.7.1 ...".  Control
 * bytes become '?'. */
void trail_describe(const struct trail_step *step, struct str *out);
/* "restriction", "list", "table", "dns", "policy", "milter". */
const char *trail_kind_name(enum trail_kind kind);

#endif
