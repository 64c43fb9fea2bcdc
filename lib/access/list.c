/* list - compile restriction lists: names, arguments, classes
 *
 * Everything that can be wrong in a list is told when the program starts or at
 * `check`, with the parameter's name, not when a client comes.
 */
#include "access/internal.h"

#include "base/number.h"

#define MAX_DEPTH 20

const struct restriction_type restriction_types[] = {
    {"permit", ARGUMENT_NONE, ask_permit},
    {"reject", ARGUMENT_NONE, ask_reject},
    {"defer", ARGUMENT_NONE, ask_defer},
    {"defer_if_permit", ARGUMENT_NONE, ask_defer_if_permit},
    {"defer_if_reject", ARGUMENT_NONE, ask_defer_if_reject},
    {"warn_if_reject", ARGUMENT_NONE, ask_warn_if_reject},
    {"sleep", ARGUMENT_NUMBER, ask_sleep},
    {"score_if_reject", ARGUMENT_NUMBER, ask_score_if_reject},
    {"reject_score", ARGUMENT_NUMBER, ask_reject_score},
    {"check_policy_service", ARGUMENT_POLICY, ask_policy_service},
    {"permit_mynetworks", ARGUMENT_NONE, ask_permit_mynetworks},
    {"permit_inet_interfaces", ARGUMENT_NONE, ask_permit_inet_interfaces},
    {"permit_sasl_authenticated", ARGUMENT_NONE, ask_permit_sasl},
    {"permit_auth_destination", ARGUMENT_NONE, ask_permit_auth_destination},
    {"permit_mx_backup", ARGUMENT_NONE, ask_permit_mx_backup},
    {"reject_unauth_destination", ARGUMENT_NONE, ask_reject_unauth_destination},
    {"defer_unauth_destination", ARGUMENT_NONE, ask_defer_unauth_destination},
    {"check_relay_domains", ARGUMENT_NONE, ask_check_relay_domains},
    {"reject_unauth_pipelining", ARGUMENT_NONE, ask_reject_unauth_pipelining},
    {"permit_tls_clientcerts", ARGUMENT_NONE, ask_permit_tls_clientcerts},
    {"permit_tls_all_clientcerts", ARGUMENT_NONE, ask_permit_tls_all_clientcerts},
    {"reject_plaintext_session", ARGUMENT_NONE, ask_reject_plaintext},
    {"check_ccert_access", ARGUMENT_TABLE, ask_ccert_access},
    {"check_sasl_access", ARGUMENT_TABLE, ask_sasl_access},
    {"reject_sender_login_mismatch", ARGUMENT_NONE, ask_sender_login},
    {"reject_authenticated_sender_login_mismatch", ARGUMENT_NONE, ask_sender_login},
    {"reject_unauthenticated_sender_login_mismatch", ARGUMENT_NONE, ask_sender_login},
    {"reject_known_sender_login_mismatch", ARGUMENT_NONE, ask_sender_login},
    {"reject_rbl_client", ARGUMENT_DOMAIN, ask_reject_rbl},
    {"reject_rbl", ARGUMENT_DOMAIN, ask_reject_rbl},
    {"reject_maps_rbl", ARGUMENT_NONE, ask_reject_maps_rbl},
    {"permit_dnswl_client", ARGUMENT_DOMAIN, ask_permit_dnswl},
    {"permit_rhswl_client", ARGUMENT_DOMAIN, ask_permit_rhswl},
    {"reject_rhsbl_client", ARGUMENT_DOMAIN, ask_reject_rhsbl},
    {"reject_rhsbl_reverse_client", ARGUMENT_DOMAIN, ask_reject_rhsbl},
    {"reject_rhsbl_helo", ARGUMENT_DOMAIN, ask_reject_rhsbl},
    {"reject_rhsbl_sender", ARGUMENT_DOMAIN, ask_reject_rhsbl},
    {"reject_rhsbl_recipient", ARGUMENT_DOMAIN, ask_reject_rhsbl},
    {"reject_unverified_sender", ARGUMENT_NONE, ask_reject_unverified_sender},
    {"reject_unverified_recipient", ARGUMENT_NONE, ask_reject_unverified_recipient},
    {"reject_unverified_address", ARGUMENT_NONE, ask_reject_unverified_sender},
    {"permit_naked_ip_address", ARGUMENT_NONE, ask_permit_naked_ip},
    {"reject_unknown_forward_client_hostname", ARGUMENT_NONE, ask_reject_unknown_forward},
    {"reject_helo_client_mismatch", ARGUMENT_NONE, ask_reject_helo_mismatch},
    {"reject_non_mx_helo_hostname", ARGUMENT_NONE, ask_reject_helo_without_mx},
    {"reject_unknown_client_hostname", ARGUMENT_NONE, ask_reject_unknown_client},
    {"reject_unknown_client", ARGUMENT_NONE, ask_reject_unknown_client},
    {"reject_unknown_reverse_client_hostname", ARGUMENT_NONE, ask_reject_unknown_reverse},
    {"reject_invalid_helo_hostname", ARGUMENT_NONE, ask_reject_invalid_helo},
    {"reject_invalid_hostname", ARGUMENT_NONE, ask_reject_invalid_helo},
    {"reject_non_fqdn_helo_hostname", ARGUMENT_NONE, ask_reject_non_fqdn_helo},
    {"reject_non_fqdn_hostname", ARGUMENT_NONE, ask_reject_non_fqdn_helo},
    {"reject_unknown_helo_hostname", ARGUMENT_NONE, ask_reject_unknown_helo},
    {"reject_unknown_hostname", ARGUMENT_NONE, ask_reject_unknown_helo},
    {"reject_non_fqdn_sender", ARGUMENT_NONE, ask_reject_non_fqdn_sender},
    {"reject_non_fqdn_recipient", ARGUMENT_NONE, ask_reject_non_fqdn_recipient},
    {"reject_unknown_sender_domain", ARGUMENT_NONE, ask_reject_unknown_sender},
    {"reject_unknown_address", ARGUMENT_NONE, ask_reject_unknown_sender},
    {"reject_unknown_recipient_domain", ARGUMENT_NONE, ask_reject_unknown_recipient},
    {"reject_unlisted_sender", ARGUMENT_NONE, ask_reject_unlisted_sender},
    {"reject_unlisted_recipient", ARGUMENT_NONE, ask_reject_unlisted_recipient},
    {"check_recipient_maps", ARGUMENT_NONE, ask_reject_unlisted_recipient},
    {"reject_multi_recipient_bounce", ARGUMENT_NONE, ask_reject_multi_recipient_bounce},
    {"check_client_access", ARGUMENT_TABLE, ask_client_access},
    {"check_reverse_client_hostname_access", ARGUMENT_TABLE, ask_reverse_client_access},
    {"check_helo_access", ARGUMENT_TABLE, ask_helo_access},
    {"check_sender_access", ARGUMENT_TABLE, ask_sender_access},
    {"check_recipient_access", ARGUMENT_TABLE, ask_recipient_access},
    {"check_etrn_access", ARGUMENT_TABLE, ask_etrn_access},
    {"check_client_a_access", ARGUMENT_TABLE, ask_servers},
    {"check_client_mx_access", ARGUMENT_TABLE, ask_servers},
    {"check_client_ns_access", ARGUMENT_TABLE, ask_servers},
    {"check_reverse_client_hostname_a_access", ARGUMENT_TABLE, ask_servers},
    {"check_reverse_client_hostname_mx_access", ARGUMENT_TABLE, ask_servers},
    {"check_reverse_client_hostname_ns_access", ARGUMENT_TABLE, ask_servers},
    {"check_helo_a_access", ARGUMENT_TABLE, ask_servers},
    {"check_helo_mx_access", ARGUMENT_TABLE, ask_servers},
    {"check_helo_ns_access", ARGUMENT_TABLE, ask_servers},
    {"check_sender_a_access", ARGUMENT_TABLE, ask_servers},
    {"check_sender_mx_access", ARGUMENT_TABLE, ask_servers},
    {"check_sender_ns_access", ARGUMENT_TABLE, ask_servers},
    {"check_recipient_a_access", ARGUMENT_TABLE, ask_servers},
    {"check_recipient_mx_access", ARGUMENT_TABLE, ask_servers},
    {"check_recipient_ns_access", ARGUMENT_TABLE, ask_servers},
    {NULL, ARGUMENT_NONE, NULL},
};

const char *access_restriction_name(size_t i)
{
    return i < sizeof restriction_types / sizeof restriction_types[0]
               ? restriction_types[i].name
               : NULL;
}

const struct restriction_type *restriction_type_find(struct view name)
{
    for (const struct restriction_type *t = restriction_types; t->name; t++) {
        if (view_eq_case(name, view_of(t->name)))
            return t;
    }
    return NULL;
}

/* Is NAME in smtpd_restriction_classes? */
static bool is_class(const struct access *a, struct view name)
{
    struct view rest = conf_view(a->conf, P_smtpd_restriction_classes), word;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq(word, name))
            return true;
    }
    return false;
}

/* The text of { } without the braces. */
static struct view without_braces(struct view v)
{
    if (v.n >= 2 && v.p[0] == '{' && v.p[v.n - 1] == '}')
        return view_trim_space(view_sub(v, 1, v.n - 2));
    return v;
}

static bool is_table(struct view word)
{
    size_t colon = view_find(word, ':');
    return colon != VIEW_NPOS && colon > 0;
}

/* A restriction that is a bare table: check_XXX_access of the stage it stands in. */
static const struct restriction_type *bare_table_type(struct view title)
{
    static const struct {
        const char *title, *name;
    } stages[] = {
        {"smtpd_client_restrictions", "check_client_access"},
        {"smtpd_helo_restrictions", "check_helo_access"},
        {"smtpd_sender_restrictions", "check_sender_access"},
        {"smtpd_relay_restrictions", "check_recipient_access"},
        {"smtpd_recipient_restrictions", "check_recipient_access"},
        {"smtpd_etrn_restrictions", "check_etrn_access"},
    };
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        if (view_eq(title, view_of(stages[i].title)))
            return restriction_type_find(view_of(stages[i].name));
    }
    return NULL;
}

/* "zone" or "zone=127.0.0.[2..11]". */
static bool check_list(struct view title, const struct restriction *r, struct error *e)
{
    struct view zone, pattern;
    bool filtered = view_cut(r->argument, '=', &zone, &pattern);
    if (!view_is_empty(zone) && !view_has(zone, ':') &&
        (!filtered || rbl_pattern_is_valid(view_trim_space(pattern))))
        return true;
    error_set(e, "4.3.5",
              "parameter %.*s: restriction %.*s: bad argument \"%.*s\": need a domain "
              "name, with =d.d.d.d to say which answers count",
              VIEW_FMT(title), VIEW_FMT(r->text), VIEW_FMT(r->argument));
    return false;
}

/* Take what the restriction wants as its argument from *REST. */
static bool take_argument(struct access *a, struct view title, struct view *rest,
                          struct restriction *r, struct error *e)
{
    if (r->type->argument == ARGUMENT_NONE)
        return true;
    if (view_is_empty(r->argument) &&
        !view_token_braced(rest, VIEW(", \t\r\n"), &r->argument)) {
        error_set(e, "4.3.5", "parameter %.*s: restriction %.*s needs an argument",
                  VIEW_FMT(title), VIEW_FMT(r->text));
        return false;
    }
    r->argument = arena_dup(a->arena, without_braces(r->argument));
    if (r->type->argument == ARGUMENT_NUMBER &&
        !number_parse_i64(r->argument, 0, 3600, &r->number)) {
        error_set(e, "4.3.5", "parameter %.*s: restriction %.*s: bad number \"%.*s\"",
                  VIEW_FMT(title), VIEW_FMT(r->text), VIEW_FMT(r->argument));
        return false;
    }
    if (r->type->argument == ARGUMENT_POLICY)
        return (r->policy = policy_open(a, r->argument, e)) != NULL;
    if (r->type->argument == ARGUMENT_DOMAIN)
        return check_list(title, r, e);
    if (r->type->argument != ARGUMENT_TABLE)
        return true;
    if (!is_table(r->argument)) {
        error_set(e, "4.3.5",
                  "parameter %.*s: restriction %.*s: bad argument \"%.*s\": need "
                  "maptype:mapname",
                  VIEW_FMT(title), VIEW_FMT(r->text), VIEW_FMT(r->argument));
        return false;
    }
    r->table = table_open(a->conf, r->argument, TABLE_FOLD);
    return true;
}

/* One element of a list. */
static bool compile_one(struct access *a, struct view title, struct view word,
                        struct view *rest, unsigned depth, struct restriction *r,
                        struct error *e)
{
    word = without_braces(word);
    r->text = arena_dup(a->arena, word);
    /* "{ check_client_access hash:x, ... }" carries its argument inside. */
    struct view inner = word, name;
    if (view_token_braced(&inner, VIEW(", \t\r\n"), &name) &&
        !view_is_empty(view_trim_space(inner))) {
        r->argument = view_trim_space(inner);
        word = name;
    }
    r->type = restriction_type_find(word);
    if (r->type)
        return take_argument(a, title, rest, r, e);
    if (is_class(a, word)) {
        bool found;
        struct view text = conf_named(a->conf, word, &found);
        if (!found) {
            error_set(e, "4.3.5", "restriction class `%.*s' needs a definition",
                      VIEW_FMT(word));
            return false;
        }
        r->sublist = ARENA_NEW(a->arena, struct restriction_list);
        return restriction_list_compile(a, word, text, depth + 1, r->sublist, e);
    }
    if (is_table(word) && (r->type = bare_table_type(title)) != NULL) {
        r->argument = word;
        return take_argument(a, title, rest, r, e);
    }
    error_set(e, "4.3.5", "parameter %.*s: unknown smtpd restriction: \"%.*s\"",
              VIEW_FMT(title), VIEW_FMT(word));
    return false;
}

static size_t count_words(struct view text)
{
    struct view word;
    size_t n = 0;
    while (view_token_braced(&text, VIEW(", \t\r\n"), &word))
        n++;
    return n;
}

bool restriction_list_compile(struct access *a, struct view title, struct view text,
                              unsigned depth, struct restriction_list *out,
                              struct error *e)
{
    *out = (struct restriction_list){.title = arena_dup(a->arena, title)};
    if (depth > MAX_DEPTH) {
        error_set(e, "4.3.5", "restriction class `%.*s' contains itself",
                  VIEW_FMT(title));
        return false;
    }
    text = arena_dup(a->arena, text);
    size_t max = count_words(text);
    out->items = arena_alloc_array(a->arena, max + 1, sizeof *out->items);
    struct view word;
    while (view_token_braced(&text, VIEW(", \t\r\n"), &word)) {
        out->n++;
        if (!compile_one(a, title, word, &text, depth, &out->items[out->n - 1], e))
            return false;
    }
    return true;
}

void restriction_list_done(struct restriction_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->items[i].table)
            table_close(l->items[i].table);
        if (l->items[i].sublist)
            restriction_list_done(l->items[i].sublist);
    }
}
