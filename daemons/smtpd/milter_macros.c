/* milter_macros - what the session tells milters of itself
 *
 * MILTER_README, "Sendmail macro emulation".
 */
#include "milter.h"

#include "cleanup/milter_macros.h"
#include "transaction.h"

/* A recipient that is refused: "550 5.1.1 text" in the three parts. */
static bool refused(struct view refusal, struct view part, struct str *value)
{
    struct view status, text;
    view_cut(view_from(refusal, 4), ' ', &status, &text);
    size_t colon = view_find_view(text, VIEW(">: "));
    if (view_starts(text, VIEW("<")) && colon != VIEW_NPOS)
        text = view_from(text, colon + 3);
    if (view_eq(part, VIEW("mailer}")))
        return str_set(value, VIEW("error"));
    return str_set(value, view_eq(part, VIEW("host}")) ? status : text);
}

static bool of_sender(struct session *s, struct view part, struct str *value)
{
    if (!s->facts.has_sender)
        return false;
    if (view_is_empty(s->facts.sender) && view_eq(part, VIEW("addr}")))
        return true; /* a report's sender is known, and empty */
    return milter_macro_of_address(s->server->rewrite, s->facts.sender, part, value);
}

static bool of_recipient(struct session *s, struct view part, struct str *value)
{
    const struct transaction *t = s->transaction;
    struct view address = s->facts.recipient;
    if (!view_is_empty(s->milter_refusal))
        return refused(s->milter_refusal, part, value);
    if (view_is_empty(address) && t && t->recipients == 1)
        address = t->first_recipient;
    return !view_is_empty(address) &&
           milter_macro_of_address(s->server->rewrite, address, part, value);
}

/* "name [address]", and a doubt where there is one. */
static bool client(const struct session *s, struct str *value)
{
    const struct access_subject *f = &s->facts;
    struct view reverse = f->reverse_name;
    if (view_eq(reverse, VIEW("unknown"))) /* XCLIENT told the other alone */
        reverse = f->client_name;
    str_addf(value, "%.*s [%s%.*s]", VIEW_FMT(reverse),
             view_has(f->client_address, ':') ? "IPv6:" : "",
             VIEW_FMT(f->client_address));
    if (!view_eq_case(f->client_name, reverse))
        str_add_cstr(value, " (may be forged)");
    return true;
}

static struct view certainty(const struct access_subject *f)
{
    switch (f->name_status) {
    case ACCESS_NAME_OK:
        return VIEW("OK");
    case ACCESS_NAME_TEMPFAIL:
        return VIEW("TEMP");
    case ACCESS_NAME_PERMFAIL:
    default:
        return f->reverse_name_status == ACCESS_NAME_OK ? VIEW("FORGED") : VIEW("FAIL");
    }
}

bool milter_session_macro(void *context, struct view name, struct str *value)
{
    struct session *s = context;
    const struct access_subject *f = &s->facts;
    const struct milter_macro known[] = {
        {"i", f->queue_id},
        {"{auth_type}", f->sasl_method},
        {"{auth_authen}", f->sasl_username},
        {"{auth_author}", f->sasl_sender},
        {"{client_addr}", f->client_address},
        {"{client_name}", f->client_name},
        {"{client_port}", f->client_port},
        {"{client_ptr}", f->reverse_name},
        {"{client_resolve}", certainty(f)},
        {"{daemon_addr}", f->server_address},
        {"{daemon_port}", f->server_port},
        {"{tls_version}", f->tls_protocol},
        {"{cipher}", f->tls_cipher},
        {"{cert_subject}", f->ccert_subject},
        {"{cert_issuer}", f->ccert_issuer},
    };
    const struct view *found =
        milter_macro_find(known, sizeof known / sizeof known[0], name);
    if (found)
        return !view_is_empty(*found) && str_set(value, *found);
    if (view_eq(name, VIEW("_")))
        return client(s, value);
    if (view_eq(name, VIEW("{cipher_bits}")))
        return f->tls && str_addf(value, "%u", f->tls_keysize);
    if (view_starts(name, VIEW("{mail_")))
        return of_sender(s, view_from(name, 6), value);
    if (view_starts(name, VIEW("{rcpt_")))
        return of_recipient(s, view_from(name, 6), value);
    return false;
}
