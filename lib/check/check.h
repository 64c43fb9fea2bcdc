/* check - what a careful reader finds wrong with a configuration before mail does
 *
 * main.cf, master.cf and the tables they name are read as the daemons read them, and
 * beyond: what is legal and surely not meant is told too.  Each finding has a place and
 * says what is wrong and what to do.  One file per family of checks.  Used by `diligence
 * check` and `diligence reload`.  Blocks on the disk; asks no network.
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "base/arena.h"

#include <stddef.h>

enum check_severity {
    CHECK_NOTE,    /* worth knowing */
    CHECK_WARNING, /* mail will not go as meant */
    CHECK_ERROR    /* programs refuse to start with it; a reload is refused */
};

struct check_finding {
    enum check_severity severity;
    struct view path; /* of the file; never empty */
    unsigned line;    /* 0: the file as a whole */
    struct view text; /* "what; what to do" */
};

struct check_findings {
    struct check_finding *items; /* ordered by file and line */
    size_t n;
    size_t errors, warnings; /* how many of these */
};

struct check_request {
    const char *directory; /* of main.cf and master.cf */
    const char *programs;  /* where the daemons are; NULL: not looked at */
    bool quick;            /* no contents of tables: a reload must not take minutes */
    bool owners;           /* tell of files that root does not own */
    /* The texts of main.cf and master.cf that are in force; empty: none are.  A missing
     * table that they do not name either is an error, since it was just brought in. */
    struct view in_force;
};

/* All findings about R, in arena A. */
void check_configuration(const struct check_request *r, struct arena *a,
                         struct check_findings *out);
/* "path:line: text", in A. */
struct view check_finding_text(const struct check_finding *f, struct arena *a);

#endif
