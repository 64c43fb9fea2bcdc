/* starttls - encryption, by the command or from the first byte
 *
 * What came in clear behind the command is thrown away unread (RFC 9051 6.2.1, RFC 2595
 * 2.1), so that nobody on the way can put words into the client's mouth.
 */
#include "login.h"

#include "base/log.h"
#include "tls/role.h"

void login_tls_setup(struct login *l)
{
    const struct conf *c = l->conf;
    struct error e = ERROR_INIT;

    l->tls_wrapper = conf_bool(c, P_login_tls_wrappermode);
    l->tls_level = l->tls_wrapper
                       ? LOGIN_TLS_ENCRYPT
                       : (enum login_tls_level)conf_choice(c, P_login_tls_security_level);
    if (l->is_standalone) /* no right to read keys */
        l->tls_level = LOGIN_TLS_NONE;
    if (l->tls_level == LOGIN_TLS_NONE)
        return;
    l->tls_loglevels = maps_open(c, conf_view(c, P_smtpd_tls_loglevel_maps), TABLE_FOLD);
    l->tls = tls_server_new(c, &e);
    if (!l->tls)
        log_warning("%s", e.text);
    tls_tickets_share(c);
}

void login_tls_free(struct login *l)
{
    tls_server_free(l->tls);
    if (l->tls_loglevels)
        maps_close(l->tls_loglevels);
}

bool session_offers_tls(const struct session *s)
{
    return s->login->tls && !tls_is_on(&s->tls);
}

bool session_is_safe(const struct session *s)
{
    const struct login *l = s->login;

    if (tls_is_on(&s->tls))
        return true;
    return l->tls_level != LOGIN_TLS_ENCRYPT &&
           !conf_bool(l->conf, P_login_tls_auth_only);
}

bool session_start_tls(struct session *s)
{
    struct login *l = s->login;
    struct tls_accept how = {.peer = s->client_display,
                             .service = view_of(l->protocol->name),
                             .mandatory = l->tls_level == LOGIN_TLS_ENCRYPT,
                             .loglevel =
                                 tls_loglevel(l->conf, &tls_role_server, l->tls_loglevels,
                                              s->client_name, s->client_address)};

    if (!l->tls) {
        log_warning("%.*s: no TLS: see the warnings above", VIEW_FMT(s->client_display));
        s->lost = true;
        return false;
    }
    stream_drop_input(s->stream);
    if (tls_accept(l->tls, s->stream, &how, s->arena, &s->tls))
        return true;
    s->tls = (struct tls_facts){.asked = false};
    s->lost = true;
    return false;
}
