/* ldap_table - tables of type ldap: inside of the module; not for others */
#ifndef TABLE_MODULES_LDAP_TABLE_H
#define TABLE_MODULES_LDAP_TABLE_H

#include "table/client.h"
#include "table/expand.h"

#include <ldap.h>

/* What an attribute of the table is for, in the order of the list that is asked for. */
enum attribute_kind {
    ATTRIBUTE_RESULT,
    ATTRIBUTE_LEAF,
    ATTRIBUTE_TERMINAL,
    ATTRIBUTE_SPECIAL
};

struct attributes {
    char **names; /* ends with NULL; for ldap_search */
    enum attribute_kind *kinds;
    size_t n;
    bool has_leaf, has_terminal, has_special;
};

struct session {
    const struct client_source *source;
    char *uris;
    const char *bind_dn, *bind_pw;
    const char *sasl_mechs, *sasl_realm, *sasl_authz_id;
    const char *ca_file, *ca_dir, *cert, *key, *ciphers;
    struct view base, filter, result_format;
    enum { BIND_NONE, BIND_SIMPLE, BIND_SASL } bind;
    int scope;
    int64_t timeout, recursion_limit, expansion_limit, size_limit, dereference, version;
    int64_t debug_level, sasl_minssf;
    bool chases_referrals, starts_tls, requires_cert;
    struct attributes attributes;
    LDAP *ld; /* NULL: not connected */
};

/* Connect and bind when that is not done. */
bool directory_connect(struct session *s, struct error *e) MUST_CHECK;
/* bind = sasl.  False with *E. */
bool directory_bind_sasl(struct session *s, struct error *e) MUST_CHECK;
void directory_hang_up(struct session *s);
/* One search; the result in *RESULT, to be freed also on failure. An LDAP result code. */
int directory_ask(struct session *s, const char *base, int scope, const char *filter,
                  char **attributes, LDAPMessage **result);
/* Values of all entries in RESULT added to LIST, those that they refer to included. */
bool directory_collect(struct session *s, LDAPMessage *result, unsigned depth,
                       struct expand_list *list, struct error *e) MUST_CHECK;

#endif
