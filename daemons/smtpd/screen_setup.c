/* screen_setup - the settings of postscreen_... */
#include "screen_private.h"

#include "access/rbl_pattern.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "setup.h"

/* What postscreen says for itself instead of the server's own settings. */
static const struct {
    enum parameter own;
    const char *name;
} mirrors[] = {
    {P_postscreen_command_filter, "smtpd_command_filter"},
    {P_postscreen_disable_vrfy_command, "disable_vrfy_command"},
    {P_postscreen_discard_ehlo_keyword_address_maps,
     "smtpd_discard_ehlo_keyword_address_maps"},
    {P_postscreen_discard_ehlo_keywords, "smtpd_discard_ehlo_keywords"},
    {P_postscreen_enforce_tls, "smtpd_enforce_tls"},
    {P_postscreen_expansion_filter, "smtpd_expansion_filter"},
    {P_postscreen_forbidden_commands, "smtpd_forbidden_commands"},
    {P_postscreen_helo_required, "smtpd_helo_required"},
    {P_postscreen_reject_footer, "smtpd_reject_footer"},
    {P_postscreen_reject_footer_maps, "smtpd_reject_footer_maps"},
    {P_postscreen_starttls_timeout, "smtpd_starttls_timeout"},
    {P_postscreen_tls_CAfile, "smtpd_tls_CAfile"},
    {P_postscreen_tls_CApath, "smtpd_tls_CApath"},
    {P_postscreen_tls_always_issue_session_ids, "smtpd_tls_always_issue_session_ids"},
    {P_postscreen_tls_ask_ccert, "smtpd_tls_ask_ccert"},
    {P_postscreen_tls_ccert_verifydepth, "smtpd_tls_ccert_verifydepth"},
    {P_postscreen_tls_cert_file, "smtpd_tls_cert_file"},
    {P_postscreen_tls_chain_files, "smtpd_tls_chain_files"},
    {P_postscreen_tls_ciphers, "smtpd_tls_ciphers"},
    {P_postscreen_tls_dcert_file, "smtpd_tls_dcert_file"},
    {P_postscreen_tls_dh1024_param_file, "smtpd_tls_dh1024_param_file"},
    {P_postscreen_tls_dkey_file, "smtpd_tls_dkey_file"},
    {P_postscreen_tls_eccert_file, "smtpd_tls_eccert_file"},
    {P_postscreen_tls_eckey_file, "smtpd_tls_eckey_file"},
    {P_postscreen_tls_eecdh_grade, "smtpd_tls_eecdh_grade"},
    {P_postscreen_tls_exclude_ciphers, "smtpd_tls_exclude_ciphers"},
    {P_postscreen_tls_fingerprint_digest, "smtpd_tls_fingerprint_digest"},
    {P_postscreen_tls_key_file, "smtpd_tls_key_file"},
    {P_postscreen_tls_loglevel, "smtpd_tls_loglevel"},
    {P_postscreen_tls_loglevel_maps, "smtpd_tls_loglevel_maps"},
    {P_postscreen_tls_mandatory_ciphers, "smtpd_tls_mandatory_ciphers"},
    {P_postscreen_tls_mandatory_exclude_ciphers, "smtpd_tls_mandatory_exclude_ciphers"},
    {P_postscreen_tls_mandatory_protocols, "smtpd_tls_mandatory_protocols"},
    {P_postscreen_tls_protocols, "smtpd_tls_protocols"},
    {P_postscreen_tls_req_ccert, "smtpd_tls_req_ccert"},
    {P_postscreen_tls_security_level, "smtpd_tls_security_level"},
    {P_postscreen_tls_trace_size_limit, "smtpd_tls_trace_size_limit"},
    {P_postscreen_upstream_proxy_protocol, "smtpd_upstream_proxy_protocol"},
    {P_postscreen_upstream_proxy_timeout, "smtpd_upstream_proxy_timeout"},
    {P_postscreen_use_tls, "smtpd_use_tls"},
};
enum { MIRRORS = sizeof mirrors / sizeof mirrors[0] };

/* Values that are never expanded; their defaults are the server's own. */
static bool is_raw(enum parameter p)
{
    return p == P_postscreen_reject_footer || p == P_postscreen_expansion_filter;
}

/* "name=value" with each "$" of the value doubled, unless it is KEPT as written: others
 * are expanded already. */
static const char *setting(struct arena *a, const char *name, struct view value,
                           bool kept)
{
    struct str text = STR_INIT(65536);
    str_addf(&text, "%s=", name);
    for (size_t i = 0; i < value.n; i++)
        str_add_cstr(&text, value.p[i] == '$' && !kept ? "$$" : (char[2]){value.p[i], 0});
    const char *result = arena_cstr(a, str_view(&text));
    str_done(&text);
    return result;
}

/* The configuration that the dialogue of the tests sees. */
static struct conf *inner_conf(const struct conf *c, struct arena *a, struct error *e)
{
    size_t n = 0, count = conf_entry_count(c);
    const char **overrides = arena_alloc_array(a, count + MIRRORS + 3, sizeof *overrides);
    struct conf *inner;
    for (size_t i = 0; i < count; i++) {
        const struct conf_entry *x = conf_entry(c, i);
        if (x->line == 0)
            overrides[n++] =
                arena_printf(a, "%.*s=%.*s", VIEW_FMT(x->name), VIEW_FMT(x->raw)).p;
    }
    overrides[n++] = "smtpd_peername_lookup=no"; /* the server behind will ask */
    overrides[n++] = "smtpd_sasl_auth_enable=no";
    overrides[n++] = "smtpd_delay_reject=yes";
    for (size_t i = 0; i < MIRRORS; i++)
        if (conf_is_set(c, mirrors[i].own) || !is_raw(mirrors[i].own))
            overrides[n++] = setting(a, mirrors[i].name, conf_view(c, mirrors[i].own),
                                     is_raw(mirrors[i].own));
    return conf_load_text(conf_directory(c), conf_source(c), overrides, n, &inner, e)
               ? inner
               : NULL;
}

static enum screen_action action(const struct conf *c, enum parameter p)
{
    struct view word = conf_view(c, p);
    return view_eq(word, VIEW("drop"))      ? SCREEN_DROP
           : view_eq(word, VIEW("enforce")) ? SCREEN_ENFORCE
                                            : SCREEN_IGNORE;
}

/* "zone=127.0.0.[2..11]*2". */
static bool read_site(struct view word, struct screen_site *out, struct error *e)
{
    struct view rest, weight;
    *out = (struct screen_site){.weight = 1};
    bool has_weight = view_rcut(word, '*', &rest, &weight);
    if (!has_weight)
        rest = word;
    (void)view_cut(rest, '=', &out->zone, &out->filter);
    if (has_weight && !number_parse_i64(weight, -1000000, 1000000, &out->weight))
        error_set(e, "4.3.5", "bad DNSBL weight factor \"%.*s\" in \"%.*s\"",
                  VIEW_FMT(weight), VIEW_FMT(word));
    else if (out->zone.n == 0 || view_has(out->zone, ':'))
        error_set(e, "4.3.5", "bad DNSBL domain name \"%.*s\" in \"%.*s\"",
                  VIEW_FMT(out->zone), VIEW_FMT(word));
    else if (out->filter.n > 0 && !rbl_pattern_is_valid(out->filter))
        error_set(e, "4.3.5", "bad DNSBL filter syntax: %.*s", VIEW_FMT(word));
    return !error_is_set(e);
}

static bool read_sites(struct screen *s, struct error *e)
{
    struct view text = arena_dup(s->arena, conf_view(s->conf, P_postscreen_dnsbl_sites));
    struct view rest = text, word;
    size_t n = 0;
    while (conf_token(&rest, VIEW(", \t\r\n"), &word))
        n++;
    s->sites = arena_alloc_array(s->arena, n + 1, sizeof s->sites[0]);
    while (conf_token(&text, VIEW(", \t\r\n"), &word))
        if (!read_site(word, &s->sites[s->n_sites++], e))
            return false;
    return true;
}

static void read_tests(struct screen *s)
{
    const struct conf *c = s->conf;
    s->denylist_action = action(c, P_postscreen_denylist_action);
    s->actions[SCREEN_GREET] = action(c, P_postscreen_greet_action);
    s->actions[SCREEN_DNSBL] = action(c, P_postscreen_dnsbl_action);
    s->actions[SCREEN_PIPELINING] = action(c, P_postscreen_pipelining_action);
    s->actions[SCREEN_COMMAND] = action(c, P_postscreen_non_smtp_command_action);
    s->actions[SCREEN_NEWLINE] = action(c, P_postscreen_bare_newline_action);
    const bool on[SCREEN_TESTS] = {
        [SCREEN_GREET] = conf_time(c, P_postscreen_greet_wait) > 0 &&
                         conf_view(c, P_postscreen_greet_banner).n > 0,
        [SCREEN_DNSBL] = s->n_sites > 0,
        [SCREEN_PIPELINING] = conf_bool(c, P_postscreen_pipelining_enable),
        [SCREEN_COMMAND] = conf_bool(c, P_postscreen_non_smtp_command_enable),
        [SCREEN_NEWLINE] = conf_bool(c, P_postscreen_bare_newline_enable)};
    for (enum screen_test t = 0; t < SCREEN_TESTS; t++)
        s->enabled |= on[t] ? SCREEN_BIT(t) : 0;
}

struct screen *screen_new(const struct conf *c, unsigned sessions, struct error *e)
{
    struct screen *s = NEW(struct screen);
    s->conf = c;
    s->arena = arena_new();
    (void)snprintf(s->tag, sizeof s->tag, "%s/postscreen", conf_cstr(c, P_syslog_name));
    (void)snprintf(s->dnsblog_tag, sizeof s->dnsblog_tag, "%s/%s",
                   conf_cstr(c, P_syslog_name), conf_cstr(c, P_dnsblog_service_name));
    s->has_sessions = sessions > 0;
    slots_init(&s->sessions, sessions);
    s->respectful = conf_bool(c, P_respectful_logging);
    s->mynetworks = match_open(c, P_mynetworks, 0);
    s->allowlist_interfaces =
        match_open_view(c, "postscreen_allowlist_interfaces",
                        conf_view(c, P_postscreen_allowlist_interfaces), false);
    s->reply_map = maps_open(c, conf_view(c, P_postscreen_dnsbl_reply_map), TABLE_FOLD);
    bool good = read_sites(s, e) && (s->inner = inner_conf(c, s->arena, e)) != NULL &&
                (s->server = smtpd_new(s->inner, false, e)) != NULL;
    if (good && !view_is_empty(conf_view(c, P_postscreen_cache_map)))
        good = (s->memory = screen_memory_open(c, e)) != NULL;
    if (!good) {
        screen_free(s);
        return NULL;
    }
    s->server->service_name = "postscreen";
    read_tests(s);
    return s;
}

void screen_free(struct screen *s)
{
    screen_memory_close(s->memory);
    if (s->server)
        smtpd_free(s->server);
    if (s->inner)
        conf_free(s->inner);
    maps_close(s->reply_map);
    match_close(s->allowlist_interfaces);
    match_close(s->mynetworks);
    arena_free(s->arena);
    memory_free(s);
}

/* What a table says of ADDRESS. */
static enum screen_verdict ask_table(struct screen *s, struct view spec,
                                     struct view address, struct view *says,
                                     struct arena *a)
{
    struct error e = ERROR_INIT;
    struct maps *m = maps_open(s->conf, spec, 0);
    if (maps_get(m, address, a, says, &e) != TABLE_FOUND)
        *says = VIEW("dunno");
    maps_close(m);
    return SCREEN_DUNNO;
}

enum screen_verdict screen_judge(struct screen *s, struct view address)
{
    struct view rest = conf_view(s->conf, P_postscreen_access_list), word;
    enum screen_verdict verdict = SCREEN_DUNNO;
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    while (verdict == SCREEN_DUNNO && conf_token(&rest, VIEW(", \t\r\n"), &word)) {
        struct view says = word;
        if (view_has(word, ':'))
            (void)ask_table(s, word, address, &says, a);
        if (view_eq_case(says, VIEW("permit_mynetworks"))) {
            if (match_client(s->mynetworks, VIEW("unknown"), address, &e) == MATCH_YES)
                verdict = SCREEN_PERMIT;
        } else if (view_eq_case(says, VIEW("permit"))) {
            verdict = SCREEN_PERMIT;
        } else if (view_eq_case(says, VIEW("reject"))) {
            verdict = SCREEN_REJECT;
        } else if (!view_eq_case(says, VIEW("dunno"))) {
            log_warning("postscreen_access_list: unknown command: %.*s", VIEW_FMT(says));
            break;
        } else if (view_eq(says, word)) {
            break; /* a "dunno" of the list's own ends it */
        }
    }
    arena_free(a);
    return verdict;
}
