/* template - the texts of delivery status notifications
 *
 * Built in, or from the file that bounce_template_file names.  The file's syntax, from
 * bounce(5):
 *
 *     failure_template = <<EOF
 *     Charset: us-ascii
 *     Subject: Undelivered Mail Returned to Sender
 *
 *     This is the mail system at host $myhostname.
 *     EOF
 *
 * A template with a mistake is passed over, with a warning, and the built-in one used.
 */
#ifndef DSN_TEMPLATE_H
#define DSN_TEMPLATE_H

#include "base/arena.h"
#include "conf/conf.h"

enum dsn_kind { DSN_FAILURE, DSN_DELAY, DSN_SUCCESS, DSN_VERIFY, DSN_KINDS };
/* "failure", "delay", "success", "verify": the words of REPORT_ABOUT too. */
const char *dsn_kind_name(enum dsn_kind kind);
bool dsn_kind_parse(struct view name, enum dsn_kind *kind);

struct dsn_template {
    struct view charset, from, subject;
    struct view postmaster_subject; /* failure and delay only */
    struct view text;               /* lines with LF, $names not yet expanded */
};
struct dsn_templates {
    struct dsn_template kind[DSN_KINDS];
};

/* The built-in ones.  OBSOLETE: From: has the name in parentheses (header_from_format).
 */
void dsn_templates_default(struct dsn_templates *t, bool obsolete);
/* Replace those that TEXT (the content of a file called NAME) gives; mistakes are logged.
 * Views point into TEXT. */
void dsn_templates_parse(struct dsn_templates *t, const char *name, struct view text);
/* Built in, and then bounce_template_file when it is set.  The file's text lives in A.
 * False with *E when the file cannot be read; T is usable all the same. */
bool dsn_templates_load(struct dsn_templates *t, const struct conf *c, struct arena *a,
                        struct error *e);

/* Append the text of a template to OUT, with $names expanded.  Mistakes are logged. */
void dsn_template_expand(const struct dsn_template *t, enum dsn_kind kind,
                         const struct conf *c, struct str *out);
/* The four templates as bounce_template_file would have them (postconf -b): RAW as
 * written, else the expanded texts alone. */
void dsn_templates_print(const struct dsn_templates *t, const struct conf *c, bool raw,
                         struct str *out);

#endif
