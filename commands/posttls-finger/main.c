/* posttls-finger - the TLS of a server, as the SMTP client would see it
 *
 * Usage: posttls-finger [options] destination [match ...].  posttls-finger(1).  The
 * options become settings of the SMTP client (smtp_tls_...), so that what is tried here
 * is what mail gets.
 */
#include "finger.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "net/dns.h"
#include "run/loop.h"
#include "service/instance.h"

#include <stdlib.h>
#include <unistd.h>

#define MOST_SETTINGS 100

static const char *settings[MOST_SETTINGS];
static size_t n_settings;
static const char *level = "dane";

static void usage(void)
{
    log_fatal("usage: posttls-finger [-cCfRSvwxX] [-a family] [-A tafile] [-d mdalg] "
              "[-F CAfile] [-g grade] [-h host_lookup] [-H chainfiles] [-k certfile] "
              "[-K keyfile] [-l level] [-L logopts] [-m count] [-M insecure_mx_policy] "
              "[-o name=value] [-p protocols] [-P CApath] [-r delay] [-s servername] "
              "[-t timeout] [-T timeout] destination [match ...]");
}

static void set(const char *name, const char *value)
{
    struct str text = STR_INIT(8192);
    if (n_settings == MOST_SETTINGS || !str_addf(&text, "%s=%s", name, value))
        log_fatal("too many settings");
    settings[n_settings++] = text.p; /* to the end of the program */
}

static int64_t seconds(const char *text)
{
    int n;
    if (!number_parse_int(view_of(text), 1, 86400, &n))
        log_fatal("bad time: %s", text);
    return n * CLOCK_SECOND;
}

/* -L: the numbers and names of loglevels; what they add up to. */
static int loglevel_of(const char *list)
{
    static const struct {
        const char *name;
        int level;
    } names[] = {{"0", 0},
                 {"none", 0},
                 {"1", 1},
                 {"routine", 1},
                 {"summary", 1},
                 {"certmatch", 1},
                 {"untrusted", 1},
                 {"2", 2},
                 {"debug", 2},
                 {"ssl-debug", 2},
                 {"peercert", 2},
                 {"cache", 2},
                 {"verbose", 2},
                 {"3", 3},
                 {"ssl-expert", 3},
                 {"4", 4},
                 {"ssl-handshake-packet-dump", 3},
                 {"ssl-developer", 4},
                 {"ssl-session-packet-dump", 4}};
    struct view rest = view_of(list), word;
    int most = 0;
    while (view_token(&rest, VIEW(" \t\r\n,"), &word)) {
        size_t i = 0, n = sizeof names / sizeof names[0];
        while (i < n && !view_eq_case(word, view_of(names[i].name)))
            i++;
        if (i == n)
            log_fatal("unknown tls logging level: %.*s", VIEW_FMT(word));
        most = names[i].level > most ? names[i].level : most;
    }
    return most;
}

static struct str anchors = STR_INIT(4000), chains = STR_INIT(4000);

/* Options that add up: the last setting, with all of them, counts. */
static const char *add_file(struct str *list, const char *value)
{
    if (!str_addf(list, "%s%s", list->n ? " " : "", value))
        log_fatal("too many files");
    return str_cstr(list);
}

/* Options that are settings by another name. */
static bool take_setting(int letter, const char *value)
{
    static const struct {
        int letter;
        const char *name;
    } names[] = {{'A', "smtp_tls_trust_anchor_file"},
                 {'d', "smtp_tls_fingerprint_digest"},
                 {'F', "smtp_tls_CAfile"},
                 {'g', "smtp_tls_mandatory_ciphers"},
                 {'h', "smtp_host_lookup"},
                 {'H', "smtp_tls_chain_files"},
                 {'k', "smtp_tls_cert_file"},
                 {'K', "smtp_tls_key_file"},
                 {'M', "smtp_tls_dane_insecure_mx_policy"},
                 {'p', "smtp_tls_mandatory_protocols"},
                 {'P', "smtp_tls_CApath"},
                 {'s', "smtp_tls_servername"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].letter != letter)
            continue;
        if (letter == 'A' || letter == 'H')
            value = add_file(letter == 'A' ? &anchors : &chains, value);
        set(names[i].name, value);
        if (letter == 'g')
            set("smtp_tls_ciphers", value);
        if (letter == 'p')
            set("smtp_tls_protocols", value);
        return true;
    }
    return false;
}

static bool take_switch(struct finger *f, int letter, const char *value)
{
    switch (letter) {
    case 'a':
        set("smtp_address_preference", value);
        return true;
    case 'c':
        f->quiet = true;
        return true;
    case 'C':
        f->shows_chain = true;
        return true;
    case 'f':
        set("smtp_tls_force_insecure_host_tlsa_lookup", "yes");
        return true;
    case 'l':
        level = value;
        return true;
    case 'L':
        f->loglevel = loglevel_of(value);
        return true;
    case 'm':
        f->reconnects = (unsigned)(seconds(value) / CLOCK_SECOND);
        return true;
    case 'r':
        f->reconnect_delay = seconds(value);
        return true;
    case 'R':
        f->by_srv = true;
        return true;
    case 'S':
        f->lmtp = true;
        return true;
    case 't':
        f->connect_timeout = seconds(value);
        return true;
    case 'T':
        f->command_timeout = seconds(value);
        return true;
    case 'v':
        log_verbose++;
        return true;
    case 'w':
        f->wrapper = true;
        return true;
    case 'x':
        set("smtp_tls_enable_rpk", "yes");
        log_warning("raw public keys need OpenSSL 3.2: certificates are asked for");
        return true;
    case 'X':
        log_warning("no tlsproxy is needed here: TLS is part of each program");
        return true;
    default:
        return false;
    }
}

static void take_options(struct finger *f, int argc, char **argv)
{
    int letter;
    while ((letter = getopt(argc, argv,
                            "a:A:cCd:fF:g:h:H:k:K:l:L:m:M:o:p:P:r:Rs:St:T:vwxX")) != -1) {
        if (letter == 'o') {
            if (n_settings == MOST_SETTINGS || !strchr(optarg, '='))
                usage();
            settings[n_settings++] = optarg;
        } else if (!take_setting(letter, optarg) && !take_switch(f, letter, optarg)) {
            usage();
        }
    }
    if (optind == argc)
        usage();
    f->destination = argv[optind];
    f->match = (const char *const *)argv + optind + 1;
    f->n_match = (size_t)(argc - optind - 1);
}

/* The service that the destination names, whose SRV records -R asks for. */
static const char *service_of(const struct finger *f)
{
    struct net_endpoint to;
    if (!net_endpoint_parse(view_of(f->destination), &to) || to.port.n == 0)
        return "smtp";
    return arena_cstr(f->arena, to.port);
}

/* No tables and no main.cf beyond names and resolver: the options rule. */
static struct conf *configure(struct finger *f, struct error *e)
{
    struct conf *c;
    set("smtp_tls_security_level", strcmp(level, "fingerprint") == 0 ? "encrypt" : level);
    set("smtp_tls_policy_maps", "");
    set("smtp_tls_per_site", "");
    set("smtp_dns_support_level", strncmp(level, "dane", 4) == 0 ? "dnssec" : "enabled");
    if (f->reconnect_delay > 0)
        set("smtp_tls_session_cache_database", "internal:memory");
    if (f->by_srv)
        set("use_srv_lookup", service_of(f));
    if (!conf_load(instance_directory(NULL, e), settings, n_settings, &c, e))
        log_fatal("%s", error_cstr(e));
    return c;
}

/* Fill in what the command line says must match. */
static void set_matches(struct finger *f, struct tls_policy *p)
{
    if (strcmp(level, "fingerprint") == 0)
        p->level = TLS_LEVEL_FINGERPRINT;
    if (f->n_match == 0)
        return;
    p->match = arena_alloc_array(f->arena, f->n_match, sizeof *p->match);
    p->n_match = f->n_match;
    for (size_t i = 0; i < f->n_match; i++)
        p->match[i] = view_of(f->match[i]);
}

/* At the DANE levels: the records of T.  Without any, "secure" takes their place. */
static const struct tls_dane *find_dane(struct finger *f, const struct host *t,
                                        struct tls_policy *p, struct error *e)
{
    struct tls_dane *dane = ARENA_NEW(f->arena, struct tls_dane);
    bool force = conf_bool(f->conf, P_smtp_tls_force_insecure_host_tlsa_lookup);
    enum tls_dane_status found = TLS_DANE_NONE;
    if (!tls_policy_by_dane(p))
        return NULL;
    if (t->is_secure || force)
        found = tls_dane_find(f->conf, t->name, net_address_port(&t->address), f->arena,
                              dane, e);
    if (found == TLS_DANE_TEMPFAIL)
        log_info("%s", e->text);
    if (found == TLS_DANE_FOUND)
        return dane;
    log_info("no %sTLSA records found, resorting to \"secure\"",
             found == TLS_DANE_UNUSABLE ? "usable " : "");
    if (tls_policy_parse(f->conf, false, view_of(f->destination), VIEW("secure"),
                         f->arena, p, e) != OK)
        log_fatal("%s", e->text);
    set_matches(f, p);
    return NULL;
}

static bool try_host(struct finger *f, const struct host *t, struct error *e)
{
    struct tls_policy p;
    bool resumed = false;
    if (tls_policy_find(f->policies, view_of(f->destination), t->name, f->arena, &p, e) !=
        OK)
        log_fatal("%s", e->text);
    set_matches(f, &p);
    const struct tls_dane *dane = find_dane(f, t, &p, e);
    bool good = finger_host(f, t, &p, dane, &resumed);
    for (unsigned i = 0; good && f->reconnect_delay > 0 && i < f->reconnects; i++) {
        log_info("Reconnecting after %lld seconds",
                 (long long)(f->reconnect_delay / CLOCK_SECOND));
        (void)fiber_sleep(f->reconnect_delay);
        good = finger_host(f, t, &p, dane, &resumed);
        log_info("%s", resumed ? "The session was resumed.  Done reconnecting."
                               : "Server declined session caching. Done reconnecting.");
        if (good)
            break;
    }
    return good;
}

static void run(void *arg)
{
    struct finger *f = arg;
    struct host_search search;
    struct hosts hosts;
    struct error e = ERROR_INIT;
    bool may_loop;
    struct rewrite *rewrite = rewrite_new(f->conf);
    host_search_init(&search, f->conf, rewrite, f->lmtp);
    f->status = 1;
    if (hosts_find(&search, view_of(f->destination), f->arena, &hosts, &may_loop, &e) !=
        OK)
        log_info("Destination address lookup failed: %s", e.text);
    else
        for (size_t i = 0; i < hosts.n && f->status != 0; i++)
            f->status = try_host(f, &hosts.items[i], &e) ? 0 : 1;
    rewrite_free(rewrite);
}

/* The client's side of TLS, as the settings make it. */
static void open_client(struct finger *f, struct error *e)
{
    f->policies = tls_policies_new(f->conf, false, e);
    f->tls = f->policies ? tls_client_new(f->conf, false, e) : NULL;
    if (!f->tls)
        log_fatal("%s", e->text);
    if (strncmp(level, "dane", 4) == 0)
        dns_use_trust_anchor(conf_cstr(f->conf, P_resolver_trust_anchor_file));
    dns_init(conf_view(f->conf, P_resolver_nameservers));
}

int main(int argc, char **argv)
{
    static struct finger f = {.connect_timeout = 30 * CLOCK_SECOND,
                              .command_timeout = 30 * CLOCK_SECOND,
                              .reconnects = 5,
                              .loglevel = 1};
    struct error e = ERROR_INIT;
    log_set_command("posttls-finger");
    take_options(&f, argc, argv);
    f.arena = arena_new();
    struct conf *c = configure(&f, &e);
    f.conf = c;
    open_client(&f, &e);
    loop_init();
    (void)fiber_spawn("finger", run, &f);
    loop_run();
    loop_done();
    dns_done();
    tls_client_free(f.tls);
    tls_policies_free(f.policies);
    arena_free(f.arena);
    conf_free(c);
    return f.status;
}
