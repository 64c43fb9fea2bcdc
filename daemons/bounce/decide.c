/* decide - who is told of what happened to a message
 *
 * Mail from somebody is reported to its sender, with the null sender; mail from nobody (a
 * notification of ours or another's) to the postmaster, from the double-bounce address;
 * mail from there to nobody at all.  So there is an end after two steps.  Source:
 * bounce(8), postconf(5) notify_classes, RFC 5321 4.5.5.
 */
#include "bounce.h"

#include "base/log.h"

/* A copy for the postmaster is not worth trying again. */
static void copy_to_postmaster(struct bouncer *b, const struct report *r,
                               const struct mailing *m, const char *trouble)
{
    struct error e = ERROR_INIT;
    if (report_post(b, r, m, &e) != OK)
        log_warning("%s: postmaster notice failed while %s %.*s", r->id.text, trouble,
                    VIEW_FMT(r->original.sender));
}

static enum result answer_failure(struct bouncer *b, const struct report *r,
                                  struct error *e)
{
    struct view ours = double_bounce_address(b->conf, r->arena);
    struct mailing to_postmaster = {.from = ours,
                                    .to = conf_view(b->conf, P_2bounce_notice_recipient),
                                    .for_postmaster = true,
                                    .all = true,
                                    .ret = DSN_RET_FULL,
                                    .finishes = true,
                                    .log = "postmaster non-delivery notification"};
    if (is_double_bounce(b->conf, r->original.sender)) {
        log_warning("%s: undeliverable postmaster notification discarded", r->id.text);
        return OK;
    }
    if (view_is_empty(r->original.sender)) {
        if (!(b->notify & (NOTICE_BOUNCE | NOTICE_2BOUNCE)))
            return OK;
        return report_post(b, r, &to_postmaster, e);
    }
    struct mailing to_sender = {.to = r->return_to,
                                .ret = r->ret == DSN_RET_NONE ? DSN_RET_FULL : r->ret,
                                .finishes = true,
                                .log = "sender non-delivery notification"};
    enum result result = report_post(b, r, &to_sender, e);
    if (result == OK && (b->notify & NOTICE_BOUNCE)) {
        to_postmaster.to = conf_view(b->conf, P_bounce_notice_recipient);
        to_postmaster.ret = DSN_RET_HDRS;
        to_postmaster.finishes = false;
        copy_to_postmaster(b, r, &to_postmaster, "bouncing to");
    }
    return result;
}

static enum result answer_delay(struct bouncer *b, const struct report *r,
                                struct error *e)
{
    struct mailing to_postmaster = {.from = double_bounce_address(b->conf, r->arena),
                                    .to = conf_view(b->conf, P_delay_notice_recipient),
                                    .for_postmaster = true,
                                    .all = true,
                                    .ret = DSN_RET_HDRS,
                                    .log = "postmaster delay notification"};
    if (is_double_bounce(b->conf, r->original.sender))
        return OK;
    if (view_is_empty(r->original.sender))
        return b->notify & NOTICE_DELAY ? report_post(b, r, &to_postmaster, e) : OK;
    struct mailing to_sender = {
        .to = r->return_to, .ret = DSN_RET_HDRS, .log = "sender delay notification"};
    enum result result = report_post(b, r, &to_sender, e);
    if (result == OK && (b->notify & NOTICE_DELAY))
        copy_to_postmaster(b, r, &to_postmaster, "warning");
    return result;
}

/* Success (DSN), and the reports of sendmail -v and -bv. */
static enum result answer_trace(struct bouncer *b, const struct report *r,
                                struct error *e)
{
    if (is_double_bounce(b->conf, r->original.sender) ||
        view_is_empty(r->original.sender)) {
        log_info("%s: not sending trace/success notification for %s message", r->id.text,
                 view_is_empty(r->original.sender) ? "single-bounce" : "double-bounce");
        return OK;
    }
    bool verify = r->kind == DSN_VERIFY;
    bool all_clear =
        r->flags & MESSAGE_DELAY_SENT; /* confirm_delay_cleared: qmgr chose */
    struct mailing to_sender = {.to = r->return_to,
                                .all = verify || all_clear,
                                .finishes = true,
                                .ret = verify ? DSN_RET_FULL : DSN_RET_HDRS,
                                .log = "sender delivery status notification"};
    return report_post(b, r, &to_sender, e);
}

enum result report_answer(struct bouncer *b, const struct report *r, struct error *e)
{
    switch (r->kind) {
    case DSN_FAILURE:
        return answer_failure(b, r, e);
    case DSN_DELAY:
        return answer_delay(b, r, e);
    case DSN_SUCCESS:
    case DSN_VERIFY:
    case DSN_KINDS:
    default:
        return answer_trace(b, r, e);
    }
}
