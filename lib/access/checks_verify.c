/* checks_verify - is mail to this address taken where it goes? (S014 S015)
 *
 * Asks the verify program, which remembers and sends probes; while a probe is under way
 * the question is repeated a few times.  ADDRESS_VERIFICATION_README.
 */
#include "access/internal.h"
#include "access/verify.h"

#include "base/log.h"
#include "ipc/call.h"
#include "ipc/endpoint.h"
#include "run/trail.h"

#define REASON_MAX 250

/* What differs between senders and recipients. */
struct verify_kind {
    enum access_stage about;
    const char *status;
    enum parameter reject_code, defer_code, reject_reason, tempfail_action;
};

static const struct verify_kind sender_kind = {
    .about = ACCESS_SENDER,
    .status = "4.1.7",
    .reject_code = P_unverified_sender_reject_code,
    .defer_code = P_unverified_sender_defer_code,
    .reject_reason = P_unverified_sender_reject_reason,
    .tempfail_action = P_unverified_sender_tempfail_action,
};
static const struct verify_kind recipient_kind = {
    .about = ACCESS_RECIPIENT,
    .status = "4.1.1",
    .reject_code = P_unverified_recipient_reject_code,
    .defer_code = P_unverified_recipient_defer_code,
    .reject_reason = P_unverified_recipient_reject_reason,
    .tempfail_action = P_unverified_recipient_tempfail_action,
};

static bool ask_verify(struct access_run *run, struct view address,
                       enum verify_verdict *verdict, struct view *reason)
{
    const struct conf *c = run->access->conf;
    int64_t deadline = clock_in(conf_time(c, P_ipc_timeout));
    struct ipc *link = ipc_dial(conf_queue_directory(c), ENDPOINT_PRIVATE,
                                conf_view(c, P_address_verify_service_name), "smtpd",
                                deadline, &run->error);
    if (link == NULL)
        return false;
    struct ipc_message *m = ipc_message_new(run->arena, IPC_VERIFY_QUERY);
    ipc_put_view(m, IPC_ATTR_ADDRESS, address);
    m = ipc_ask(link, m, IPC_VERIFY_IS, run->arena, deadline, &run->error);
    if (m) {
        *verdict = (enum verify_verdict)ipc_get_u64(m, IPC_ATTR_VERDICT, VERIFY_UNKNOWN);
        *reason = arena_dup(run->arena, ipc_get_view(m, IPC_ATTR_TEXT));
    }
    ipc_close(link);
    return m != NULL;
}

/* Ask until the probe has come back, or as often as address_verify_poll_count says. */
static bool poll(struct access_run *run, struct view address,
                 enum verify_verdict *verdict, struct view *reason)
{
    const struct conf *c = run->access->conf;
    int64_t count = conf_int(c, P_address_verify_poll_count);
    for (;;) {
        if (!ask_verify(run, address, verdict, reason))
            return false;
        if (*verdict != VERIFY_UNKNOWN || --count <= 0)
            return true;
        (void)fiber_sleep(conf_time(c, P_address_verify_poll_delay));
    }
}

/* The administrator may give the reason a text of his own. */
static struct view shown_reason(const struct conf *c, const struct verify_kind *kind,
                                struct view reason)
{
    struct view own = conf_view(c, kind->reject_reason);
    return view_is_empty(own) ? view_sub(reason, 0, REASON_MAX) : own;
}

/* With a code that asks to come again the address is not said to be bad. */
static enum access_says undeliverable(struct access_run *run,
                                      const struct verify_kind *kind, struct view address,
                                      struct view reason)
{
    const struct conf *c = run->access->conf;
    int code = (int)conf_int(c, kind->reject_code);
    return access_refuse(run, code, kind->status, "<%.*s>: %s rejected: %s address: %.*s",
                         VIEW_FMT(address), access_reply_class(kind->about),
                         code / 100 == 5 ? "undeliverable" : "unverified",
                         VIEW_FMT(reason));
}

static enum access_says reject_unverified(struct access_run *run,
                                          const struct verify_kind *kind,
                                          struct view address)
{
    const struct conf *c = run->access->conf;
    const char *class = access_reply_class(kind->about);
    struct resolved to;
    enum verify_verdict verdict = VERIFY_UNKNOWN;
    struct view reason = VIEW_NONE;
    if (resolve_address(run->access->rewrite, VIEW_NONE, address, run->arena, &to,
                        &run->error) != OK)
        return access_refuse(run, 451, "4.3.0", "<%.*s>: Temporary lookup failure",
                             VIEW_FMT(address));
    struct view key = to.is_error || view_is_empty(to.recipient) ? address : to.recipient;
    if (run->subject->rehearsal) { /* to ask could send a probe */
        trail_tell(&(struct trail_step){.kind = TRAIL_POLICY,
                                        .where = VIEW("verify"),
                                        .asked = key,
                                        .answer = VIEW("not asked here")});
        return SAYS_DUNNO;
    }
    if (!poll(run, key, &verdict, &reason)) {
        log_warning("%.*s service failure: %s",
                    VIEW_FMT(conf_view(c, P_address_verify_service_name)),
                    run->error.text);
        return access_defer_if_permit(run, kind->status,
                                      "<%.*s>: %s rejected: address verification problem",
                                      VIEW_FMT(address), class);
    }
    reason = shown_reason(c, kind, reason);
    switch (verdict) {
    case VERIFY_DELIVERABLE:
        return SAYS_DUNNO;
    case VERIFY_UNDELIVERABLE:
        return undeliverable(run, kind, address, reason);
    case VERIFY_DEFERRED:
    case VERIFY_UNKNOWN:
    default:
        return access_tempfail_code(
            run, kind->tempfail_action, (int)conf_int(c, kind->defer_code), kind->status,
            arena_printf(run->arena, "<%.*s>: %s rejected: unverified address: %.*s",
                         VIEW_FMT(address), class, VIEW_FMT(reason))
                .p);
    }
}

enum access_says ask_reject_unverified_sender(struct access_run *run,
                                              const struct restriction *r)
{
    (void)r;
    const struct access_subject *s = run->subject;
    return s->has_sender && !view_is_empty(s->sender)
               ? reject_unverified(run, &sender_kind, s->sender)
               : SAYS_DUNNO;
}

enum access_says ask_reject_unverified_recipient(struct access_run *run,
                                                 const struct restriction *r)
{
    (void)r;
    return view_is_empty(run->subject->recipient)
               ? SAYS_DUNNO
               : reject_unverified(run, &recipient_kind, run->subject->recipient);
}
