/* idle - IDLE: the client waits to hear of changes (RFC 9051 6.3.13) */
#include "imap.h"

/* Wait for a line; signs of life keep NAT gateways and the client's own time-out away. */
static enum stream_result wait_for_line(struct imap *s, struct view *line)
{
    int64_t limit = conf_time(s->session->conf, P_imap_timeout);
    int64_t interval = conf_time(s->session->conf, P_imap_idle_notify_interval);
    int64_t end = clock_in(limit);
    enum stream_result r;
    int ending;

    for (;;) {
        int64_t left = end - clock_mono();
        if (left <= 0)
            return STREAM_TIMEOUT;
        stream_set_timeout(s->stream, interval > 0 && interval < left ? interval : left);
        teller_start(s);
        r = stream_read_line(s->stream, 1024, line, &ending);
        teller_stop(s);
        if (r != STREAM_TIMEOUT || s->session->ending)
            break;
        stream_write(s->stream, VIEW("* OK Still here\r\n"));
        if (interval > 0 && stream_flush(s->stream) != STREAM_OK)
            return STREAM_ERROR;
    }
    stream_set_timeout(s->stream, limit);
    return r;
}

bool command_idle(struct imap *s)
{
    struct view line;

    if (!imap_take_end(&s->in))
        return false;
    s->may_expunge = true;
    teller_listen(s);
    view_sync(s);
    stream_write(s->stream, VIEW("+ idling\r\n"));
    enum stream_result r = wait_for_line(s, &line);
    if (!s->notify)
        teller_unlisten(s);
    if (r == STREAM_TIMEOUT)
        imap_untagged(s, "BYE Idle for too long");
    if (r != STREAM_OK) {
        s->is_closing = true;
        return true;
    }
    if (!view_eq_case(line, VIEW("DONE")))
        return imap_fail(&s->in, "DONE was expected");
    return imap_ok(s, "Idle completed.");
}
