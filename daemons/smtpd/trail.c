/* trail - each step to a decision in the log at debug level
 *
 * The steps that `diligence explain` prints, of the live session: restrictions and their
 * verdicts, tables, lists, DNS and policy servers.  Each line has the session's ID, which
 * is unique in the log, and the queue ID as soon as there is one.  With smtpd -v for all
 * sessions, with debug_peer_list for those of some clients.
 */
#include "base/clock.h"
#include "base/log.h"
#include "session.h"

#include <stdio.h>
#include <unistd.h>

static void say(const struct session *s, const char *text)
{
    if (s->debug)
        log_info("session=%s: %s", s->id, text);
    else
        log_debug("session=%s: %s", s->id, text);
}

static void log_step(void *arg, const struct trail_step *step)
{
    const struct session *s = arg;
    struct view id = s->facts.queue_id;
    struct str text = STR_INIT(8192);
    str_addf(&text, "%.*s: %s: ", VIEW_FMT(id.n ? id : VIEW("NOQUEUE")), s->facts.where);
    trail_describe(step, &text);
    say(s, str_cstr(&text));
    str_done(&text);
}

void session_trail_begin(struct session *s)
{
    static unsigned number;
    if (s->id[0] == '\0')
        (void)snprintf(s->id, sizeof s->id, "%x.%llx.%x", (unsigned)getpid(),
                       (unsigned long long)(clock_wall() / CLOCK_SECOND), number++);
    if (!s->debug && log_verbose == 0) {
        trail_set(NULL); /* after XCLIENT it may be another's session */
        return;
    }
    if (s->facts.client_display.n) {
        struct str who = STR_INIT(2048);
        str_addf(&who, "client=%.*s", VIEW_FMT(s->facts.client_display));
        say(s, str_cstr(&who));
        str_done(&who);
    }
    s->trail = (struct trail){.told = log_step, .arg = s};
    trail_set(&s->trail);
}

void session_trail_end(void)
{
    trail_set(NULL);
}
