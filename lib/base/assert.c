/* assert - a broken assertion is logged like any other bug of ours
 *
 * Takes the place of the C library's function, which writes to a standard error that
 * daemons do not have.
 */
#include "base/log.h"

#include <assert.h>

void __assert_fail(const char *assertion, const char *file, unsigned line,
                   const char *function)
{
    log_panic("%s:%u: %s: assertion failed: %s", file, line, function, assertion);
}
