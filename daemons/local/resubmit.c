/* resubmit - mail that goes on as a new message
 *
 * One new message for each sender and Delivered-To: address.  The last one marks the old
 * recipient as done in the commit that makes it durable, so that no crash sends it on
 * twice.  Source: local(8), MAIL FORWARDING.
 */
#include "local.h"

#include "base/log.h"
#include "format/date.h"

/* A new message under way. */
struct resubmission {
    struct list_link link;
    const struct context *context; /* of the first recipient */
    struct list recipients;
};
struct new_recipient {
    struct list_link link;
    const struct context *context;
    struct view address;
};

static struct resubmission *find(struct work *w, const struct context *c)
{
    LIST_FOR_EACH (struct resubmission, r, &w->resubmissions, link)
        if (view_eq(r->context->sender, c->sender) &&
            view_eq(r->context->delivered_to, c->delivered_to))
            return r;
    struct resubmission *r = ARENA_NEW(w->d->arena, struct resubmission);
    r->context = c;
    list_init(&r->recipients);
    list_append(&w->resubmissions, &r->link);
    return r;
}

void resubmit_add(struct work *w, const struct context *c, struct view address)
{
    if (work_seen(w, "indirect %.*s", VIEW_FMT(address)))
        return;
    if (delivery_is_probe(w->d)) {
        work_sent(w, c, "forwards to %.*s", VIEW_FMT(address));
        return;
    }
    struct new_recipient *n = ARENA_NEW(w->d->arena, struct new_recipient);
    n->context = c;
    n->address = address;
    list_append(&find(w, c)->recipients, &n->link);
}

/* What is known of the client stays known; the list's members report to the list's owner.
 */
static struct envelope new_envelope(const struct work *w, const struct context *c)
{
    struct envelope env = w->d->envelope;

    env.arrival = clock_wall();
    env.flags &= MESSAGE_SMTPUTF8 | MESSAGE_8BIT;
    env.recipients = NULL;
    env.n_recipients = 0;
    if (!view_eq(c->sender, w->d->envelope.sender)) {
        env.ret = DSN_RET_NONE;
        env.envid = VIEW_NONE;
    }
    return env;
}

/* NOTIFY of a forwarding address: success is told for the original one. RFC 3461 5.2.7.1.
 */
static unsigned new_notify(const struct recipient *r)
{
    unsigned notify = r->notify & ~(unsigned)NOTIFY_SUCCESS;

    return r->notify && !notify ? NOTIFY_NEVER : notify;
}

static void add_headers(struct work *w, struct cleanup *out, const struct draft *draft,
                        const struct context *c)
{
    const struct conf *conf = w->local->conf;
    time_t now = (time_t)(clock_wall() / CLOCK_SECOND);
    struct str quoted = STR_INIT(ADDRESS_QUOTED_MAX);
    struct arena *a = w->d->arena;
    char date[DATE_MAX];
    struct tm local;

    localtime_r(&now, &local);
    cleanup_line(out,
                 arena_printf(a, "Received: by %s (%s)", conf_cstr(conf, P_myhostname),
                              conf_cstr(conf, P_mail_name)));
    cleanup_line(out, arena_printf(a, "\tid %s; %s", draft_id(draft)->text,
                                   date_format(date, &local)));
    if (w->local->prepend & IN_FORWARD) {
        address_quote_822(c->delivered_to, &quoted);
        cleanup_line(out, arena_printf(a, "Delivered-To: %s", str_cstr(&quoted)));
        str_done(&quoted);
    }
    cleanup_content_begin(out);
}

/* The lines of a piece of content; what has no line end yet stays in LINE. */
static void add_lines(struct cleanup *out, struct view piece, struct str *line)
{
    while (piece.n > 0) {
        size_t end = view_find(piece, '\n');
        struct view part = view_sub(piece, 0, end);
        if (line->n + part.n > COPY_PIECE) { /* longer than anybody takes in one piece */
            cleanup_line_piece(out, str_view(line), true);
            str_clear(line);
        }
        str_add(line, part);
        if (end == VIEW_NPOS)
            return;
        cleanup_line(out, str_view(line));
        str_clear(line);
        piece = view_from(piece, end + 1);
    }
}

/* The content as it is. */
static bool add_content(struct work *w, struct cleanup *out, struct error *e)
{
    struct str line = STR_INIT(2 * COPY_PIECE);
    struct copy_source source;
    struct arena *a = arena_new();
    uint64_t offset = 0;
    ptrdiff_t n = 0;

    bool ok = delivery_content(w->d, &source, e);
    char *buf = arena_alloc(a, COPY_PIECE);
    while (ok && (n = copy_source_read(&source, offset, buf, COPY_PIECE)) > 0) {
        add_lines(out, (struct view){buf, (size_t)n}, &line);
        offset += (uint64_t)n;
    }
    if (ok && n < 0) {
        error_set_errno(e, "4.3.0", "cannot read the message");
        ok = false;
    }
    if (ok && line.n > 0)
        cleanup_line(out, str_view(&line));
    str_done(&line);
    arena_free(a);
    return ok;
}

/* Is R all that is still to be done for the recipient?  Not when a failure is to be told,
 * or when what was delivered before waits for a checkpoint. */
static bool completes(const struct work *w, const struct resubmission *r)
{
    return r->link.next == &w->resubmissions.head && !w->d->not_yet_durable &&
           w->best.outcome != OUTCOME_BOUNCED && w->best.outcome != OUTCOME_DEFERRED;
}

/* Hand one message to the queue; its ID in ID. */
static enum result submit(struct work *w, const struct resubmission *r,
                          struct queue_id *id, struct error *e)
{
    struct draft *draft = draft_open(w->local->queue, e);

    if (!draft)
        return TEMPFAIL;
    *id = *draft_id(draft);
    if (completes(w, r))
        draft_replaces(draft, &w->d->id, w->r->index);
    struct envelope env = new_envelope(w, r->context);
    struct cleanup *out = cleanup_open(w->local->cleanup, draft, &env, CLEANUP_INTERNAL);
    cleanup_sender(out, r->context->sender);
    LIST_FOR_EACH (struct new_recipient, n, &r->recipients, link) {
        const struct recipient *from = &n->context->recipient;
        cleanup_recipient(out, n->address, from->original, from->orcpt, new_notify(from));
    }
    add_headers(w, out, draft, r->context);
    if (!add_content(w, out, e)) {
        cleanup_abort(out);
        return TEMPFAIL;
    }
    switch (cleanup_finish(out, NULL, e)) {
    case CLEANUP_QUEUED:
    case CLEANUP_DISCARDED:
        return OK;
    case CLEANUP_REJECTED:
        return PERMFAIL;
    case CLEANUP_DEFERRED:
        break;
    }
    return TEMPFAIL;
}

void resubmit_all(struct work *w, const struct context *c)
{
    LIST_FOR_EACH (struct resubmission, r, &w->resubmissions, link) {
        struct error e = ERROR_INIT;
        struct queue_id id;
        enum outcome before = w->best.outcome;
        enum result result = submit(w, r, &id, &e);
        if (result == OK) {
            work_sent(w, c, "forwarded as %s", id.text);
            if (before == OUTCOME_NONE && w->best.outcome == OUTCOME_SENT)
                w->best.outcome = OUTCOME_EXPANDED;
            continue;
        }
        log_warning("%s: unable to forward message: %s", w->d->id.text, error_cstr(&e));
        if (result == TEMPFAIL)
            error_set(&e, "4.3.0", "unable to forward message");
        work_failed(w, c, &e);
        if (result == TEMPFAIL)
            return;
    }
}
