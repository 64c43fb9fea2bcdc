/* probe - tell the verify program what became of a probe (ADDRESS_VERIFICATION_README)
 *
 * The answer counts for the address that was asked about, and for what it was rewritten
 * to.  When verify cannot be told its next question sends another probe.
 */
#include "access/verify.h"
#include "base/log.h"
#include "ipc/call.h"
#include "ipc/endpoint.h"
#include "qmgr.h"

#define TEXT_MAX 4000

static enum verify_verdict verdict_of(const struct outcome_record *o)
{
    return o->outcome == OUTCOME_BOUNCED    ? VERIFY_UNDELIVERABLE
           : o->outcome == OUTCOME_DEFERRED ? VERIFY_DEFERRED
                                            : VERIFY_DELIVERABLE;
}

/* On one line, as IPC_ATTR_TEXT has to be. */
static struct view clean_text(struct arena *a, struct view text)
{
    struct str out = STR_INIT(TEXT_MAX);
    text = view_sub(text, 0, TEXT_MAX);
    for (size_t i = 0; i < text.n; i++)
        str_add_char(&out, text.p[i] == '\n' || text.p[i] == '\r' || text.p[i] == '\0'
                               ? ' '
                               : text.p[i]);
    struct view clean = arena_dup(a, str_view(&out));
    str_done(&out);
    return clean;
}

static bool tell(struct ipc *c, struct arena *a, struct view address,
                 const struct outcome_record *o, int64_t deadline, struct error *e)
{
    struct ipc_message *m = ipc_message_new(a, IPC_VERIFY_UPDATE);
    ipc_put_view(m, IPC_ATTR_ADDRESS, address);
    ipc_put_u64(m, IPC_ATTR_VERDICT, verdict_of(o));
    ipc_put_view(m, IPC_ATTR_TEXT, clean_text(a, o->text));
    return ipc_ask(c, m, IPC_OK, a, deadline, e) != NULL;
}

/* One recipient, under the names it is known by. */
static bool tell_recipient(struct ipc *c, const struct work *w, size_t i,
                           int64_t deadline, struct error *e)
{
    const struct recipient *r = &w->image.envelope.recipients[i];
    const struct outcome_record *o = &w->outcomes[i];
    struct view asked = r->original.n > 0 ? r->original : r->address;
    struct arena *a = arena_new();
    bool good =
        tell(c, a, asked, o, deadline, e) &&
        (view_eq_case(asked, r->address) || tell(c, a, r->address, o, deadline, e));
    arena_free(a);
    return good;
}

void probe_results(struct qmgr *q, struct work *w)
{
    const struct conf *conf = q->routing->conf;
    int64_t deadline = clock_in(q->set.ipc_timeout);
    struct view service = conf_view(conf, P_address_verify_service_name);
    struct error e = ERROR_INIT;
    struct ipc *c = ipc_dial(conf_queue_directory(conf), ENDPOINT_PRIVATE, service,
                             "qmgr", deadline, &e);
    bool good = c != NULL;
    for (size_t i = 0; good && i < w->image.envelope.n_recipients; i++) {
        if (w->outcomes[i].is_answered)
            good = tell_recipient(c, w, i, deadline, &e);
    }
    if (!good)
        log_warning("%s: %.*s service failure: %s", w->m->id, VIEW_FMT(service), e.text);
    if (c)
        ipc_close(c);
}
