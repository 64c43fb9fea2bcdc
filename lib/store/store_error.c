/* store_error - what a failed system call on a mailbox means for the mail */
#include "store/store_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* The status that belongs to error number ERR, or STATUS. */
static const char *status_of(int err, const char *status)
{
    switch (err) {
    case EAGAIN:
    case ESTALE:
        return "4.2.0";
    case ENOSPC:
        return "4.3.0";
    case EDQUOT:
    case EFBIG:
        return "5.2.2";
    default:
        return status;
    }
}

void store_error_errno(struct error *e, const char *status, const char *format, ...)
{
    int err = errno;
    char text[800];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    errno = err;
    error_set_errno(e, status_of(err, status), "%s", text);
    if (e)
        e->saved_errno = err;
}
