/* explain_message - what becomes of a message that is accepted
 *
 * lib/cleanup runs over it as it would, into a draft that goes nowhere: rewriting,
 * aliases, header and body checks, milters.  Then each recipient that comes out is
 * routed.
 */
#include "explain.h"

#include "base/log.h"
#include "cleanup/cleanup.h"
#include "conf/lines.h"
#include "format/address_list.h"
#include "queue/draft.h"

#include <stdio.h>
#include <sysexits.h>

#define MESSAGE_MAX ((size_t)16 << 20)

struct follow {
    struct explanation *x;
    struct view text; /* the message, LF line ends */
    struct view sender;
    struct view *recipients;
    size_t n_recipients;
};

static void take(void *arg, const struct envelope *env)
{
    struct follow *f = arg;
    struct arena *a = f->x->arena;
    f->sender = arena_dup(a, env->sender);
    f->recipients = arena_alloc_array(a, env->n_recipients + 1, sizeof f->recipients[0]);
    for (size_t i = 0; i < env->n_recipients; i++)
        f->recipients[f->n_recipients++] = arena_dup(a, env->recipients[i].address);
}

void add_effects(struct explanation *x, struct access_effect *effects)
{
    struct access_effect **end = &x->effects;
    while (*end)
        end = &(*end)->next;
    *end = effects;
}

static void take_effects(struct explanation *x, struct cleanup *c)
{
    for (const struct access_effect *f = x->effects; f; f = f->next) {
        if (f->kind == ACCESS_FILTER)
            cleanup_set_filter(c, f->value);
        else if (f->kind == ACCESS_REDIRECT)
            cleanup_set_redirect(c, f->value);
        else if (f->kind == ACCESS_HOLD)
            cleanup_set_hold(c, f->value);
        else if (f->kind == ACCESS_DISCARD)
            cleanup_set_discard(c);
        else if (f->kind == ACCESS_PREPEND)
            cleanup_prepend_header(c, f->value);
        else
            show_fact(x, "copy to", f->value);
    }
}

/* Received: as on top of every message; milters do not see the first header. */
static struct view own_header(const struct explanation *x)
{
    return arena_printf(x->arena,
                        "Received: from %.*s by %.*s (%.*s) with ESMTP; "
                        "Thu, 1 Jan 1970 00:00:00 +0000",
                        VIEW_FMT(x->subject.client_display),
                        VIEW_FMT(conf_view(x->conf, P_myhostname)),
                        VIEW_FMT(conf_view(x->conf, P_mail_name)));
}

/* Milters see content that goes into the queue: as in smtpd, none that a proxy filter
 * gets. */
static bool milters_see_content(const struct explanation *x)
{
    return x->milters && x->message &&
           view_is_empty(conf_view(x->conf, P_smtpd_proxy_filter));
}

/* The checks' tables, asked for the lines of the message. */
static void feed(struct follow *f, struct cleanup *c)
{
    struct view rest = f->text, line;
    cleanup_line(c, own_header(f->x));
    cleanup_content_begin(c);
    while (rest.n > 0) {
        size_t end = view_find(rest, '\n');
        line = view_sub(rest, 0, end);
        rest = end == VIEW_NPOS ? VIEW_NONE : view_from(rest, end + 1);
        if (view_ends(line, VIEW("\r")))
            line = view_sub(line, 0, line.n - 1);
        cleanup_line(c, line);
    }
}

static void take_refusal(struct explanation *x, bool is_for_good, const struct error *e,
                         struct view milter_reply)
{
    x->is_refused = true;
    x->status = is_for_good ? 1 : EX_TEMPFAIL;
    x->reply = milter_reply.n > 0
                   ? arena_dup(x->arena, milter_reply)
                   : arena_printf(x->arena, "%d %s %s", cleanup_reply_code(e), e->status,
                                  e->text);
    if (milter_reply.n > 0)
        (void)note_milter(x);
}

static void run_cleanup(struct follow *f)
{
    struct explanation *x = f->x;
    struct error e = ERROR_INIT;
    struct queue_link *link = queue_link_open(x->conf);
    struct cleanup_setup *setup = cleanup_setup_new(x->conf, x->rewrite);
    const struct envelope env = {.client_name = x->subject.client_name,
                                 .client_address = x->subject.client_address,
                                 .helo_name = x->subject.helo_name,
                                 .protocol_name = x->subject.protocol,
                                 .sasl_username = x->subject.sasl_username,
                                 .rewrite_context = VIEW("remote")};
    struct cleanup *c = cleanup_open(setup, draft_rehearse(link, take, f), &env,
                                     CLEANUP_EXTERNAL | CLEANUP_SMTP);
    struct str milter_reply = STR_INIT(8192);
    if (milters_see_content(x))
        cleanup_set_milters(c, x->milters, &milter_reply);
    take_effects(x, c);
    show_section(x, "rewriting");
    cleanup_sender(c, x->subject.sender);
    show_fact(x, "sender", x->subject.sender);
    cleanup_recipient(c, x->subject.recipient, VIEW_NONE, VIEW_NONE, 0);
    show_fact(x, "recipient", x->subject.recipient);
    show_section_end(x);
    show_section(x, "content");
    feed(f, c);
    enum cleanup_verdict verdict = cleanup_finish(c, NULL, &e);
    if (verdict == CLEANUP_REJECTED || verdict == CLEANUP_DEFERRED)
        take_refusal(x, verdict == CLEANUP_REJECTED, &e, str_view(&milter_reply));
    show_fact(x, milters_see_content(x) ? "checks and milters" : "checks",
              verdict == CLEANUP_QUEUED      ? VIEW("pass")
              : verdict == CLEANUP_DISCARDED ? VIEW("discard")
                                             : VIEW("refuse"));
    show_section_end(x);
    str_done(&milter_reply);
    cleanup_setup_free(setup);
    queue_link_close(link);
}

/* Would a header that holds an address with a name match, had it the address alone?  Then
 * a pattern of the administrator's misses what it means. */
static void near_misses(struct follow *f)
{
    struct explanation *x = f->x;
    struct maps *checks = maps_open(x->conf, conf_view(x->conf, P_header_checks), 0);
    struct view rest = f->text, value;
    unsigned number = 0;
    trail_set(NULL);
    while (rest.n > 0 && rest.p[0] != '\n' && !maps_is_empty(checks)) {
        size_t end = view_find(rest, '\n');
        struct view line = view_sub(rest, 0, end);
        struct error e = ERROR_INIT;
        rest = end == VIEW_NPOS ? VIEW_NONE : view_from(rest, end + 1);
        number++;
        size_t colon = view_find(line, ':'), open = view_find(line, '<'),
               close = view_find(line, '>');
        if (colon == VIEW_NPOS || open == VIEW_NPOS || close == VIEW_NPOS ||
            colon > open || close < open ||
            maps_get(checks, line, x->arena, &value, &e) == TABLE_FOUND)
            continue;
        struct view bare =
            arena_printf(x->arena, "%.*s: %.*s", VIEW_FMT(view_sub(line, 0, colon)),
                         VIEW_FMT(view_sub(line, open + 1, close - open - 1)));
        if (maps_get(checks, bare, x->arena, &value, &e) == TABLE_FOUND)
            show_fact(x, "near miss",
                      arena_printf(x->arena,
                                   "line %u, \"%.*s\", matches no rule of %.*s; \"%.*s\" "
                                   "would: %.*s.  The pattern does not allow for a name "
                                   "and <> around the address",
                                   number, VIEW_FMT(line), VIEW_FMT(maps_last(checks)),
                                   VIEW_FMT(bare), VIEW_FMT(value)));
    }
    maps_close(checks);
}

static void route(struct follow *f, struct view recipient)
{
    struct explanation *x = f->x;
    struct resolved to;
    struct error e = ERROR_INIT;
    show_section(x, "delivery");
    if (resolve_address(x->rewrite, f->sender, recipient, x->arena, &to, &e) != OK) {
        show_fact(x, "cannot be routed now", view_of(error_cstr(&e)));
    } else {
        show_fact(x, "to", to.recipient.n ? to.recipient : recipient);
        show_fact(x, "transport", to.transport);
        show_fact(x, "next hop", to.nexthop);
    }
    show_section_end(x);
}

static struct view read_message(struct explanation *x)
{
    struct str text = STR_INIT(MESSAGE_MAX);
    struct error e = ERROR_INIT;
    if (!x->message)
        return VIEW_NONE;
    if (!lines_read_file(x->message, &text, &e))
        log_fatal("%s", error_cstr(&e));
    struct view result = arena_dup(x->arena, str_view(&text));
    str_done(&text);
    return result;
}

void follow_message(struct explanation *x)
{
    struct follow f = {.x = x, .text = read_message(x)};
    const struct trail trail = {.told = show_step, .arg = x};
    run_cleanup(&f);
    if (f.text.n > 0) {
        show_section(x, "patterns");
        near_misses(&f);
        show_section_end(x);
        trail_set(&trail);
    }
    for (size_t i = 0; i < f.n_recipients; i++)
        route(&f, f.recipients[i]);
    trail_set(NULL);
}
