/* quota - GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208)
 *
 * One root for each account: "" of the own one, the owner's name for another's.  The
 * administrator sets limits (`diligence mailbox quota`), the client may not.
 */
#include "imap.h"
#include "imap/command.h"
#include "imap/write.h"

/* STORAGE counts in units of 1024 bytes. */
static void send_quota(struct imap *s, struct view root, const struct account_quota *q)
{
    struct str *out = &s->scratch;

    str_set(out, VIEW("* QUOTA "));
    imap_write_astring(root, out);
    str_add_cstr(out, " (");
    if (q->bytes_limit > 0)
        str_addf(out, "STORAGE %llu %llu", (unsigned long long)((q->bytes + 1023) / 1024),
                 (unsigned long long)(q->bytes_limit / 1024));
    if (q->messages_limit > 0)
        str_addf(out, "%sMESSAGE %llu %llu", q->bytes_limit > 0 ? " " : "",
                 (unsigned long long)q->messages, (unsigned long long)q->messages_limit);
    str_add_cstr(out, ")\r\n");
    imap_send_scratch(s);
}

bool command_getquota(struct imap *s)
{
    struct account_quota quota;
    struct error e = ERROR_INIT;
    struct view root;

    if (!imap_take_astring(&s->in, &root) || !imap_take_end(&s->in))
        return false;
    if (root.n > 0)
        return imap_no(s, "[NONEXISTENT] There is no such quota root.");
    enum store_result r = account_quota(s->names.own, &quota, &e);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    send_quota(s, root, &quota);
    return imap_ok(s, "Getquota completed.");
}

bool command_getquotaroot(struct imap *s)
{
    struct namespace_target target;
    struct account_quota quota;
    struct error e = ERROR_INIT;
    struct view name;

    if (!imap_take_mailbox(&s->in, &name) || !imap_take_end(&s->in))
        return false;
    if (!imap_target(s, name, ACL_READ, &target))
        return true;
    struct view root = target.account == s->names.own
                           ? VIEW("")
                           : view_of(account_place(target.account)->owner);
    root = arena_dup(s->arena, root);
    enum store_result r = account_quota(target.account, &quota, &e);
    account_close(target.account);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    str_set(&s->scratch, VIEW("* QUOTAROOT "));
    imap_add_mailbox(s, name);
    str_add_char(&s->scratch, ' ');
    imap_write_astring(root, &s->scratch);
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
    send_quota(s, root, &quota);
    return imap_ok(s, "Getquotaroot completed.");
}

bool command_setquota(struct imap *s)
{
    struct imap_quota what;

    if (!imap_take_setquota(&s->in, &what))
        return false;
    return imap_no(s, "[NOPERM] Limits are set by the administrator.");
}
