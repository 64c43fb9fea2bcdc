/* milters - see milters.h
 */
#include "access/milters.h"

#include "base/log.h"
#include "base/memory.h"
#include "milter/macro.h"
#include "table/table.h"

struct access_milters {
    const struct conf *conf;
    struct milter_list *all; /* smtpd_milters; NULL: none */
    struct maps *by_client;  /* smtpd_milter_maps */
};

static bool has_no_milters(const struct conf *c)
{
    struct view rest = conf_view(c, P_receive_override_options), word;
    while (conf_list_next(&rest, &word)) {
        if (view_eq_case(word, VIEW("no_milters")))
            return true;
    }
    return false;
}

struct access_milters *access_milters_new(const struct conf *c, struct error *e)
{
    struct access_milters *m = NEW(struct access_milters);
    m->conf = c;
    if (has_no_milters(c))
        return m;
    m->all = milter_list_new(c, conf_view(c, P_smtpd_milters), e);
    if (!m->all) {
        memory_free(m);
        return NULL;
    }
    m->by_client = maps_open(c, conf_view(c, P_smtpd_milter_maps), 0);
    return m;
}

void access_milters_free(struct access_milters *m)
{
    if (!m)
        return;
    milter_list_free(m->all);
    maps_close(m->by_client);
    memory_free(m);
}

bool access_milters_choose(const struct access_milters *m, const struct access_subject *f,
                           struct arena *a, const struct milter_list **list,
                           struct milter_list **own)
{
    struct error e = ERROR_INIT;
    struct view value;
    *list = m ? m->all : NULL;
    *own = NULL;
    if (!*list || maps_is_empty(m->by_client))
        return true;
    switch (maps_get(m->by_client, f->client_address, a, &value, &e)) {
    case TABLE_FOUND:
        if (view_eq_case(value, VIEW("DISABLE"))) {
            *list = NULL;
            return true;
        }
        *list = *own = milter_list_new(m->conf, value, &e);
        break;
    case TABLE_ERROR:
        *list = NULL;
        break;
    case TABLE_NOT_FOUND:
    default:
        return true;
    }
    if (!*list)
        log_warning("smtpd_milter_maps: %.*s: %s", VIEW_FMT(f->client_address), e.text);
    return *list != NULL;
}

static int family_of(struct view address)
{
    struct net_address a;
    return net_address_parse(address, 0, &a) ? net_address_family(&a) : AF_UNSPEC;
}

struct milter_reply
access_milters_connect(struct milters *m, const struct access_subject *f, struct arena *a)
{
    struct view name = f->client_name;
    if (view_eq(name, VIEW("unknown"))) /* as Sendmail names it */
        name = arena_printf(a, "[%.*s]", VIEW_FMT(f->client_address));
    return milters_connect(m, name, family_of(f->client_address), f->client_address,
                           f->client_port);
}

struct view access_milter_text(struct milter_reply r)
{
    return r.verdict == MILTER_REFUSE     ? r.text
           : r.verdict == MILTER_SHUTDOWN ? VIEW("421 4.7.0 Server closing connection")
                                          : VIEW_NONE;
}

struct view access_milter_greeting(struct view text, struct view host, struct arena *a)
{
    if (view_starts(text, VIEW("421")))
        return arena_printf(a, "421 %.*s Service unavailable - try again later",
                            VIEW_FMT(host));
    if (view_starts(text, VIEW("5")))
        return arena_printf(a, "554 %.*s ESMTP not accepting connections",
                            VIEW_FMT(host));
    return VIEW_NONE;
}

bool access_is_discarded(const struct access_effect *effects)
{
    while (effects && effects->kind != ACCESS_DISCARD)
        effects = effects->next;
    return effects != NULL;
}

/* --- macros --- */

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

static bool of_sender(const struct access_milter_facts *facts, struct view part,
                      struct str *value)
{
    struct view sender = facts->subject->sender;
    if (!facts->subject->has_sender)
        return false;
    if (view_is_empty(sender) && view_eq(part, VIEW("addr}")))
        return true; /* a report's sender is known, and empty */
    return milter_macro_of_address(facts->rewrite, sender, part, value);
}

static bool of_recipient(const struct access_milter_facts *facts, struct view part,
                         struct str *value)
{
    if (!view_is_empty(facts->refusal))
        return refused(facts->refusal, part, value);
    return !view_is_empty(facts->recipient) &&
           milter_macro_of_address(facts->rewrite, facts->recipient, part, value);
}

/* "name [address]", and a doubt where there is one. */
static bool client(const struct access_subject *f, struct str *value)
{
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

bool access_milter_macro(const struct access_milter_facts *facts, struct view name,
                         struct str *value)
{
    const struct access_subject *f = facts->subject;
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
        return client(f, value);
    if (view_eq(name, VIEW("{cipher_bits}")))
        return f->tls && str_addf(value, "%u", f->tls_keysize);
    if (view_starts(name, VIEW("{mail_")))
        return of_sender(facts, view_from(name, 6), value);
    if (view_starts(name, VIEW("{rcpt_")))
        return of_recipient(facts, view_from(name, 6), value);
    return false;
}
