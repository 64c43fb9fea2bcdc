/* ldap - tables of type ldap:, in LDAP servers (OpenLDAP, Active Directory); a loadable
 * module
 *
 * Settings: server_host, server_port, timeout, search_base, query_filter, result_format
 * (result_filter), result_attribute, special_result_attribute,
 * terminal_result_attribute, leaf_result_attribute, scope, bind, bind_dn, bind_pw,
 * sasl_mechs, sasl_realm, sasl_authz_id, sasl_minssf, recursion_limit, expansion_limit,
 * size_limit, dereference, chase_referrals, version, debuglevel, start_tls,
 * tls_ca_cert_dir, tls_ca_cert_file, tls_cert, tls_key, tls_require_cert,
 * tls_cipher_suite; domain is looked at before. Source: ldap_table(5).
 */
#include "table/modules/ldap_table.h"

#include "base/clock.h"
#include "base/memory.h"

enum { TEXT_MAX = 64 * 1024 };

/* --- settings --- */

/* "host host:port ldap://..." as a list of addresses. */
static bool take_servers(struct session *s, struct error *e)
{
    struct view rest = view_of(client_text(s->source, "server_host", "localhost")), word;
    struct str uris = STR_INIT(TEXT_MAX);
    int64_t port;

    if (!client_number(s->source, "server_port", 1, 65535, 389, &port, e))
        return false;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (uris.n > 0)
            str_add_char(&uris, ' ');
        if (view_find_view(word, VIEW("://")) != VIEW_NPOS)
            str_add(&uris, word);
        else if (view_has(word, ':'))
            str_addf(&uris, "ldap://%.*s", VIEW_FMT(word));
        else
            str_addf(&uris, "ldap://%.*s:%lld", VIEW_FMT(word), (long long)port);
    }
    s->uris = memory_cstr(str_cstr(&uris));
    str_done(&uris);
    return true;
}

static bool take_scope(struct session *s, struct error *e)
{
    const char *scope = client_text(s->source, "scope", "sub");

    if (strcmp(scope, "one") == 0)
        s->scope = LDAP_SCOPE_ONELEVEL;
    else if (strcmp(scope, "base") == 0)
        s->scope = LDAP_SCOPE_BASE;
    else if (strcmp(scope, "sub") == 0)
        s->scope = LDAP_SCOPE_SUBTREE;
    else
        error_set(e, "4.3.5", "unrecognized scope: %s", scope);
    return !error_is_set(e);
}

static bool take_bind(struct session *s, struct error *e)
{
    const struct client_source *from = s->source;
    struct view how = view_of(client_text(from, "bind", "yes"));

    s->bind_dn = client_text(from, "bind_dn", "");
    s->bind_pw = client_text(from, "bind_pw", "");
    s->sasl_mechs = client_text(from, "sasl_mechs", "");
    s->sasl_realm = client_text(from, "sasl_realm", "");
    s->sasl_authz_id = client_text(from, "sasl_authz_id", "");
    s->bind = BIND_SIMPLE;
    if (view_eq_case(how, VIEW("no")) || view_eq_case(how, VIEW("none")))
        s->bind = BIND_NONE;
    else if (view_eq_case(how, VIEW("sasl")))
        s->bind = BIND_SASL;
    else if (!view_eq_case(how, VIEW("yes")) && !view_eq_case(how, VIEW("simple")))
        error_set(e, "4.3.5", "unknown bind: %.*s", VIEW_FMT(how));
    return !error_is_set(e);
}

static void add_attributes(struct session *s, const char *setting, const char *fallback,
                           enum attribute_kind kind, bool *any)
{
    struct view rest = view_of(client_text(s->source, setting, fallback)), word;
    struct attributes *a = &s->attributes;

    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        a->names = memory_resize(a->names, (a->n + 2) * sizeof *a->names);
        a->kinds = memory_resize(a->kinds, (a->n + 1) * sizeof *a->kinds);
        a->names[a->n] = memory_alloc(word.n + 1);
        memcpy(a->names[a->n], word.p, word.n);
        a->kinds[a->n++] = kind;
        a->names[a->n] = NULL;
        *any = true;
    }
}

static bool take_attributes(struct session *s, struct error *e)
{
    struct attributes *a = &s->attributes;
    bool any = false;

    add_attributes(s, "result_attribute", "maildrop", ATTRIBUTE_RESULT, &any);
    add_attributes(s, "terminal_result_attribute", "", ATTRIBUTE_TERMINAL,
                   &a->has_terminal);
    add_attributes(s, "leaf_result_attribute", "", ATTRIBUTE_LEAF, &a->has_leaf);
    add_attributes(s, "special_result_attribute", "", ATTRIBUTE_SPECIAL, &a->has_special);
    if (a->n == 0)
        error_set(e, "4.3.5", "no result_attribute");
    return a->n > 0;
}

static bool take_limits(struct session *s, struct error *e)
{
    const struct client_source *from = s->source;

    return client_time(from, "timeout", 10 * CLOCK_SECOND, &s->timeout, e) &&
           client_number(from, "recursion_limit", 1, INT32_MAX, 1000, &s->recursion_limit,
                         e) &&
           client_number(from, "expansion_limit", 0, INT32_MAX, 0, &s->expansion_limit,
                         e) &&
           client_number(from, "size_limit", 0, INT32_MAX, s->expansion_limit,
                         &s->size_limit, e) &&
           client_number(from, "dereference", 0, 3, 0, &s->dereference, e) &&
           client_number(from, "version", 2, 3, 3, &s->version, e) &&
           client_number(from, "sasl_minssf", 0, 256, 0, &s->sasl_minssf, e) &&
           client_number(from, "debuglevel", 0, INT32_MAX, 0, &s->debug_level, e);
}

/* "yes", "no", and "1" and "0", as older files have it. */
static bool take_flag(struct session *s, const char *name, bool *flag, struct error *e)
{
    const char *text = client_text(s->source, name, "");

    *flag = strcmp(text, "1") == 0;
    return *flag || strcmp(text, "0") == 0 ||
           client_bool(s->source, name, false, flag, e);
}

static bool take_tls(struct session *s, struct error *e)
{
    const struct client_source *from = s->source;

    s->ca_file = client_text(from, "tls_ca_cert_file", "");
    s->ca_dir = client_text(from, "tls_ca_cert_dir", "");
    s->cert = client_text(from, "tls_cert", "");
    s->key = client_text(from, "tls_key", "");
    s->ciphers = client_text(from, "tls_cipher_suite", "");
    return take_flag(s, "start_tls", &s->starts_tls, e) &&
           take_flag(s, "tls_require_cert", &s->requires_cert, e) &&
           take_flag(s, "chase_referrals", &s->chases_referrals, e);
}

static bool take_formats(struct session *s, struct error *e)
{
    const struct client_source *from = s->source;

    s->base = view_of(client_text(from, "search_base", ""));
    s->filter = view_of(client_text(from, "query_filter", "mailacceptinggeneralid=%s"));
    s->result_format = view_of(
        client_text(from, "result_format", client_text(from, "result_filter", "%s")));
    return expand_check(s->base, "search_base", e) &&
           expand_check(s->filter, "query_filter", e) &&
           expand_check(s->result_format, "result_format", e);
}

/* --- the table --- */

static void close_session(void *session)
{
    struct session *s = session;

    directory_hang_up(s);
    for (size_t i = 0; i < s->attributes.n; i++)
        memory_free(s->attributes.names[i]);
    memory_free(s->attributes.names);
    memory_free(s->attributes.kinds);
    memory_free(s->uris);
    memory_free(s);
}

static void *open_session(const struct client_source *source, struct error *e)
{
    static const char *const gone[] = {"cache", "cache_expiry", "cache_size"};
    struct session *s = NEW(struct session);

    s->source = source;
    if (!take_servers(s, e) || !take_scope(s, e) || !take_bind(s, e) ||
        !take_attributes(s, e) || !take_limits(s, e) || !take_tls(s, e) ||
        !take_formats(s, e)) {
        close_session(s);
        return NULL;
    }
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        if (client_text(source, gone[i], "")[0])
            source->warn(source, "%s is ignored: the LDAP library has no cache", gone[i]);
    if (s->debug_level > 0) {
        int level = (int)s->debug_level;
        (void)ldap_set_option(NULL, LDAP_OPT_DEBUG_LEVEL, &level);
    }
    return s;
}

/* Is the connection to blame for CODE? */
static bool is_lost(int code)
{
    return code < 0 || code == LDAP_UNAVAILABLE || code == LDAP_BUSY ||
           code == LDAP_UNWILLING_TO_PERFORM;
}

/* Search, a second time on a fresh connection when an old one was dead. */
static int search(struct session *s, const char *base, const char *filter,
                  LDAPMessage **result, struct error *e)
{
    bool was_old;
    int code;

    do {
        was_old = s->ld != NULL;
        if (!directory_connect(s, e))
            return LDAP_CONNECT_ERROR;
        ldap_msgfree(*result);
        *result = NULL;
        code = directory_ask(s, base, s->scope, filter, s->attributes.names, result);
        if (is_lost(code))
            directory_hang_up(s);
    } while (is_lost(code) && was_old);
    return code;
}

static enum table_result look_up(struct session *s, struct str *base, struct str *filter,
                                 struct expand_list *list, struct error *e)
{
    LDAPMessage *result = NULL;
    enum table_result found = TABLE_ERROR;
    int code = search(s, str_cstr(base), str_cstr(filter), &result, e);

    if (code == LDAP_SUCCESS) {
        if (directory_collect(s, result, 0, list, e))
            found = list->out->n > 0 ? TABLE_FOUND : TABLE_NOT_FOUND;
    } else if (code == LDAP_NO_SUCH_OBJECT) {
        found = TABLE_NOT_FOUND;
    } else if (!error_is_set(e)) {
        error_set(e, "4.3.0", "search: %s", ldap_err2string(code));
    }
    ldap_msgfree(result);
    return found;
}

static enum table_result get(void *session, struct view key, struct str *out,
                             struct error *e)
{
    struct session *s = session;
    struct str base = STR_INIT(TEXT_MAX), filter = STR_INIT(TEXT_MAX);
    struct expand_list list = {
        .format = s->result_format, .key = key, .limit = s->expansion_limit, .out = out};
    enum table_result result = TABLE_NOT_FOUND;

    if (expand_query(s->base, key, expand_quote_ldap_name, NULL, &base) &&
        expand_query(s->filter, key, expand_quote_ldap_filter, NULL, &filter))
        result = look_up(s, &base, &filter, &list, e);
    str_done(&base);
    str_done(&filter);
    return result;
}

extern const struct table_client table_client;
const struct table_client table_client
    __attribute__((visibility("default"))) = {.version = CLIENT_VERSION,
                                              .name = "ldap",
                                              .has_file = true,
                                              .open = open_session,
                                              .close = close_session,
                                              .get = get};
