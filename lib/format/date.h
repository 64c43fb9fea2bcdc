/* date - the date forms of mail: RFC 5322 headers and mbox From_ lines
 *
 * Pure: the caller brings the broken-down local time (localtime_r), whose
 * tm_gmtoff and tm_zone give the offset and the zone comment.
 */
#ifndef FORMAT_DATE_H
#define FORMAT_DATE_H

#include "base/view.h"

#include <stdint.h>
#include <time.h>

#define DATE_MAX 64

/* "Sun, 11 May 2003 16:06:57 +0200 (CEST)", as Postfix writes it, in OUT; the
 * result is OUT.  A zone name that is not letters, digits, "+" or "-" is left
 * out. */
const char *date_format(char out[DATE_MAX], const struct tm *local)
    __attribute__((returns_nonnull));
/* "Sun May 11 16:06:57 2003" (asctime's form, no line end). */
const char *date_format_mbox(char out[DATE_MAX], const struct tm *local)
    __attribute__((returns_nonnull));
/* Read a Date header tolerantly: comments, no week day, two-digit years, zone
 * names of RFC 5322 4.3, missing seconds or zone, asctime form.  *SECONDS is
 * the time since 1970 UTC, *OFFSET (may be NULL) the offset in minutes. */
bool date_parse(struct view text, int64_t *seconds, int *offset)
    __attribute__((warn_unused_result));

#endif
