/* ldap_connect - the connection of an ldap: table: options, STARTTLS, bind, search */
#include "table/modules/ldap_table.h"

#include "base/clock.h"

void directory_hang_up(struct session *s)
{
    if (s->ld)
        (void)ldap_unbind_ext_s(s->ld, NULL, NULL);
    s->ld = NULL;
}

static bool failed(int code, const char *what, struct error *e)
{
    error_set(e, "4.3.0", "%s: %s", what, ldap_err2string(code));
    return false;
}

/* One TLS option when it is set. */
static bool set_tls_option(LDAP *ld, int option, const char *value)
{
    return value[0] == '\0' || ldap_set_option(ld, option, value) == LDAP_OPT_SUCCESS;
}

static bool set_tls(struct session *s, struct error *e)
{
    int need = s->requires_cert ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_ALLOW, zero = 0;

    if (ldap_set_option(s->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &need) == LDAP_OPT_SUCCESS &&
        set_tls_option(s->ld, LDAP_OPT_X_TLS_CACERTFILE, s->ca_file) &&
        set_tls_option(s->ld, LDAP_OPT_X_TLS_CACERTDIR, s->ca_dir) &&
        set_tls_option(s->ld, LDAP_OPT_X_TLS_CERTFILE, s->cert) &&
        set_tls_option(s->ld, LDAP_OPT_X_TLS_KEYFILE, s->key) &&
        set_tls_option(s->ld, LDAP_OPT_X_TLS_CIPHER_SUITE, s->ciphers) &&
        ldap_set_option(s->ld, LDAP_OPT_X_TLS_NEWCTX, &zero) == LDAP_OPT_SUCCESS)
        return true;
    error_set(e, "4.3.5", "TLS settings are not accepted");
    return false;
}

static bool set_options(struct session *s, struct error *e)
{
    struct timeval limit = {.tv_sec = s->timeout / CLOCK_SECOND,
                            .tv_usec = s->timeout % CLOCK_SECOND};
    int version = (int)s->version, dereference = (int)s->dereference;
    int size = (int)s->size_limit;

    if (ldap_set_option(s->ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
        ldap_set_option(s->ld, LDAP_OPT_NETWORK_TIMEOUT, &limit) == LDAP_OPT_SUCCESS &&
        ldap_set_option(s->ld, LDAP_OPT_TIMEOUT, &limit) == LDAP_OPT_SUCCESS &&
        ldap_set_option(s->ld, LDAP_OPT_DEREF, &dereference) == LDAP_OPT_SUCCESS &&
        ldap_set_option(s->ld, LDAP_OPT_SIZELIMIT, &size) == LDAP_OPT_SUCCESS &&
        ldap_set_option(s->ld, LDAP_OPT_REFERRALS,
                        s->chases_referrals ? LDAP_OPT_ON : LDAP_OPT_OFF) ==
            LDAP_OPT_SUCCESS)
        return true;
    error_set(e, "4.3.5", "LDAP settings are not accepted");
    return false;
}

static bool bind_simple(struct session *s, struct error *e)
{
    struct berval password = {.bv_val = (char *)(uintptr_t)s->bind_pw,
                              .bv_len = strlen(s->bind_pw)};
    int code = ldap_sasl_bind_s(s->ld, s->bind_dn, LDAP_SASL_SIMPLE, &password, NULL,
                                NULL, NULL);

    return code == LDAP_SUCCESS || failed(code, "bind", e);
}

static bool bind_to(struct session *s, struct error *e)
{
    switch (s->bind) {
    case BIND_SIMPLE:
        return bind_simple(s, e);
    case BIND_SASL:
        return directory_bind_sasl(s, e);
    case BIND_NONE:
        break;
    }
    return true;
}

bool directory_connect(struct session *s, struct error *e)
{
    if (s->ld)
        return true;
    int code = ldap_initialize(&s->ld, s->uris);
    if (code != LDAP_SUCCESS)
        return failed(code, s->uris, e);
    bool ok = set_options(s, e) && set_tls(s, e);
    if (ok && s->starts_tls &&
        (code = ldap_start_tls_s(s->ld, NULL, NULL)) != LDAP_SUCCESS)
        ok = failed(code, "STARTTLS", e);
    if (ok && bind_to(s, e))
        return true;
    error_prefix(e, "connect to %s: ", s->uris);
    directory_hang_up(s);
    return false;
}

int directory_ask(struct session *s, const char *base, int scope, const char *filter,
                  char **attributes, LDAPMessage **result)
{
    struct timeval limit = {.tv_sec = s->timeout / CLOCK_SECOND,
                            .tv_usec = s->timeout % CLOCK_SECOND};

    return ldap_search_ext_s(s->ld, base, scope, filter, attributes, 0, NULL, NULL,
                             &limit, (int)s->size_limit, result);
}
