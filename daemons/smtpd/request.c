/* request - smtpd_per_request_deadline: a request as a whole must come in time
 *
 * Without it each byte gets smtpd_timeout.  With it the whole of a command, or of a
 * message, gets that, and more while it comes at smtpd_min_data_rate or faster: a client
 * that drips holds no session.
 */
#include "session.h"

static bool has_deadlines(const struct session *s)
{
    return conf_bool(s->server->conf, P_smtpd_per_request_deadline);
}

void request_begin(struct session *s)
{
    if (!has_deadlines(s))
        return;
    s->deadline = clock_in(conf_time(s->server->conf, P_smtpd_timeout));
    stream_set_deadline(s->stream, s->deadline);
}

void request_received(struct session *s, size_t n)
{
    const struct conf *c = s->server->conf;
    if (!has_deadlines(s))
        return;
    int64_t latest = clock_in(conf_time(c, P_smtpd_timeout));
    s->deadline += (int64_t)n * CLOCK_SECOND / conf_int(c, P_smtpd_min_data_rate);
    if (s->deadline > latest)
        s->deadline = latest;
    stream_set_deadline(s->stream, s->deadline);
}
