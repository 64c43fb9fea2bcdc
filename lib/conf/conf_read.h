/* conf_read - main.cf and -o into entries; for the files of conf and their tests */
#ifndef CONF_CONF_READ_H
#define CONF_CONF_READ_H

#include "conf/conf_private.h"

/* "name = value" into its parts, white space around them taken away. */
bool conf_split(struct view text, struct view *name, struct view *value,
                struct error *e) MUST_CHECK;
/* All of main.cf.  *E with file:line. */
bool conf_read_text(struct conf *c, struct view text, struct error *e) MUST_CHECK;
/* "name=value" of -o. */
bool conf_read_override(struct conf *c, const char *override, struct error *e) MUST_CHECK;

#endif
