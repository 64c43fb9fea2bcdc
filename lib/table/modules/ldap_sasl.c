/* ldap_sasl - bind = sasl of an ldap: table
 *
 * EXTERNAL is a word of the protocol; all other mechanisms are Cyrus SASL's, which the
 * LDAP library loads.  What a mechanism wants to know is answered from the file: bind_dn
 * is the login name, bind_pw the password.  Source: ldap_table(5), ldap_sasl_bind(3).
 */
#include "table/modules/ldap_table.h"

#ifdef SASL_HEADER
#include SASL_HEADER

static const char *answer_of(const struct session *s, unsigned long id)
{
    switch (id) {
    case SASL_CB_AUTHNAME:
        return s->bind_dn;
    case SASL_CB_PASS:
        return s->bind_pw;
    case SASL_CB_USER:
        return s->sasl_authz_id;
    case SASL_CB_GETREALM:
        return s->sasl_realm;
    default:
        return "";
    }
}

static int answer(LDAP *ld, unsigned flags, void *session, void *questions)
{
    (void)ld;
    (void)flags;
    for (sasl_interact_t *q = questions; q->id != SASL_CB_LIST_END; q++) {
        const char *text = answer_of(session, q->id);
        if (text[0] == '\0' && q->defresult)
            text = q->defresult;
        q->result = text;
        q->len = (unsigned)strlen(text);
    }
    return LDAP_SUCCESS;
}

static int bind_by_library(struct session *s)
{
    ber_len_t strength = (ber_len_t)s->sasl_minssf;

    if (strength > 0 &&
        ldap_set_option(s->ld, LDAP_OPT_X_SASL_SSF_MIN, &strength) != LDAP_OPT_SUCCESS)
        return LDAP_PARAM_ERROR;
    return ldap_sasl_interactive_bind_s(s->ld, NULL,
                                        s->sasl_mechs[0] ? s->sasl_mechs : NULL, NULL,
                                        NULL, LDAP_SASL_QUIET, answer, s);
}
#else
static int bind_by_library(struct session *s)
{
    (void)s;
    return LDAP_AUTH_METHOD_NOT_SUPPORTED;
}
#endif

/* Who we are is what the connection says (ldapi: or a certificate). */
static int bind_external(struct session *s)
{
    struct berval none = {.bv_val = NULL};

    return ldap_sasl_bind_s(s->ld, NULL, "EXTERNAL", &none, NULL, NULL, NULL);
}

bool directory_bind_sasl(struct session *s, struct error *e)
{
    bool is_external = view_eq_case(view_of(s->sasl_mechs), VIEW("EXTERNAL"));
    int code = is_external ? bind_external(s) : bind_by_library(s);
    char *why = NULL;

    if (code == LDAP_SUCCESS)
        return true;
    (void)ldap_get_option(s->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &why);
    error_set(e, "4.3.0", "SASL bind: %s%s%s", ldap_err2string(code), why ? ": " : "",
              why ? why : "");
    ldap_memfree(why);
    return false;
}
