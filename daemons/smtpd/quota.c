/* quota - is there room in the recipient's mailboxes? (S074)
 *
 * The store knows: it is asked at RCPT, when the configuration limits anybody, for
 * recipients whose mail ends in mailboxes of this system.  What cannot be told now is not
 * refused: the delivery agent will say it.
 */
#include "ipc/call.h"
#include "ipc/endpoint.h"

#include "base/log.h"
#include "transaction.h"

#define ANSWER_TIMEOUT (10 * CLOCK_SECOND)

static bool is_limited(const struct conf *c)
{
    return conf_int(c, P_store_quota_bytes) > 0 ||
           conf_int(c, P_store_quota_messages) > 0 ||
           conf_view(c, P_store_quota_maps).n > 0;
}

/* Under which name the recipient ADDRESS logs in; empty: no mailbox of this system.  */
static struct view login_name(struct session *s, struct view address)
{
    struct transaction *t = s->transaction;
    struct resolved to;
    struct error e = ERROR_INIT;
    struct view local, domain;

    if (resolve_address(s->server->rewrite, t->sender, address, t->arena, &to, &e) != OK)
        return VIEW_NONE;
    if (to.class == CLASS_VIRTUAL_MAILBOX)
        return to.recipient;
    if (to.class != CLASS_LOCAL)
        return VIEW_NONE;
    (void)view_rcut(to.recipient, '@', &local, &domain);
    return local;
}

static struct ipc_message *ask(struct session *s, struct view user, struct error *e)
{
    const struct conf *c = s->server->conf;
    struct transaction *t = s->transaction;
    struct ipc *ipc = ipc_dial(conf_view(c, P_queue_directory), ENDPOINT_PRIVATE,
                               conf_view(c, P_store_service_name), "smtpd",
                               clock_in(ANSWER_TIMEOUT), e);
    if (!ipc)
        return NULL;
    struct ipc_message *m = ipc_message_new(t->arena, IPC_QUOTA_ASK);
    ipc_put_u64(m, IPC_ATTR_TAG, 1);
    ipc_put_view(m, IPC_ATTR_USER, view_sub(user, 0, 255));
    ipc_put_u64(m, IPC_ATTR_BYTES, t->announced_size);
    struct ipc_message *answer =
        ipc_send(ipc, m, clock_in(ANSWER_TIMEOUT), e)
            ? ipc_receive(ipc, t->arena, clock_in(ANSWER_TIMEOUT), e)
            : NULL;
    ipc_close(ipc);
    return answer;
}

bool quota_allows(struct session *s, struct view address)
{
    struct error e = ERROR_INIT;

    if (s->server->standalone || !is_limited(s->server->conf))
        return true;
    struct view user = login_name(s, address);
    if (user.n == 0)
        return true;
    struct ipc_message *m = ask(s, user, &e);
    if (!m || ipc_message_type(m) != IPC_QUOTA_IS) {
        log_debug("quota of %.*s: %s", VIEW_FMT(user),
                  m ? "not to be told" : error_cstr(&e));
        return true;
    }
    if (!ipc_get_u64(m, IPC_ATTR_OVER, 0))
        return true;
    struct str text = STR_INIT(1024);
    str_addf(&text, "452 4.2.2 <%.*s>: Recipient address rejected: %.*s",
             VIEW_FMT(address), VIEW_FMT(ipc_get_view(m, IPC_ATTR_TEXT)));
    access_log_event(&s->facts, "reject", str_view(&text));
    reply_error_about(s, NOTICE_RESOURCE, "%s", str_cstr(&text));
    str_done(&text);
    return false;
}
