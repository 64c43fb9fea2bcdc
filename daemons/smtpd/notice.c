/* notice - sessions that postmaster wants to see (notify_classes; S091)
 *
 * Most systems ask for nothing that happens here, and then nothing is kept.
 */
#include "base/log.h"
#include "base/memory.h"
#include "session.h"

void transcript_open(struct session *s)
{
    if (!s->server->notify || s->server->standalone)
        return;
    s->transcript = NEW(struct transcript);
    transcript_init(s->transcript);
}

void transcript_said(struct session *s, const char *prefix, struct view text)
{
    struct view line;
    bool more = s->transcript != NULL;
    while (more) {
        more = view_cut(text, '\n', &line, &text);
        transcript_add(s->transcript, prefix, line);
        s->transcript_lines++;
    }
}

void transcript_flush(struct session *s, unsigned threshold, const char *reason)
{
    struct error e = ERROR_INIT;
    if (!s->transcript || s->transcript_lines <= threshold)
        return;
    const struct notice n = {.classes = s->seen & s->server->notify,
                             .role = "SMTP server",
                             .peer = s->facts.client_display,
                             .reason = view_of(reason),
                             .transcript = s->transcript};
    if (n.classes &&
        !notice_post(s->server->conf, s->server->cleanup, s->server->queue, &n, &e))
        log_warning("postmaster notify: %s", e.text);
    s->seen = 0;
    s->transcript_lines = 0;
    transcript_clear(s->transcript);
}

void transcript_close(struct session *s)
{
    if (!s->transcript)
        return;
    transcript_done(s->transcript);
    memory_free(s->transcript);
    s->transcript = NULL;
}
