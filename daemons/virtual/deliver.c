/* deliver - one request: resolve all recipients, write all files, conclude
 *
 * All Maildirs of a request are written in one visit to a worker thread; their files are
 * made durable by the queue manager's checkpoint.  An mbox file gets its own visit, again
 * and again while somebody else has its lock.
 */
#include "virtual.h"

#include "base/log.h"
#include "base/memory.h"
#include "format/address.h"
#include "run/fiber.h"
#include "run/thread.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define HEADERS_MAX (8 * (size_t)ADDRESS_QUOTED_MAX)

/* The rest of what a Maildir delivery needs. */
static void set_up_maildir(struct deposit *p, const struct delivery *d,
                           const struct copy_source *content)
{
    const struct virtual *s = p->virtual;
    const struct recipient *in = &p->recipient->in;

    maildir_name(p->name, queue_id_view(&d->id), d->arrival, in->address, in->original,
                 s->host);
    p->maildir = (struct maildir_delivery){.path = p->path,
                                           .name = p->name,
                                           .headers = str_view(&p->headers),
                                           .content = *content,
                                           .size_limit = s->size_limit,
                                           .obeys_quota = s->obeys_quota,
                                           .maybe_repeated = d->maybe_repeated,
                                           .durable_later = s->has_checkpoint,
                                           .checkpoint_device = s->checkpoint_device};
}

static void set_up_mbox(struct deposit *p, struct delivery *d,
                        const struct copy_source *content)
{
    struct str sender = STR_INIT(ADDRESS_QUOTED_MAX);

    delivery_from_sender(d->envelope.sender, &sender);
    p->mbox = (struct mbox_message){.sender = arena_dup(d->arena, str_view(&sender)),
                                    .headers = str_view(&p->headers),
                                    .content = *content,
                                    .when = clock_wall(),
                                    .size_limit = p->virtual->size_limit};
    str_done(&sender);
}

/* Find the mailbox of P's recipient and prepare the writing; result is OK when that may
 * begin.  May suspend. */
static void set_up(struct virtual *s, struct delivery *d, struct deposit *p)
{
    struct view address = p->recipient->in.address;
    struct copy_source content;

    p->result = PERMFAIL;
    if (delivery_has_loop(d, address, &p->error) ||
        !virtual_mailbox_find(s->mailboxes, d->arena, address, &p->mailbox, &p->error) ||
        !delivery_content(d, &content, &p->error))
        return;
    p->path = arena_cstr(d->arena, p->mailbox.path);
    if (!delivery_headers(d, p->recipient,
                          DELIVERY_RETURN_PATH | DELIVERY_ORIGINAL_TO |
                              DELIVERY_DELIVERED_TO,
                          address, &p->headers)) {
        error_set(&p->error, "4.3.0", "headers are too long");
        return;
    }
    if (p->mailbox.is_maildir)
        set_up_maildir(p, d, &content);
    else
        set_up_mbox(p, d, &content);
    p->result = OK;
}

static bool is_locked_by_another(const struct error *e)
{
    return e->saved_errno == EAGAIN || e->saved_errno == EEXIST;
}

/* Append, trying again while it is locked.  May suspend. */
static void write_mbox(struct virtual *s, struct deposit *p)
{
    for (unsigned i = 0;; i++) {
        thread_run(deposit_mbox, p);
        if (p->result == OK || !is_locked_by_another(&p->error) ||
            i + 1 >= s->lock_attempts)
            return;
        if (fiber_sleep(s->lock.delay) == WAKE_CANCELLED)
            return;
    }
}

/* The words of virtual(8) for a failure to write. */
static void explain(struct deposit *p)
{
    if (!p->mailbox.is_maildir) {
        error_prefix(&p->error, "delivery failed to mailbox %s: ", p->path);
        return;
    }
    if (p->error.saved_errno == EACCES) {
        log_warning("maildir access problem for UID/GID=%lu/%lu: %s",
                    (unsigned long)p->mailbox.uid, (unsigned long)p->mailbox.gid,
                    p->error.text);
        log_warning("perhaps you need to create the maildirs in advance");
    }
    error_prefix(&p->error, "maildir delivery failed: ");
}

static void conclude(struct service *service, struct delivery *d, struct deposit *p,
                     bool was_written)
{
    struct view relay = view_of(service->transport);
    const char *kind = p->mailbox.is_maildir ? "maildir" : "mailbox";

    if (was_written && p->result != OK)
        explain(p);
    if (p->result != OK)
        delivery_failed(d, p->recipient, relay, &p->error);
    else
        delivery_sent(d, p->recipient, "2.0.0", relay, "%s to %s",
                      was_written ? "delivered" : "delivers", kind);
    if (was_written && p->result == OK && p->mailbox.is_maildir &&
        p->maildir.needs_checkpoint)
        d->not_yet_durable = true;
}

/* Write what has a mailbox.  May suspend. */
static void write_all(struct virtual *s, struct deposit *all, size_t n)
{
    struct deposit_list list = {all, n};
    bool has_maildir = false;

    for (size_t i = 0; i < n; i++)
        has_maildir = has_maildir || (all[i].mailbox.is_maildir && all[i].result == OK);
    if (has_maildir)
        thread_run(deposit_maildirs, &list);
    for (size_t i = 0; i < n; i++)
        if (!all[i].mailbox.is_maildir && all[i].result == OK)
            write_mbox(s, &all[i]);
}

void virtual_deliver(struct service *service, struct delivery *d)
{
    struct virtual *s = service->state;
    struct deposit *all = memory_alloc_array(d->n_recipients + 1, sizeof *all);
    bool *written = memory_alloc_array(d->n_recipients + 1, sizeof *written);

    for (size_t i = 0; i < d->n_recipients; i++) {
        all[i].virtual = s;
        all[i].recipient = &d->recipients[i];
        str_init(&all[i].headers, HEADERS_MAX);
        set_up(s, d, &all[i]);
        written[i] = all[i].result == OK && !delivery_is_probe(d);
    }
    if (!delivery_is_probe(d))
        write_all(s, all, d->n_recipients);
    for (size_t i = 0; i < d->n_recipients; i++) {
        conclude(service, d, &all[i], written[i]);
        str_done(&all[i].headers);
    }
    if (d->not_yet_durable)
        snprintf(d->checkpoint_path, sizeof d->checkpoint_path, "%.*s",
                 VIEW_FMT(s->base));
    memory_free(all);
    memory_free(written);
}
