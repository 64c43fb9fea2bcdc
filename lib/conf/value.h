/* value - from the text of a parameter to its number
 *
 * Nothing here suspends.  Source: postconf(5), "time units" and the types of parameters.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "base/error.h"
#include "conf/parameter.h"

/* Check TEXT, the expanded value of NAME, against what INFO allows.  *NUMBER: 0 and 1 of
 * a bool, microseconds of a time, bytes of a size, the place among the choices of an
 * enum, 0 of a text. */
bool value_parse(const struct parameter_info *info, struct view name, struct view text,
                 int64_t *number, struct error *e) MUST_CHECK;

#endif
