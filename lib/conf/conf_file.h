/* conf_file - small files in the syntax of main.cf: "name = value" lines
 *
 * For table definitions (sqlite and the like).  Values are not expanded, a repeated name
 * counts last. The same settings may stand in main.cf as PREFIX_name.
 */
#ifndef CONF_CONF_FILE_H
#define CONF_CONF_FILE_H

#include "base/arena.h"
#include "conf/conf.h"

struct conf_file;

/* NULL with *E, file:line in its place. */
struct conf_file *conf_file_load(const char *path, struct error *e);
struct conf_file *conf_file_parse(const char *path, struct view text, struct error *e);
/* Settings PREFIX_name of main.cf. */
struct conf_file *conf_file_of_prefix(const struct conf *c, struct view prefix);
void conf_file_free(struct conf_file *f);
/* Empty when not set. */
struct view conf_file_get(const struct conf_file *f, struct view name);
/* Lives as long as F. */
struct arena *conf_file_arena(const struct conf_file *f);

#endif
