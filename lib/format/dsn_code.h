/* dsn_code - enhanced status codes (RFC 3463) in front of texts and replies */
#ifndef FORMAT_DSN_CODE_H
#define FORMAT_DSN_CODE_H

#include "base/view.h"

#define DSN_CODE_MAX 12 /* "5.123.123" and its NUL, as in struct error */

/* The length of a valid code at the front of TEXT ("5.7.1", followed by a
 * blank or the end), or 0.  Classes 2, 4 and 5; one to three digits after each
 * dot. */
size_t dsn_code_length(struct view text);
bool dsn_code_is_valid(struct view code);

/* Take a code from the front of TEXT: OUT gets it, the result is the text
 * behind it and its blanks.  Without one OUT gets FALLBACK. */
struct view dsn_code_split(struct view text, const char *fallback,
                           char out[DSN_CODE_MAX]);

/* Split "550 5.1.1 No such user" (or "550-..."): *CODE is 200..599, STATUS the
 * enhanced code, or "C.0.0" when none of the same class is there.  False: no
 * reply code of three digits at the front. */
bool dsn_reply_split(struct view reply, int *code, char status[DSN_CODE_MAX],
                     struct view *text);

/* Put CODE's class ('2', '4' or '5') over that of STATUS: a 5.x.y found in a
 * soft failure becomes 4.x.y. */
void dsn_code_set_class(char status[DSN_CODE_MAX], char class);

#endif
