/* work - one recipient: steps are taken one by one until none is left
 *
 * Every step is logged by itself; for the queue manager they become one outcome: deferred
 * when any was, else bounced when any was, else sent.
 */
#include "local.h"

#include "agent/command.h"
#include "agent/pass.h"
#include "alias_text.h"
#include "base/hash.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

struct context *work_deeper(struct work *w, const struct context *c)
{
    struct context *copy = ARENA_NEW(w->d->arena, struct context);

    *copy = *c;
    copy->level++;
    return copy;
}

bool work_seen(struct work *w, const char *format, ...)
{
    static char mark;
    int64_t limit = conf_int(w->local->conf, P_duplicate_filter_limit);
    va_list args;

    va_start(args, format);
    struct view key = arena_vprintf(w->d->arena, format, args);
    va_end(args);
    if (hash_get(w->seen, key))
        return true;
    if (limit <= 0 || hash_count(w->seen) < (size_t)limit)
        (void)hash_put(w->seen, key, &mark);
    return false;
}

bool work_was_seen(struct work *w, struct view key)
{
    return hash_get(w->seen, key) != NULL;
}

const struct identity *work_rights(const struct work *w, const struct context *c)
{
    return c->identity && c->identity->uid != 0 ? c->identity : &w->local->nobody;
}

struct view work_headers(struct work *w, const struct context *c, unsigned in)
{
    struct delivery_recipient part = {.in = c->recipient};
    struct str out = STR_INIT(8 * (size_t)ADDRESS_QUOTED_MAX);
    struct delivery as = *w->d; /* with the sender that an owner alias gave */
    unsigned which = DELIVERY_RETURN_PATH | DELIVERY_ORIGINAL_TO;

    as.envelope.sender = c->sender;
    if (w->local->prepend & in)
        which |= DELIVERY_DELIVERED_TO;
    delivery_headers(&as, &part, which, c->delivered_to, &out);
    struct view headers = arena_dup(w->d->arena, str_view(&out));
    str_done(&out);
    return headers;
}

struct view work_from_sender(struct work *w, const struct context *c)
{
    struct str out = STR_INIT(ADDRESS_QUOTED_MAX);

    delivery_from_sender(c->sender, &out);
    struct view sender = arena_dup(w->d->arena, str_view(&out));
    str_done(&out);
    return sender;
}

/* --- outcomes --- */

/* How much an outcome weighs against others. */
static int weight(enum outcome o)
{
    switch (o) {
    case OUTCOME_DEFERRED:
        return 4;
    case OUTCOME_BOUNCED:
        return 3;
    case OUTCOME_SENT:
    case OUTCOME_RELAYED:
    case OUTCOME_PASSED_ON:
        return 2;
    case OUTCOME_EXPANDED:
        return 1;
    case OUTCOME_NONE:
        break;
    }
    return 0;
}

static void count(struct work *w, const struct delivery_recipient *part)
{
    if (weight(part->outcome) > weight(w->best.outcome))
        w->best = *part;
}

static struct delivery_recipient part_for(const struct work *w, const struct context *c)
{
    return (struct delivery_recipient){.in = c->recipient, .index = w->r->index};
}

static struct view relay_of(const struct work *w)
{
    return view_of(w->service->transport);
}

void work_sent(struct work *w, const struct context *c, const char *format, ...)
{
    struct delivery_recipient part = part_for(w, c);
    va_list args;

    va_start(args, format);
    struct view text = arena_vprintf(w->d->arena, format, args);
    va_end(args);
    delivery_sent(w->d, &part, "2.0.0", relay_of(w), "%.*s", VIEW_FMT(text));
    count(w, &part);
}

void work_failed(struct work *w, const struct context *c, const struct error *e)
{
    struct delivery_recipient part = part_for(w, c);

    delivery_failed(w->d, &part, relay_of(w), e);
    count(w, &part);
}

void work_command_failed(struct work *w, const struct context *c, const struct error *e,
                         struct view output)
{
    struct delivery_recipient part = part_for(w, c);

    command_diagnostic(&part, w->d->arena, output, e);
    delivery_failed(w->d, &part, relay_of(w), e);
    count(w, &part);
}

void work_refused(struct work *w, const struct context *c, const char *status,
                  const char *format, ...)
{
    struct error e = ERROR_INIT;
    va_list args;

    va_start(args, format);
    struct view text = arena_vprintf(w->d->arena, format, args);
    va_end(args);
    error_set(&e, status, "%.*s", VIEW_FMT(text));
    work_failed(w, c, &e);
}

void work_pass(struct work *w, const struct context *c, struct view target)
{
    struct delivery_recipient part = part_for(w, c);
    struct view sender = w->d->envelope.sender;

    w->d->envelope.sender = c->sender;
    delivery_pass(w->service, w->d, &part, target, relay_of(w));
    w->d->envelope.sender = sender;
    count(w, &part);
}

/* --- steps --- */

static struct step *new_step(struct work *w, enum step_kind kind, struct view text,
                             const struct context *c)
{
    struct step *s = ARENA_NEW(w->d->arena, struct step);

    *s = (struct step){.kind = kind, .text = text, .context = c};
    w->n_steps++;
    return s;
}

/* Append the destinations on one line to STEPS. */
static size_t expand_line(struct work *w, const struct context *c, struct view line,
                          struct list *steps)
{
    static const enum step_kind kinds[] = {[ALIAS_ADDRESS] = STEP_ADDRESS,
                                           [ALIAS_FILE] = STEP_FILE,
                                           [ALIAS_COMMAND] = STEP_COMMAND,
                                           [ALIAS_INCLUDE] = STEP_INCLUDE};
    struct alias_list found;

    alias_text_parse(w->d->arena, line, &found);
    for (size_t i = 0; i < found.n && w->n_steps < LOCAL_STEPS_MAX; i++)
        list_append(
            steps,
            &new_step(w, kinds[found.items[i].kind], found.items[i].text, c)->link);
    return found.n;
}

size_t work_expand(struct work *w, const struct context *c, struct view lines,
                   bool is_file)
{
    size_t limit = (size_t)conf_int(w->local->conf, P_line_length_limit);
    struct list steps;
    size_t n = 0;

    list_init(&steps);
    while (lines.n > 0) {
        struct view line = lines;
        if (is_file) {
            view_cut(lines, '\n', &line, &lines);
        } else {
            lines = VIEW_NONE;
        }
        if (is_file && view_starts(line, VIEW("#")))
            continue;
        for (; line.n > 0; line = view_from(line, is_file && limit ? limit : line.n))
            n += expand_line(w, c, is_file && limit ? view_sub(line, 0, limit) : line,
                             &steps);
    }
    while (!list_is_empty(&steps)) { /* the last one first, so that their order is kept */
        struct list_link *last = steps.head.prev;
        list_remove(last);
        list_prepend(&w->steps, last);
    }
    return n;
}

static void take_step(struct work *w, const struct step *s)
{
    switch (s->kind) {
    case STEP_LOCAL:
        recipient_step(w, s->context, s->text);
        break;
    case STEP_ADDRESS:
        address_step(w, s->context, s->text);
        break;
    case STEP_COMMAND:
        command_step(w, s->context, s->text);
        break;
    case STEP_FILE:
        file_step(w, s->context, s->text);
        break;
    case STEP_INCLUDE:
        include_step(w, s->context, s->text);
        break;
    }
}

/* Take steps until none is left. */
static void run(struct work *w, const struct context *c)
{
    struct list_link *link;

    list_append(&w->steps, &new_step(w, STEP_LOCAL, c->recipient.address, c)->link);
    while ((link = list_pop(&w->steps)) != NULL) {
        take_step(w, CONTAINER_OF(link, struct step, link));
        fiber_yield();
    }
    if (w->n_steps >= LOCAL_STEPS_MAX)
        work_refused(w, c, "5.4.6", "alias expansion has more than %zu destinations",
                     LOCAL_STEPS_MAX);
    if (w->best.outcome != OUTCOME_DEFERRED)
        resubmit_all(w, c);
    if (w->best.outcome == OUTCOME_NONE) /* all that there was had been done already */
        work_sent(w, c, "discarded duplicate delivery");
}

/* What the parts amount to, for the queue manager. */
static void conclude(struct work *w)
{
    struct delivery_recipient *r = w->r;

    r->outcome = w->best.outcome;
    memcpy(r->status, w->best.status, sizeof r->status);
    r->text = w->best.text;
    r->relay = w->best.relay;
    r->diagnostic = w->best.diagnostic;
    r->diagnostic_type = w->best.diagnostic_type;
    r->remote_mta = w->best.remote_mta;
}

void local_deliver(struct service *s, struct delivery *d)
{
    for (size_t i = 0; i < d->n_recipients; i++) {
        struct work w = {.service = s,
                         .local = s->state,
                         .d = d,
                         .r = &d->recipients[i],
                         .seen = hash_new()};
        struct context c = {.recipient = w.r->in, .sender = d->envelope.sender};
        list_init(&w.steps);
        list_init(&w.resubmissions);
        run(&w, &c);
        conclude(&w);
        hash_free(w.seen, NULL);
    }
}
