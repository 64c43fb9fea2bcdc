/* cleanup - the calls of cleanup.h: one message from its first fact to its commit
 *
 * Source: cleanup(8).  Errors are kept and told at the end, when the client listens.
 */
#include "cleanup/cleanup_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "format/verp.h"

const char *cleanup_id(const struct cleanup *c)
{
    return draft_id(c->draft)->text;
}

void cleanup_fail(struct cleanup *c, enum fault fault, const char *status,
                  struct view reason)
{
    c->faults |= fault;
    if (c->reason_fault && c->reason_fault <= (unsigned)fault)
        return;
    c->reason_fault = fault;
    c->reason = arena_dup(c->arena, reason);
    snprintf(c->status, sizeof c->status, "%s", status);
}

void cleanup_table_failed(struct cleanup *c, const char *title, struct view key)
{
    log_warning_as(c->setup->tag,
                   "%s: %s map lookup problem%s%.*s -- message not accepted, try "
                   "again later",
                   cleanup_id(c), title, view_is_empty(key) ? "" : " for ",
                   VIEW_FMT(key));
    cleanup_fail(c, FAULT_TABLE, "4.3.0", VIEW("Error: queue file write error"));
}

bool cleanup_is_doomed(const struct cleanup *c)
{
    return c->faults != 0 || c->is_discarded;
}

/* Every view of FROM copied into the arena; no recipients. */
static void copy_envelope(struct cleanup *c, const struct envelope *from)
{
    struct envelope *to = &c->envelope;
    *to = *from;
    struct view *views[] = {
        &to->sender,         &to->envid,       &to->client_name,   &to->client_address,
        &to->client_port,    &to->helo_name,   &to->protocol_name, &to->sasl_method,
        &to->sasl_username,  &to->sasl_sender, &to->log_ident,     &to->rewrite_context,
        &to->content_filter, &to->redirect,    &to->message_id,    &to->verp_delimiters,
    };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        *views[i] = arena_dup(c->arena, *views[i]);
    to->recipients = NULL;
    to->n_recipients = 0;
    if (to->arrival == 0)
        to->arrival = clock_wall();
}

static enum rewrite_context header_context(const struct cleanup *c)
{
    if (!view_eq(c->envelope.rewrite_context, VIEW("remote")))
        return REWRITE_LOCAL;
    return c->setup->remote_rewrite ? REWRITE_REMOTE : REWRITE_NONE;
}

struct cleanup *cleanup_open(struct cleanup_setup *s, struct draft *draft,
                             const struct envelope *env, unsigned flags)
{
    struct cleanup *c = NEW(struct cleanup);
    c->setup = s;
    c->draft = draft;
    c->arena = arena_new();
    c->scratch = arena_new();
    c->flags = flags;
    copy_envelope(c, env);
    c->header_context = header_context(c);
    if (flags & CLEANUP_HOLD)
        c->envelope.flags |= MESSAGE_HOLD;
    content_open(c);
    return c;
}

static void free_all(struct cleanup *c)
{
    content_close(c);
    hash_free(c->duplicates, NULL);
    memory_free(c->recipients.items);
    memory_free(c->extracted.items);
    memory_free(c->resent.items);
    memory_free(c->bcc.items);
    memory_free(c->for_milters.items);
    arena_free(c->scratch);
    arena_free(c->arena);
    memory_free(c);
}

static void detect_utf8(struct cleanup *c, struct view address)
{
    if ((c->flags & CLEANUP_AUTO_UTF8) && c->setup->utf8 && !view_is_ascii(address))
        c->envelope.flags |= MESSAGE_SMTPUTF8;
}

/* A request for VERP that cannot be obeyed is let drop. */
static void check_verp(struct cleanup *c)
{
    struct view *delimiters = &c->envelope.verp_delimiters;
    if (view_is_empty(*delimiters))
        return;
    if (view_is_empty(c->envelope.sender))
        log_warning_as(c->setup->tag, "%s: ignoring VERP request for null sender",
                       cleanup_id(c));
    else if (!verp_delimiters_are_valid(
                 *delimiters, conf_view(c->setup->conf, P_verp_delimiter_filter)))
        log_warning_as(c->setup->tag, "%s: ignoring bad VERP request: \"%.*s\"",
                       cleanup_id(c), VIEW_FMT(view_sub(*delimiters, 0, 100)));
    else
        return;
    *delimiters = VIEW_NONE;
}

void cleanup_sender(struct cleanup *c, struct view sender)
{
    arena_reset(c->scratch);
    struct view mapped = address_map_all(c, PLACE_ENVELOPE_SENDER, sender, c->scratch);
    c->envelope.sender = arena_dup(c->arena, mapped);
    detect_utf8(c, c->envelope.sender);
    check_verp(c);
    recipient_find_bcc(c, &c->setup->sender_bcc, c->envelope.sender);
}

void cleanup_full_name(struct cleanup *c, struct view name)
{
    c->full_name = arena_dup(c->arena, name);
}

void cleanup_recipient(struct cleanup *c, struct view address, struct view original,
                       struct view orcpt, unsigned notify)
{
    if (view_is_empty(address))
        address = c->setup->empty_recipient;
    if (view_is_empty(original))
        original = address;
    arena_reset(c->scratch);
    struct view mapped =
        address_map_all(c, PLACE_ENVELOPE_RECIPIENT, address, c->scratch);
    if (view_is_empty(mapped))
        mapped = c->setup->empty_recipient;
    c->last_recipient = arena_dup(c->arena, mapped);
    detect_utf8(c, c->last_recipient);
    if (c->flags & CLEANUP_MILTERS)
        address_bag_add(&c->for_milters, c->last_recipient, c->arena);
    recipient_expand(c, &(struct recipient){.address = c->last_recipient,
                                            .original = original,
                                            .orcpt = orcpt,
                                            .notify = (uint8_t)notify});
    recipient_find_bcc(c, &c->setup->recipient_bcc, c->last_recipient);
}

void cleanup_set_filter(struct cleanup *c, struct view filter)
{
    c->envelope.content_filter = arena_dup(c->arena, filter);
}

void cleanup_set_redirect(struct cleanup *c, struct view address)
{
    address = rewrite_address(c->setup->rewrite, REWRITE_LOCAL, address, c->arena);
    c->envelope.redirect = arena_dup(c->arena, address);
}

void cleanup_set_hold(struct cleanup *c, struct view reason)
{
    (void)reason; /* whoever decided has logged it */
    c->envelope.flags |= MESSAGE_HOLD;
}

void cleanup_set_discard(struct cleanup *c)
{
    c->is_discarded = true;
    c->flags &= ~(unsigned)CLEANUP_FILTER;
}

void cleanup_prepend_header(struct cleanup *c, struct view line)
{
    content_line(c, line, true);
}

void cleanup_set_milters(struct cleanup *c, struct milters *m, struct str *reply)
{
    c->milters = m;
    c->milter_reply = reply;
}

void cleanup_extract_notify(struct cleanup *c, unsigned notify)
{
    c->extract_notify = notify;
}

void cleanup_content_begin(struct cleanup *c)
{
    c->begins = true;
}

void cleanup_line(struct cleanup *c, struct view line)
{
    content_line(c, line, true);
}

void cleanup_line_piece(struct cleanup *c, struct view piece, bool more)
{
    content_line(c, piece, !more);
}

int cleanup_reply_code(const struct error *e)
{
    static const struct {
        const char *status, *text;
        int code;
    } codes[] = {
        {"5.3.4", "Error: ", 552}, {"5.4.0", "Error: ", 554}, {"4.3.1", "", 452}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(e->status, codes[i].status) == 0 &&
            view_starts(view_of(e->text), view_of(codes[i].text)))
            return codes[i].code;
    return e->status[0] == '5' ? 550 : 451;
}

/* sendmail -t: the recipients that the headers gave. */
static void take_extracted(struct cleanup *c)
{
    const struct address_bag *bag = c->is_resent ? &c->resent : &c->extracted;
    if (!(c->flags & CLEANUP_EXTRACT))
        return;
    for (size_t i = 0; i < bag->n && !cleanup_is_doomed(c); i++)
        cleanup_recipient(c, bag->items[i], VIEW_NONE, VIEW_NONE, c->extract_notify);
}

/* always_bcc, and the BCC actions of header and body checks. */
static void take_bcc(struct cleanup *c)
{
    arena_reset(c->scratch);
    if ((c->flags & CLEANUP_BCC) && !view_is_empty(c->setup->always_bcc))
        recipient_add_bcc(c, c->setup->always_bcc);
    for (size_t i = 0; i < c->bcc.n; i++)
        recipient_add_bcc(c, c->bcc.items[i]);
}

static void complete(struct cleanup *c)
{
    content_end(c);
    if (cleanup_is_doomed(c))
        return;
    take_extracted(c);
    if (c->recipients.n == 0 && !cleanup_is_doomed(c))
        cleanup_fail(c, FAULT_RECIPIENTS, "5.1.0",
                     VIEW("Error: no recipients specified"));
    take_bcc(c);
    milters_inspect(c);
}

static enum cleanup_verdict refuse(struct cleanup *c, struct error *e)
{
    error_set(e, c->status, "%.*s", VIEW_FMT(c->reason));
    draft_discard(c->draft);
    return c->status[0] == '5' ? CLEANUP_REJECTED : CLEANUP_DEFERRED;
}

static enum cleanup_verdict commit(struct cleanup *c, const struct queue_id *origin,
                                   struct error *e)
{
    c->envelope.recipients = c->recipients.items;
    c->envelope.n_recipients = c->recipients.n;
    switch (draft_commit(c->draft, &c->envelope, origin, e)) {
    case OK:
        return CLEANUP_QUEUED;
    case PERMFAIL:
        return CLEANUP_REJECTED;
    case TEMPFAIL:
    default:
        return CLEANUP_DEFERRED;
    }
}

enum cleanup_verdict cleanup_finish(struct cleanup *c, const struct queue_id *origin,
                                    struct error *e)
{
    enum cleanup_verdict verdict;
    complete(c);
    if (c->is_discarded) {
        draft_discard(c->draft);
        verdict = CLEANUP_DISCARDED;
    } else if (c->faults) {
        verdict = refuse(c, e);
    } else {
        verdict = commit(c, origin, e);
    }
    free_all(c);
    return verdict;
}

void cleanup_abort(struct cleanup *c)
{
    draft_discard(c->draft);
    free_all(c);
}
