/* command - cut SMTP command lines into verb, path and ESMTP parameters
 *
 * Pure: paths come out as written, format/address.h reads them.  All views
 * point into the line.  RFC 5321 4.1.1 and 4.1.2.
 */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "base/view.h"

struct smtp_command {
    struct view verb; /* as written; compare with view_eq_case() */
    struct view args; /* the rest, blanks at both ends trimmed */
};
/* LINE without its line end.  False: no verb at its front. */
bool smtp_command_split(struct view line, struct smtp_command *c);
/* Take the next blank-separated argument.  False at the end. */
bool smtp_command_argument(struct view *rest, struct view *argument);

enum smtp_path_fault {
    SMTP_PATH_OK,
    SMTP_PATH_NO_KEYWORD, /* not "FROM:" / "TO:" */
    SMTP_PATH_MISSING,    /* nothing after the colon */
    SMTP_PATH_SYNTAX      /* strict and no <>, a "<" without ">", text glued to ">" */
};
/* Split the arguments of MAIL ("FROM") or RCPT ("TO"): *PATH is "<a@b>" with
 * its brackets, or the bare word when not strict; *PARAMETERS what follows.
 * Not strict takes blanks around the colon.  Brackets, quoted strings and
 * comments in the path may hold blanks. */
enum smtp_path_fault smtp_path_split(struct view args, struct view keyword, bool strict,
                                     struct view *path, struct view *parameters);

struct smtp_parameter {
    struct view name;  /* as written; compare without case */
    struct view value; /* "" when none */
    bool has_value;    /* there was a "=" */
};
enum smtp_parameter_state { SMTP_PARAMETER_OK, SMTP_PARAMETER_END, SMTP_PARAMETER_BAD };
/* Take the next ESMTP parameter from *REST (RFC 5321 4.1.2: esmtp-param).
 * With UTF8 a value may hold well-formed UTF-8 (RFC 6531). */
enum smtp_parameter_state smtp_parameter_next(struct view *rest, bool utf8,
                                              struct smtp_parameter *p);

#endif
