/* outcome - what became of a recipient: recorded, and logged in Postfix's form
 *
 * soft_bounce, the delivery status filter and the words for probes are applied here, so
 * that no agent needs to know them.  May suspend (tables of the filter).
 */
#include "agent/agent_private.h"
#include "agent/delays.h"

#include "base/log.h"
#include "format/address.h"
#include "format/dsn_code.h"

#include <stdarg.h>
#include <stdio.h>

/* Append ADDRESS as info_log_address_format wants it. */
static void add_address(const struct delivery *d, struct view address, struct str *out)
{
    if (!d->policy->external_form || !address_quote_822(address, out))
        str_add(out, address);
}

static const char *status_word(const struct delivery *d, enum outcome outcome)
{
    bool good = outcome == OUTCOME_SENT || outcome == OUTCOME_EXPANDED;

    if (delivery_is_probe(d))
        return good ? "deliverable" : "undeliverable";
    if (good)
        return "sent";
    if (outcome == OUTCOME_BOUNCED)
        return d->policy->soft_bounce ? "SOFTBOUNCE" : "bounced";
    return "deferred";
}

static void write_line(const struct delivery *d, const struct delivery_recipient *r,
                       const char *word)
{
    struct delays times = {d->arrival, d->active, d->agent_start, d->connection_done,
                           clock_wall()};
    struct str line = STR_INIT(8192);

    str_addf(&line, "%s: to=<", d->id.text);
    add_address(d, r->in.address, &line);
    if (r->in.original.n > 0 && !view_eq_case(r->in.original, r->in.address)) {
        str_add(&line, VIEW(">, orig_to=<"));
        add_address(d, r->in.original, &line);
    }
    str_addf(&line, ">, relay=%.*s, ", VIEW_FMT(r->relay));
    if (d->connection_uses > 0)
        str_addf(&line, "conn_use=%u, ", d->connection_uses + 1);
    delays_add_all(&line, &times, d->policy->delay_digits);
    str_addf(&line, ", dsn=%s, status=%s (%.*s)", r->status, word, VIEW_FMT(r->text));
    log_info("%s", str_cstr(&line));
    str_done(&line);
}

/* The answer V of the status filter: a code of the same kind and a text. */
static bool take_filtered(struct delivery_recipient *r, struct view v, struct arena *a)
{
    char status[DSN_CODE_MAX];
    struct view text = dsn_code_split(v, "", status);

    if (status[0] == '\0' || text.n == 0 || (status[0] == '2') != (r->status[0] == '2'))
        return false;
    memcpy(r->status, status, sizeof r->status);
    r->text = arena_dup(a, text);
    return true;
}

/* Let the delivery status filter change status and text.  May suspend. */
static void apply_filter(struct delivery *d, struct delivery_recipient *r)
{
    struct error e = ERROR_INIT;
    struct view found;

    if (!d->policy->status_filter)
        return;
    struct view key = arena_printf(d->arena, "%s %.*s", r->status, VIEW_FMT(r->text));
    enum table_result result =
        maps_get(d->policy->status_filter, key, d->arena, &found, &e);
    if (result == TABLE_ERROR)
        log_warning("%s: delivery status filter: %s", d->id.text, error_cstr(&e));
    else if (result == TABLE_FOUND && !take_filtered(r, found, d->arena))
        log_warning("%s: delivery status filter: bad answer \"%.*s\" for \"%.*s\"",
                    d->id.text, VIEW_FMT(found), VIEW_FMT(key));
}

/* Record and log; status, text and relay of R are set. */
static void conclude(struct delivery *d, struct delivery_recipient *r,
                     enum outcome outcome)
{
    apply_filter(d, r);
    if (outcome != OUTCOME_SENT && outcome != OUTCOME_EXPANDED)
        outcome = r->status[0] == '5' ? OUTCOME_BOUNCED : OUTCOME_DEFERRED;
    if (outcome == OUTCOME_BOUNCED && d->policy->soft_bounce && !delivery_is_probe(d))
        dsn_code_set_class(r->status, '4');
    write_line(d, r, status_word(d, outcome));
    if (outcome == OUTCOME_BOUNCED && r->status[0] == '4')
        outcome = OUTCOME_DEFERRED;
    r->outcome = outcome;
}

static void set_status(struct delivery_recipient *r, const char *status,
                       const char *otherwise)
{
    snprintf(r->status, sizeof r->status, "%s", status[0] ? status : otherwise);
}

static struct view to_text(struct arena *a, const struct error *e)
{
    return arena_dup(a, e->text[0] ? view_of(e->text) : VIEW("unknown failure"));
}

void delivery_sent(struct delivery *d, struct delivery_recipient *r, const char *status,
                   struct view relay, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    r->text = arena_vprintf(d->arena, format, args);
    va_end(args);
    r->relay = arena_dup(d->arena, relay);
    set_status(r, status, "2.0.0");
    conclude(d, r, OUTCOME_SENT);
}

/* A failure of class CLASS; a status of another class says nothing then. */
static void fail(struct delivery *d, struct delivery_recipient *r, struct view relay,
                 const struct error *e, char class)
{
    r->text = to_text(d->arena, e);
    r->relay = arena_dup(d->arena, relay);
    set_status(r, e->status[0] == class ? e->status : "",
               class == '5' ? "5.0.0" : "4.0.0");
    conclude(d, r, class == '5' ? OUTCOME_BOUNCED : OUTCOME_DEFERRED);
}

void delivery_deferred(struct delivery *d, struct delivery_recipient *r,
                       struct view relay, const struct error *e)
{
    fail(d, r, relay, e, '4');
}

void delivery_bounced(struct delivery *d, struct delivery_recipient *r, struct view relay,
                      const struct error *e)
{
    fail(d, r, relay, e, '5');
}

void delivery_failed(struct delivery *d, struct delivery_recipient *r, struct view relay,
                     const struct error *e)
{
    fail(d, r, relay, e, e->status[0] == '5' ? '5' : '4');
}
