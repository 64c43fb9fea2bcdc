/* escape - %XX in tcp_table(5) */
#ifndef TABLE_ESCAPE_H
#define TABLE_ESCAPE_H

#include "base/str.h"

/* %, white space and what is no printing ASCII character as %XX. */
void escape_encode(struct view v, struct str *out);
/* False when a % is not followed by two hexadecimal digits. */
bool escape_decode(struct view v, struct str *out);

#endif
