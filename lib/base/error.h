/* error - what went wrong, in words and as a delivery status
 *
 * For mail, the error is the DSN: an enhanced status code (RFC 3463), a text
 * that says what happened and what to do, errno where there was one, and the
 * place (file:line) where configuration is concerned.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "view.h"

#include <stdarg.h>

enum result { OK, TEMPFAIL, PERMFAIL };
#define MUST_CHECK __attribute__((warn_unused_result))

struct error {
    char status[12]; /* "4.3.0"; "" when none applies */
    char text[1000]; /* one line, no line ends; cut at the limit */
    int saved_errno; /* 0 when no system call failed */
    char place[256]; /* "/etc/postfix/main.cf:12"; "" when none */
};

#define ERROR_INIT ((struct error){.status = ""})
bool error_is_set(const struct error *e);
void error_clear(struct error *e);
/* Set status and text; E may be NULL.  errno is not looked at.  Control bytes
 * in the text become '?'. */
void error_set(struct error *e, const char *status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As error_set, and ": " with the meaning of errno is put behind the text. */
void error_set_errno(struct error *e, const char *status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Where it was; call after error_set. */
void error_at(struct error *e, const char *path, unsigned line);
/* Put text in front of what is there: "open table x: " before the cause. */
void error_prefix(struct error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* PERMFAIL when the status starts with '5', else TEMPFAIL. */
enum result error_result(const struct error *e);
/* "place: text" or "text", in a buffer inside E's own storage or static per thread. */
const char *error_cstr(const struct error *e);

#endif
