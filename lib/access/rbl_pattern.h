/* rbl_pattern - which answers of a DNS list count: "127.0.0.[2..11;14]" */
#ifndef ACCESS_RBL_PATTERN_H
#define ACCESS_RBL_PATTERN_H

#include "base/view.h"

#include <stdbool.h>

/* Has ADDRESS ("127.0.0.2") the form of PATTERN? */
bool rbl_pattern_matches(struct view pattern, struct view address);
bool rbl_pattern_is_valid(struct view pattern);

#endif
