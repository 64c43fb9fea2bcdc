/* command - deliver a message to an external command
 *
 * The command gets headers and content on its standard input; its output is kept up to a
 * limit and goes into log and report.  Used by local and pipe.
 */
#ifndef AGENT_COMMAND_H
#define AGENT_COMMAND_H

#include "agent/agent.h"

#include <sys/types.h>

struct command {
    const char *const *argv; /* NULL-terminated */
    const char *const *env;  /* NULL-terminated; the whole environment */
    const char *shown;       /* as it is named in texts */
    const char *directory;   /* NULL stays */
    const char *chroot;      /* NULL: none */
    bool set_ids;            /* become the two below, with no other groups */
    uid_t uid;
    gid_t gid;
    uint64_t file_size_limit; /* of files that it writes; 0 none */
    int64_t time_limit;       /* microseconds */
    struct view headers;      /* complete lines with LF */
    const struct copy_source *content;
    struct copy_filter
        filter; /* what becomes of the content; its line end is that of the headers */
};

#define COMMAND_OUTPUT_MAX 2048

/* Run it.  OK: exit status 0.  Else *E has status and text as pipe(8) tells: a status
 * code at the front of the output, the exit status by sysexits, "Command died with status
 * 1: ...".  *OUTPUT, in arena A, is what it wrote, on one line; may be empty.  May
 * suspend. */
enum result command_run(const struct command *c, struct arena *a, struct view *output,
                        struct error *e) MUST_CHECK;

/* What a report says of a failure E with OUTPUT, as Diagnostic-Code "x-unix": the output,
 * or what was made of it.  In R, in arena A. */
void command_diagnostic(struct delivery_recipient *r, struct arena *a, struct view output,
                        const struct error *e);

/* The environment: MAIL_CONFIG and the like as export_environment has it, PATH, and N
 * pairs of name and value in PAIRS.  In arena A. */
struct command_variable {
    const char *name;
    struct view value;
};
const char *const *command_environment(const struct conf *c, struct arena *a,
                                       const struct command_variable *pairs, size_t n);

#endif
