/* post - one notification: written by lib/dsn, through cleanup, into the queue
 */
#include "bounce.h"

#include "base/clock.h"
#include "base/log.h"

static void write_line(void *arg, struct view line)
{
    cleanup_line(arg, line);
}

/* The recipients of R that M tells of, in R's arena. */
static struct report_recipient *choose(const struct report *r, const struct mailing *m,
                                       size_t *n)
{
    struct report_recipient *chosen =
        arena_alloc_array(r->arena, r->n + 1, sizeof *chosen);
    *n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (m->all || dsn_is_wanted(&r->recipients[i], r->kind))
            chosen[(*n)++] = r->recipients[i];
    return chosen;
}

/* The notification goes out even when the original cannot be read: it says so itself. */
static void write_mail(struct bouncer *b, const struct report *r, const struct mailing *m,
                       const struct report_recipient *chosen, size_t n,
                       const struct queue_id *id, struct cleanup *mail)
{
    struct error e = ERROR_INIT;
    struct dsn d = {
        .conf = b->conf,
        .templates = &b->templates,
        .kind = r->kind,
        .original = r->original,
        .recipients = chosen,
        .n_recipients = n,
        .to = m->to,
        .for_postmaster = m->for_postmaster,
        .ret = m->ret,
        .new_id = queue_id_view(id),
        .now = clock_wall(),
    };
    if (!dsn_write(&d, write_line, mail, &e))
        log_warning("%s: %s", r->id.text, e.text);
}

enum result report_post(struct bouncer *b, const struct report *r,
                        const struct mailing *m, struct error *e)
{
    size_t n;
    struct queue_id id;
    const struct report_recipient *chosen = choose(r, m, &n);
    if (n == 0)
        return OK;
    struct cleanup *mail =
        internal_mail_open(b->conf, b->cleanup, b->queue, "bounce", m->from, m->to,
                           r->original.smtputf8, &id, e);
    if (!mail)
        return TEMPFAIL;
    write_mail(b, r, m, chosen, n, &id, mail);
    switch (cleanup_finish(mail, m->finishes ? &r->id : NULL, e)) {
    case CLEANUP_QUEUED:
    case CLEANUP_DISCARDED:
        log_info("%s: %s: %s", r->id.text, m->log, id.text);
        return OK;
    case CLEANUP_REJECTED:
        log_warning("%s: %s was rejected: %s", r->id.text, m->log, e->text);
        return TEMPFAIL;
    case CLEANUP_DEFERRED:
    default:
        log_warning("%s: %s failed: %s", r->id.text, m->log, e->text);
        return TEMPFAIL;
    }
}
