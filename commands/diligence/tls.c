/* tls - keys, certificates and the first steps of TLS (postfix-tls(1))
 *
 * enable-client and enable-server set parameters that nobody has set; the rest makes and
 * shows keys.  Parameters are changed by postconf, as a person would do it.
 */
#include "base/arena.h"
#include "base/log.h"
#include "diligence.h"
#include "tls/files.h"
#include "tls/self_signed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A hundred years: who changes keys decides so, not the calendar. */
#define DAYS       36500
#define MOST_NAMES 100

/* What stands behind the word. */
struct options {
    const char *algorithm, *bits, *key, *host;
    const char *names[MOST_NAMES];
    size_t n;
};

static void usage(void)
{
    log_fatal("usage: tls enable-client|enable-server|all-default-client|"
              "all-default-server|new-server-key|new-server-cert|deploy-server-cert|"
              "output-server-csr|output-server-tlsa");
}

static const struct options *parse(const struct control *c)
{
    static struct options o;
    int letter;
    o = (struct options){.algorithm = "rsa", .bits = "", .key = "rsa"};
    optind = 0; /* begin anew: argv[0] is the word */
    while ((letter = getopt(c->argc, c->argv, "+a:b:h:k:r:")) != -1) {
        if (letter == 'a')
            o.algorithm = optarg;
        else if (letter == 'b')
            o.bits = optarg;
        else if (letter == 'h')
            o.host = optarg;
        else if (letter == 'k')
            o.key = optarg;
        else if (letter == 'r')
            log_info("randomness comes from the kernel: -r %s is not needed", optarg);
        else
            usage();
    }
    if (strcmp(o.algorithm, "rsa") != 0 && strcmp(o.algorithm, "ecdsa") != 0)
        log_fatal("Unsupported TLS key algorithm: %s", o.algorithm);
    for (int i = optind; i < c->argc && o.n < MOST_NAMES; i++)
        o.names[o.n++] = c->argv[i];
    return &o;
}

static struct tls_names names_of(const struct control *c, const struct options *o)
{
    static const char *own[1];
    own[0] = conf_cstr(c->conf, P_myhostname);
    return o->n > 0 ? (struct tls_names){.n = o->n, .items = o->names}
                    : (struct tls_names){.n = 1, .items = own};
}

/* --- parameters --- */

/* Is no parameter set that begins so? */
static bool all_default(const struct control *c, const char *side)
{
    struct str prefix = STR_INIT(32), use = STR_INIT(32), enforce = STR_INIT(32);
    bool none = true;
    str_addf(&prefix, "%s_tls_", side);
    str_addf(&use, "%s_use_tls", side);
    str_addf(&enforce, "%s_enforce_tls", side);
    for (size_t i = 0; i < conf_entry_count(c->conf) && none; i++) {
        struct view name = conf_entry(c->conf, i)->name;
        none = !view_starts(name, str_view(&prefix)) && !view_eq(name, str_view(&use)) &&
               !view_eq(name, str_view(&enforce));
    }
    str_done(&prefix);
    str_done(&use);
    str_done(&enforce);
    return none;
}

/* postconf -e SETTINGS, ended by NULL. */
static void set_parameters(const struct control *c, const char *const *settings)
{
    struct arena *a = arena_new();
    char **argv = arena_alloc_array(a, 32, sizeof *argv);
    size_t n = 0;
    int status = 0;
    argv[n++] = arena_cstr(a, arena_printf(a, "%s/postconf", instance_bin(c->conf)));
    argv[n++] = arena_cstr(a, VIEW("-c"));
    argv[n++] = arena_cstr(a, view_of(c->directory));
    argv[n++] = arena_cstr(a, VIEW("-e"));
    for (; *settings && n < 31; settings++)
        argv[n++] = arena_cstr(a, view_of(*settings));
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        log_fatal("%s -e: failed", argv[0]);
    arena_free(a);
}

/* Set them when SIDE has none yet, else show them. */
static int enable(const struct control *c, const char *side, const char *const *settings)
{
    if (all_default(c, side)) {
        set_parameters(c, settings);
        log_info("TLS is enabled; \"postfix reload\" makes it known");
        return 0;
    }
    log_info("some %s_tls_ parameters are set already; nothing was changed.  Suggested:",
             side);
    for (; *settings; settings++)
        printf("    %s\n", *settings);
    return 1;
}

static int enable_client(struct control *c)
{
    static const char *const settings[] = {
        "smtp_tls_security_level = may", "smtp_tls_loglevel = 1",
        "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache", NULL};
    (void)parse(c);
    return enable(c, "smtp", settings);
}

/* --- files --- */

static const char *absolute(const struct control *c, struct arena *a, const char *name)
{
    return name[0] == '/' ? name
                          : arena_cstr(a, arena_printf(a, "%s/%s", c->directory, name));
}

/* The file of a key: by its name, or as the parameter of an algorithm has it; NULL when
 * that has none. */
static const char *key_file(const struct control *c, struct arena *a, const char *name)
{
    enum parameter p;
    if (strcmp(name, "rsa") == 0)
        p = P_smtpd_tls_key_file;
    else if (strcmp(name, "ecdsa") == 0)
        p = P_smtpd_tls_eckey_file;
    else
        return absolute(c, a, name);
    struct view value = view_trim_space(conf_view(c->conf, p));
    if (value.n == 0 || view_eq_case(value, VIEW("none")))
        return NULL;
    return absolute(c, a, arena_cstr(a, value));
}

static void read_key(const char *path, struct str *out)
{
    if (!tls_files_read(NULL, path, out))
        log_fatal("cannot read private key %s: %s", path, strerror(errno));
}

static void write_new(const char *path, struct view text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) < 0)
        log_fatal("cannot write %s: %s", path, strerror(errno));
    close(fd);
}

/* What was made. */
struct made {
    const char *key, *certificate;
};

/* "key-20261122-080000.pem" and its kin, with the key that KEY holds. */
static struct made write_pair(const struct control *c, struct arena *a,
                              const struct options *o, struct view key)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    struct error e = ERROR_INIT;
    struct str certificate = STR_INIT(65536);
    struct tls_names names = names_of(c, o);
    const char *kind = strcmp(o->algorithm, "ecdsa") == 0 ? "ec" : "";
    (void)gmtime_r(&now, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &utc);
    if (!tls_certificate_make(key, &names, DAYS, &certificate, &e))
        log_fatal("%s", e.text);
    struct made made = {
        arena_cstr(a, arena_printf(a, "%s/%skey-%s.pem", c->directory, kind, stamp)),
        arena_cstr(a, arena_printf(a, "%s/%scert-%s.pem", c->directory, kind, stamp))};
    write_new(made.key, key, 0600);
    write_new(made.certificate, str_view(&certificate), 0644);
    str_done(&certificate);
    return made;
}

static void make_key(const struct options *o, struct str *out)
{
    struct error e = ERROR_INIT;
    if (!tls_key_make(o->algorithm, o->bits, out, &e))
        log_fatal("%s", e.text);
}

static int show_made(const struct made *m)
{
    printf("New private key and self-signed certificate:\n    %s\n    %s\n"
           "To put them to use:\n    postfix tls deploy-server-cert %s %s\n"
           "To ask an authority for a certificate:\n    postfix tls output-server-csr -k "
           "%s [hostname...]\n"
           "To publish it in DNS first (DANE):\n    postfix tls output-server-tlsa %s\n",
           m->key, m->certificate, m->certificate, m->key, m->key, m->key);
    return 0;
}

/* A certificate for the key at PATH, or for a new one. */
static int make_pair(struct control *c, struct arena *a, const char *path)
{
    const struct options *o = parse(c);
    struct str key = STR_INIT(TLS_FILE_MAX);
    if (path)
        read_key(path, &key);
    else
        make_key(o, &key);
    struct made made = write_pair(c, a, o, str_view(&key));
    int status = show_made(&made);
    str_done(&key);
    return status;
}

static int new_server_key(struct control *c)
{
    struct arena *a = arena_new();
    int status = make_pair(c, a, NULL);
    arena_free(a);
    return status;
}

/* The key that is in use, with a new certificate. */
static int new_server_cert(struct control *c)
{
    struct arena *a = arena_new();
    int status = make_pair(c, a, key_file(c, a, parse(c)->algorithm));
    arena_free(a);
    return status;
}

static int enable_server(struct control *c)
{
    const struct options *o = parse(c);
    struct arena *a = arena_new();
    struct str key = STR_INIT(65536);
    bool is_ec = strcmp(o->algorithm, "ecdsa") == 0;
    struct made made = {"key.pem", "cert.pem"};
    if (all_default(c, "smtpd")) {
        make_key(o, &key);
        made = write_pair(c, a, o, str_view(&key));
    }
    const char *const settings[] = {
        "smtpd_tls_security_level = may",
        "smtpd_tls_received_header = yes",
        "smtpd_tls_loglevel = 1",
        arena_cstr(a, arena_printf(a, "smtpd_tls_%s = %s",
                                   is_ec ? "eckey_file" : "key_file", made.key)),
        arena_cstr(a,
                   arena_printf(a, "smtpd_tls_%s = %s",
                                is_ec ? "eccert_file" : "cert_file", made.certificate)),
        NULL};
    int status = enable(c, "smtpd", settings);
    str_done(&key);
    arena_free(a);
    return status;
}

static int deploy_server_cert(struct control *c)
{
    const struct options *o = parse(c);
    struct arena *a = arena_new();
    struct str key = STR_INIT(TLS_FILE_MAX), digest = STR_INIT(200);
    struct error e = ERROR_INIT;
    if (o->n != 2)
        log_fatal("usage: tls deploy-server-cert certfile keyfile");
    const char *certificate = absolute(c, a, o->names[0]);
    const char *path = absolute(c, a, o->names[1]);
    read_key(path, &key);
    if (!tls_pair_check(certificate, path, &e) ||
        !tls_key_digest(str_view(&key), &digest, &e))
        log_fatal("%s", e.text);
    bool is_ec = tls_key_is_ec(str_view(&key));
    const char *const settings[] = {
        arena_cstr(a, arena_printf(a, "smtpd_tls_chain_files =")),
        arena_cstr(a, arena_printf(a, "smtpd_tls_%s = %s",
                                   is_ec ? "eckey_file" : "key_file", path)),
        arena_cstr(a, arena_printf(a, "smtpd_tls_%s = %s",
                                   is_ec ? "eccert_file" : "cert_file", certificate)),
        NULL};
    set_parameters(c, settings);
    log_info("deployed %s and %s; \"postfix reload\" makes it known", certificate, path);
    str_done(&digest);
    str_done(&key);
    arena_free(a);
    return 0;
}

static int output_server_csr(struct control *c)
{
    const struct options *o = parse(c);
    struct arena *a = arena_new();
    struct str key = STR_INIT(TLS_FILE_MAX), text = STR_INIT(65536);
    struct error e = ERROR_INIT;
    struct tls_names names = names_of(c, o);
    const char *path = key_file(c, a, o->key);
    if (!path)
        log_fatal("No %s private key file is configured", o->key);
    read_key(path, &key);
    if (!tls_request_make(str_view(&key), &names, &text, &e))
        log_fatal("%s: %s", path, e.text);
    fputs(str_cstr(&text), stdout);
    str_done(&text);
    str_done(&key);
    arena_free(a);
    return 0;
}

static int output_server_tlsa(struct control *c)
{
    static const char *const both[] = {"rsa", "ecdsa"};
    const struct options *o = parse(c);
    struct arena *a = arena_new();
    const char *const *list = o->n > 0 ? o->names : both;
    for (size_t i = 0; i < (o->n > 0 ? o->n : 2); i++) {
        struct str key = STR_INIT(TLS_FILE_MAX), digest = STR_INIT(200);
        struct error e = ERROR_INIT;
        const char *path = key_file(c, a, list[i]);
        if (!path)
            continue;
        read_key(path, &key);
        if (!tls_key_digest(str_view(&key), &digest, &e))
            log_fatal("%s: %s", path, e.text);
        printf("_25._tcp.%s. IN TLSA 3 1 1 %s\n",
               o->host ? o->host : conf_cstr(c->conf, P_myhostname), str_cstr(&digest));
        str_done(&digest);
        str_done(&key);
    }
    arena_free(a);
    return 0;
}

static int all_default_client(struct control *c)
{
    return all_default(c, "smtp") ? 0 : 1;
}

static int all_default_server(struct control *c)
{
    return all_default(c, "smtpd") ? 0 : 1;
}

int tls(struct control *c)
{
    static const struct {
        const char *name;
        int (*run)(struct control *c);
    } words[] = {
        {"enable-client", enable_client},
        {"enable-server", enable_server},
        {"all-default-client", all_default_client},
        {"all-default-server", all_default_server},
        {"new-server-key", new_server_key},
        {"new-server-cert", new_server_cert},
        {"deploy-server-cert", deploy_server_cert},
        {"output-server-csr", output_server_csr},
        {"output-server-tlsa", output_server_tlsa},
    };
    for (size_t i = 0; c->argc > 0 && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(c->argv[0], words[i].name) == 0)
            return words[i].run(c);
    }
    usage();
    return 1;
}
