/* envelope - the MAIL and RCPT lines (RFC 5321 4.1.1, 1870, 6152, 3461, 6531)
 */
#include "client.h"

#include "format/address.h"
#include "format/xtext.h"

static bool offers(const struct connection *k, unsigned keyword)
{
    return (k->features.keywords & keyword) != 0;
}

bool envelope_quote(const struct job *j, struct view address, struct view *out,
                    struct error *e)
{
    const struct client *c = j->client;
    struct str text = STR_INIT(ADDRESS_QUOTED_MAX);
    bool fits = conf_bool(c->conf, PARAMETER(c, quote_rfc821_envelope))
                    ? address_quote_821(address, &text)
                    : str_add(&text, address);
    bool good = fits && view_find_any(str_view(&text), VIEW("\r\n\0")) == VIEW_NPOS;
    if (good)
        *out = arena_dup(j->delivery->arena, str_view(&text));
    else
        error_set(e, "5.1.3", "%s",
                  fits ? "address has a line end or a null byte in it"
                       : "address is too long for SMTP");
    str_done(&text);
    return good;
}

void envelope_mail(const struct job *j, const struct connection *k, struct view address,
                   struct str *out)
{
    const struct delivery *d = j->delivery;
    const struct envelope *env = &d->envelope;
    str_addf(out, "MAIL FROM:<%.*s>", VIEW_FMT(address));
    if (offers(k, EHLO_SIZE) && !content_plan_for(j, k).downgrade)
        str_addf(out, " SIZE=%llu", (unsigned long long)d->content_size);
    if (offers(k, EHLO_8BITMIME) && (env->flags & MESSAGE_8BIT))
        str_add(out, VIEW(" BODY=8BITMIME"));
    if (offers(k, EHLO_SMTPUTF8) && (env->flags & MESSAGE_SMTPUTF8))
        str_add(out, VIEW(" SMTPUTF8"));
    if (offers(k, EHLO_DSN) && !view_is_empty(env->envid)) {
        str_add(out, VIEW(" ENVID="));
        (void)xtext_encode(env->envid, VIEW("+="), out);
    }
    if (offers(k, EHLO_DSN) && env->ret != DSN_RET_NONE)
        str_add(out, env->ret == DSN_RET_FULL ? VIEW(" RET=FULL") : VIEW(" RET=HDRS"));
    /* We are who logged in, the sender may be anybody (RFC 4954 5). */
    if (offers(k, EHLO_AUTH) && j->client->auth &&
        conf_bool(j->client->conf, PARAMETER(j->client, send_dummy_mail_auth)))
        str_add(out, VIEW(" AUTH=<>"));
}

static void add_notify(struct str *out, unsigned notify)
{
    static const struct {
        unsigned bit;
        const char *name;
    } words[] = {{NOTIFY_NEVER, "NEVER"},
                 {NOTIFY_SUCCESS, "SUCCESS"},
                 {NOTIFY_FAILURE, "FAILURE"},
                 {NOTIFY_DELAY, "DELAY"}};
    const char *separator = " NOTIFY=";
    for (size_t i = 0; i < 4; i++) {
        if (notify & words[i].bit) {
            str_addf(out, "%s%s", separator, words[i].name);
            separator = ",";
        }
    }
}

/* ORCPT as received; else made from the original recipient. */
static void add_orcpt(const struct job *j, const struct recipient *r, struct str *out)
{
    struct view original;
    struct error e = ERROR_INIT;
    if (!view_is_empty(r->orcpt)) {
        str_addf(out, " ORCPT=%.*s", VIEW_FMT(r->orcpt));
        return;
    }
    if (view_is_empty(r->original) || !envelope_quote(j, r->original, &original, &e))
        return;
    bool ascii = view_is_ascii(original);
    if (!ascii && !view_is_utf8(original))
        return;
    str_add(out, ascii ? VIEW(" ORCPT=rfc822;") : VIEW(" ORCPT=utf-8;"));
    (void)(ascii ? xtext_encode(original, VIEW("+="), out)
                 : uxtext_encode(original, VIEW("+="), out));
}

void envelope_rcpt(const struct job *j, const struct connection *k,
                   const struct recipient *r, struct view address, struct str *out)
{
    str_addf(out, "RCPT TO:<%.*s>", VIEW_FMT(address));
    if (!offers(k, EHLO_DSN))
        return;
    add_orcpt(j, r, out);
    add_notify(out, r->notify);
}

bool envelope_needs_utf8(const struct job *j)
{
    const struct delivery *d = j->delivery;
    if (!(d->envelope.flags & MESSAGE_SMTPUTF8))
        return false;
    if (!view_is_ascii(j->sender))
        return true;
    for (size_t i = 0; i < d->n_recipients; i++) {
        if (!view_is_ascii(d->recipients[i].in.address))
            return true;
    }
    return content_header_is_8bit(j);
}
