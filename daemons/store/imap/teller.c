/* teller - changes that the client hears of while it says nothing
 *
 * The session's fiber waits for the client's next line; a change starts a short-lived
 * fiber that writes.  Nothing of it is there while nothing happens, so an idle session
 * costs one sleeping fiber.
 */
#include "imap.h"

#include "base/list.h"

/* In its own arena: the session's holds the command at hand. */
static void tell(struct imap *s)
{
    struct arena *arena = s->arena;
    bool delayed = false;
    bool with_selected = !s->notify || notify_has_selected(s, &delayed);

    s->arena = arena_new();
    s->is_uid = false;
    s->may_expunge = !delayed;
    if (with_selected)
        view_sync(s);
    if (s->notify)
        notify_tell(s);
    if (stream_flush(s->stream) != STREAM_OK)
        s->teller.may_tell = false;
    arena_free(s->arena);
    s->arena = arena;
}

static void tell_news(void *arg)
{
    struct imap *s = arg;

    while (s->teller.may_tell && s->teller.has_news) {
        s->teller.has_news = false;
        tell(s);
    }
    s->teller.is_telling = false;
    waitq_wake_all(&s->teller.done);
}

void teller_wake(struct imap *s)
{
    s->teller.has_news = true;
    if (s->teller.may_tell && !s->teller.is_telling) {
        s->teller.is_telling = true;
        fiber_spawn("imap teller", tell_news, s);
    }
}

static void on_change(struct mailbox_listener *l)
{
    teller_wake(CONTAINER_OF(l, struct imap, teller.listener));
}

void teller_init(struct imap *s)
{
    s->teller.listener.changed = on_change;
    WAITQ_INIT(&s->teller.done);
}

void teller_listen(struct imap *s)
{
    if (s->teller.is_listening || !s->selected)
        return;
    s->teller.is_listening = true;
    mailbox_listen(s->selected->box, &s->teller.listener);
}

void teller_unlisten(struct imap *s)
{
    if (!s->teller.is_listening)
        return;
    s->teller.is_listening = false;
    mailbox_unlisten(s->selected->box, &s->teller.listener);
}

void teller_start(struct imap *s)
{
    s->teller.may_tell = true;
    if (s->teller.has_news)
        teller_wake(s);
}

void teller_stop(struct imap *s)
{
    s->teller.may_tell = false;
    while (s->teller.is_telling)
        (void)waitq_wait(&s->teller.done, clock_in(CLOCK_SECOND));
}
