/* checks_login - who has proved what: certificates, encryption, owners of senders
 *
 * The facts come from the session (struct access_subject); without TLS and AUTH there are
 * none, and these restrictions say nothing or refuse.
 */
#include "access/internal.h"

#include "base/log.h"

/* KEY in relay_clientcerts? */
static bool is_listed(struct access_run *run, struct view key)
{
    struct view value;
    if (view_is_empty(key))
        return false;
    enum table_result found =
        maps_get(run->access->client_certs, key, run->arena, &value, &run->error);
    if (found == TABLE_ERROR)
        log_warning("relay_clientcerts: lookup error for fingerprint '%.*s': %s",
                    VIEW_FMT(key), run->error.text);
    return found == TABLE_FOUND;
}

enum access_says ask_permit_tls_clientcerts(struct access_run *run,
                                            const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    if (is_listed(run, s->ccert_fingerprint) ||
        is_listed(run, s->ccert_pubkey_fingerprint))
        return access_permit(run, r->text, ACCESS_CLIENT, NULL);
    return SAYS_DUNNO;
}

/* A certificate from an authority that we trust, or one of the list. */
enum access_says ask_permit_tls_all_clientcerts(struct access_run *run,
                                                const struct restriction *r)
{
    return run->subject->ccert_trusted ? access_permit(run, r->text, ACCESS_CLIENT, NULL)
                                       : ask_permit_tls_clientcerts(run, r);
}

/* The certificate's fingerprint, then that of its key. */
enum access_says ask_ccert_access(struct access_run *run, const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    const struct view keys[] = {s->ccert_fingerprint, s->ccert_pubkey_fingerprint};
    enum access_says says;
    for (size_t i = 0; i < 2; i++) {
        if (!view_is_empty(keys[i]) &&
            access_try_whole(run, r, keys[i], s->ccert_subject, "Client certificate",
                             ACCESS_CLIENT, &says))
            return says;
    }
    return SAYS_DUNNO;
}

enum access_says ask_sasl_access(struct access_run *run, const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    enum access_says says;
    return !view_is_empty(s->sasl_username) &&
                   access_try_whole(run, r, s->sasl_username, s->sasl_username,
                                    "SASL login name", ACCESS_CLIENT, &says)
               ? says
               : SAYS_DUNNO;
}

enum access_says ask_reject_plaintext(struct access_run *run, const struct restriction *r)
{
    (void)r;
    if (run->subject->tls)
        return SAYS_DUNNO;
    return access_refuse(run, (int)conf_int(run->access->conf, P_plaintext_reject_code),
                         "4.7.1", "Session encryption is required");
}

/* The logins that own the sender (smtpd_sender_login_maps); *FOUND: it has some.  False
 * when that cannot be known now. */
static bool find_owners(struct access_run *run, struct view *owners, bool *found)
{
    struct resolved to;
    struct view sender = run->subject->sender;
    if (resolve_address(run->access->rewrite, VIEW_NONE, sender, run->arena, &to,
                        &run->error) != OK)
        return false;
    if (!to.is_error && !view_is_empty(to.recipient))
        sender = to.recipient;
    enum table_result got =
        rewrite_find_address(run->access->rewrite, run->access->sender_logins, sender,
                             run->arena, owners, NULL, &run->error);
    *found = got == TABLE_FOUND;
    return got != TABLE_ERROR;
}

static bool is_owner(struct view owners, struct view login)
{
    struct view word;
    while (view_token(&owners, VIEW(", \t\r\n"), &word)) {
        if (view_eq_case(word, login))
            return true;
    }
    return false;
}

/* reject_sender_login_mismatch and its three parts. */
enum access_says ask_sender_login(struct access_run *run, const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    struct view name = view_of(r->type->name), owners = VIEW_NONE;
    bool known = view_starts(name, VIEW("reject_known"));
    bool logged_in = !view_is_empty(s->sasl_username), found;
    if (!s->has_sender || view_is_empty(s->sender) ||
        (logged_in && view_starts(name, VIEW("reject_unauthenticated"))) ||
        (!logged_in && view_starts(name, VIEW("reject_authenticated"))))
        return SAYS_DUNNO;
    if (!find_owners(run, &owners, &found))
        return access_refuse(run, 451, "4.3.0", "<%.*s>: Temporary lookup failure",
                             VIEW_FMT(s->sender));
    if (!logged_in)
        return found ? access_refuse(run, 553, "5.7.1",
                                     "<%.*s>: Sender address rejected: not logged in",
                                     VIEW_FMT(s->sender))
                     : SAYS_DUNNO;
    if ((!found && known) || is_owner(owners, s->sasl_username))
        return SAYS_DUNNO;
    return access_refuse(run, 553, "5.7.1",
                         "<%.*s>: Sender address rejected: not owned by user %.*s",
                         VIEW_FMT(s->sender), VIEW_FMT(s->sasl_username));
}
