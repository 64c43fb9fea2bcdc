/* deliver - one request: the command is run once for all its recipients
 *
 * Source: pipe(8), flags=, DIAGNOSTICS.
 */
#include "pipe.h"

#include "agent/command.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/mbox.h"

#include <inttypes.h>

#define SHOWN_OUTPUT 100 /* bytes of a successful command's output */

static void fail_all(struct service *s, struct delivery *d, const struct error *e)
{
    for (size_t i = 0; i < d->n_recipients; i++)
        delivery_failed(d, &d->recipients[i], view_of(s->transport), e);
}

/* A reason why the command need not be run at all. */
static bool is_hopeless(struct service *s, struct delivery *d, struct error *e)
{
    const struct pipe_setup *p = s->state;

    if (p->size_limit > 0 && d->content_size > p->size_limit) {
        log_info("%s: too big: size_limit = %" PRIu64 ", request->data_size = %" PRIu64,
                 d->id.text, p->size_limit, d->content_size);
        error_set(e, "5.2.3", "message too large");
        return true;
    }
    if (p->flags & (PIPE_DELIVERED_TO | PIPE_ORIGINAL_TO) && d->n_recipients != 1) {
        error_set(e, "4.3.5", "mail system configuration error");
        log_warning("pipe flag `%c' requires %s_destination_recipient_limit = 1",
                    p->flags & PIPE_DELIVERED_TO ? 'D' : 'O', s->transport);
        return true;
    }
    return p->flags & PIPE_DELIVERED_TO &&
           delivery_has_loop(d, d->recipients[0].in.address, e);
}

/* The headers that the flags ask for. */
static bool make_headers(const struct pipe_setup *p, const struct delivery *d,
                         struct str *out)
{
    unsigned which = 0;
    struct str sender = STR_INIT(ADDRESS_QUOTED_MAX);
    struct delivery as = *d; /* with the sender that the command is told */

    if (as.envelope.sender.n == 0)
        as.envelope.sender = p->null_sender;
    if (p->flags & PIPE_FROM_LINE) {
        delivery_from_sender(as.envelope.sender, &sender);
        mbox_from_line(str_view(&sender), clock_wall(), out);
        str_done(&sender);
    }
    if (p->flags & PIPE_RETURN_PATH)
        which |= DELIVERY_RETURN_PATH;
    if (p->flags & PIPE_ORIGINAL_TO)
        which |= DELIVERY_ORIGINAL_TO;
    if (p->flags & PIPE_DELIVERED_TO)
        which |= DELIVERY_DELIVERED_TO;
    return delivery_headers(&as, &d->recipients[0], which, d->recipients[0].in.address,
                            out);
}

/* Run ARGV with the message. */
static enum result run(struct service *s, struct delivery *d, const char *const *argv,
                       struct view *output, struct error *e)
{
    const struct pipe_setup *p = s->state;
    struct str headers = STR_INIT(16 * 1024);
    struct copy_source content;
    struct command c = {.argv = argv,
                        .env = command_environment(s->conf, d->arena, NULL, 0),
                        .shown = argv[0],
                        .directory = p->directory,
                        .chroot = p->chroot,
                        .set_ids = p->set_ids,
                        .uid = p->uid,
                        .gid = p->gid,
                        .time_limit = conf_transport_time(s->conf, view_of(s->transport),
                                                          P_command_time_limit),
                        .content = &content};

    if (!delivery_content(d, &content, e))
        return TEMPFAIL;
    copy_filter_init(&c.filter, p->line_end);
    c.filter.blank_end = p->flags & PIPE_BLANK_END;
    c.filter.stuff_dots = p->flags & PIPE_STUFF_DOTS;
    c.filter.quote_from = p->flags & PIPE_QUOTE_FROM;
    if (!make_headers(p, d, &headers)) {
        error_set(e, "4.3.0", "headers are too long");
        str_done(&headers);
        return TEMPFAIL;
    }
    c.headers = str_view(&headers);
    enum result result = command_run(&c, d->arena, output, e);
    str_done(&headers);
    return result;
}

/* The command took the message for R. */
static void succeed(struct service *s, struct delivery *d, struct delivery_recipient *r,
                    struct view output)
{
    const struct pipe_setup *p = s->state;
    struct view relay = view_of(s->transport);

    output = view_sub(output, 0, SHOWN_OUTPUT);
    while (output.n > 0 && output.p[output.n - 1] == ' ')
        output.n--;
    delivery_sent(d, r, "2.0.0", relay, "delivered via %s service%s%.*s%s", s->transport,
                  output.n > 0 ? " (" : "", VIEW_FMT(output), output.n > 0 ? ")" : "");
    if (!(p->flags & PIPE_FINAL) && r->outcome == OUTCOME_SENT)
        r->outcome = OUTCOME_RELAYED;
}

void pipe_deliver(struct service *s, struct delivery *d)
{
    struct view output = VIEW_NONE;
    struct error e = ERROR_INIT;

    if (d->n_recipients == 0)
        return;
    if (is_hopeless(s, d, &e)) {
        fail_all(s, d, &e);
        return;
    }
    const char *const *argv = pipe_expand(s->state, d, &e);
    if (!argv) {
        log_warning("service %s: %s", s->name, e.text);
        error_set(&e, "4.3.5", "mail system configuration error");
        fail_all(s, d, &e);
        return;
    }
    bool probe = delivery_is_probe(d);
    if (!probe && run(s, d, argv, &output, &e) != OK) {
        for (size_t i = 0; i < d->n_recipients; i++)
            command_diagnostic(&d->recipients[i], d->arena, output, &e);
        fail_all(s, d, &e);
        return;
    }
    for (size_t i = 0; i < d->n_recipients; i++) {
        if (probe)
            delivery_sent(d, &d->recipients[i], "2.0.0", view_of(s->transport),
                          "delivers to command: %s", argv[0]);
        else
            succeed(s, d, &d->recipients[i], output);
    }
}
