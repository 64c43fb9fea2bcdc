/* postlog - log lines of commands that may not write the log file
 *
 * The set-gid commands send what syslog would get ("<22>Nov 22 03:05:55
 * postfix/postdrop[4711]: text") to public/postlog; the line goes into the log file under
 * our date, cleaned of control bytes.
 */
#include "base/log.h"
#include "pickup.h"
#include "run/loop.h"

#include <errno.h>
#include <sys/socket.h>

/* "tag[pid]: text" of a syslog datagram; empty when it has another form. */
static struct view strip_date(struct view line)
{
    enum { DATE_BYTES = 16 }; /* "Nov 22 03:05:55 " */
    size_t end = view_find(line, '>');

    if (line.n == 0 || line.p[0] != '<' || end == VIEW_NPOS ||
        line.n - end - 1 <= DATE_BYTES)
        return VIEW_NONE;
    return view_from(line, end + 1 + DATE_BYTES);
}

void postlog_fiber(void *arg)
{
    static char buffer[4096];
    const struct service_socket *socket = arg;
    struct watch w;

    watch_add(&w, socket->fd);
    for (;;) {
        ssize_t n = recv(socket->fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (n >= 0) {
            log_foreign(strip_date((struct view){buffer, (size_t)n}));
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || watch_wait_read(&w, CLOCK_NEVER) == WAKE_CANCELLED)
            break;
    }
    watch_remove(&w);
}
