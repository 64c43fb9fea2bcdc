/* saslauthd - Cyrus SASL's password daemon, and the part of Cyrus' configuration that
 * names it
 *
 * The daemon checks clear passwords: PLAIN and LOGIN run here, each string goes to it
 * with two bytes of length before.  Type "cyrus" reads PATH.conf as Cyrus SASL would and
 * goes the same way; other methods of Cyrus (auxprop, sasldb) are not spoken.
 */
#include "auth/auth_private.h"

#include "base/memory.h"
#include "net/dial.h"
#include "net/stream.h"

#include <errno.h>
#include <stdio.h>

static const struct view own_names = VIEW("PLAIN LOGIN");
static const struct view usual_socket = VIEW("/var/run/saslauthd/mux");

enum { STRING_MAX = 1023, CONFIG_LINE_MAX = 1024 };

struct question {
    struct auth_login *l;
    struct view socket;
    void *arg; /* of the login's own ask() */
    bool (*ask)(void *arg, struct view challenge, struct view *answer);
};

static void put_string(struct stream *s, struct view v)
{
    char length[2] = {(char)(v.n >> 8), (char)(v.n & 0xff)};
    stream_write(s, (struct view){length, sizeof length});
    stream_write(s, v);
}

/* "OK ..." or "NO ...", with two bytes of length before. */
enum result saslauthd_verdict(struct stream *s, struct error *e)
{
    struct str text = STR_INIT(2 + STRING_MAX);
    enum stream_result r = stream_read_exact(s, 4, &text);
    enum result verdict = TEMPFAIL;
    struct view word = view_from(str_view(&text), 2);
    if (r != STREAM_OK)
        error_set(e, "4.3.0", "%s", stream_strerror(s, r));
    else if (view_eq(word, VIEW("OK")))
        verdict = OK;
    else if (view_eq(word, VIEW("NO")))
        verdict = PERMFAIL;
    else
        error_set(e, "4.3.0", "unexpected answer");
    str_done(&text);
    return verdict;
}

/* "user@realm": the daemon wants them apart. */
static enum result check(void *arg, struct view user, struct view password,
                         struct error *e)
{
    struct question *q = arg;
    const struct auth_server *server = q->l->server;
    struct view name = user, realm = VIEW_NONE;
    struct str target = STR_INIT(4096);
    if (user.n > STRING_MAX || password.n > STRING_MAX)
        return PERMFAIL;
    (void)view_rcut(user, '@', &name, &realm);
    str_addf(&target, "unix:%.*s", VIEW_FMT(q->socket));
    int fd = dial_endpoint(str_view(&target), VIEW("/"), server->timeout, e);
    str_done(&target);
    if (fd < 0) {
        error_prefix(e, "saslauthd %.*s: ", VIEW_FMT(q->socket));
        return TEMPFAIL;
    }
    struct stream *s = stream_open_fd(fd);
    stream_set_timeout(s, server->timeout);
    put_string(s, name);
    put_string(s, password);
    put_string(s, server->service);
    put_string(s, realm);
    enum stream_result sent = stream_flush(s);
    enum result r = sent == STREAM_OK ? saslauthd_verdict(s, e) : TEMPFAIL;
    if (r == TEMPFAIL)
        error_prefix(e, "saslauthd %.*s: ", VIEW_FMT(q->socket));
    stream_close(s);
    return r;
}

static bool ask(void *arg, struct view challenge, struct view *answer)
{
    struct question *q = arg;
    return q->ask(q->arg, challenge, answer);
}

enum sasl_outcome saslauthd_login(struct auth_login *l, struct view mechanism,
                                  struct view socket)
{
    struct question q = {l, socket, l->sasl.arg, l->sasl.ask};
    struct view word, list = own_names;
    bool is_own = false;
    while (view_token(&list, VIEW(" "), &word))
        is_own |= view_eq_case(word, mechanism);
    if (!is_own)
        return SASL_MALFORMED;
    l->sasl.check = check;
    l->sasl.ask = ask;
    l->sasl.arg = &q;
    enum sasl_outcome o = sasl_serve(&l->sasl, mechanism);
    l->sasl.ask = q.ask;
    l->sasl.arg = q.arg;
    return o;
}

static bool names(const struct auth_login *l, struct arena *a, struct view *out,
                  struct error *e)
{
    (void)l;
    (void)a;
    (void)e;
    *out = own_names;
    return true;
}

static enum sasl_outcome login(struct auth_login *l, struct view mechanism)
{
    bool is_path = view_starts(l->server->path, VIEW("/"));
    return saslauthd_login(l, mechanism, is_path ? l->server->path : usual_socket);
}

const struct auth_type auth_saslauthd = {VIEW("saslauthd"), names, login, NULL};

/* --- Cyrus' file --- */

struct cyrus_file {
    struct view method, socket, names;
};

static void take_setting(struct cyrus_file *f, struct arena *a, struct view line)
{
    struct view name, value;
    if (!view_cut(view_trim_space(line), ':', &name, &value) || name.p[0] == '#')
        return;
    value = arena_dup(a, view_trim_space(value));
    if (view_eq(name, VIEW("pwcheck_method")))
        f->method = value;
    else if (view_eq(name, VIEW("saslauthd_path")))
        f->socket = value;
    else if (view_eq(name, VIEW("mech_list")))
        f->names = value;
}

/* PATH.conf in one of DIRECTORIES (apart by colons). */
static bool read_in(struct view directories, const struct auth_login *l, struct arena *a,
                    struct cyrus_file *f)
{
    struct view directory;
    char line[CONFIG_LINE_MAX];
    while (view_token(&directories, VIEW(":"), &directory)) {
        struct view path = arena_printf(a, "%.*s/%.*s.conf", VIEW_FMT(directory),
                                        VIEW_FMT(l->server->path));
        FILE *file = fopen(path.p, "re");
        if (file == NULL)
            continue;
        while (fgets(line, sizeof line, file) != NULL)
            take_setting(f, a, view_of(line));
        fclose(file);
        return true;
    }
    return false;
}

static bool read_file(const struct auth_login *l, struct arena *a, struct cyrus_file *f,
                      struct error *e)
{
    struct view directories = conf_view(l->server->conf, P_cyrus_sasl_config_path);
    *f = (struct cyrus_file){VIEW("saslauthd"), usual_socket, own_names};
    if (directories.n == 0)
        directories = arena_printf(a, "%s/sasl:/etc/sasl2:/usr/lib/sasl2",
                                   conf_directory(l->server->conf));
    (void)read_in(directories, l, a, f); /* none: Cyrus' defaults, as above */
    if (view_eq(f->method, VIEW("saslauthd")))
        return true;
    error_set(e, "4.3.5",
              "pwcheck_method %.*s of Cyrus SASL is not spoken: use smtpd_sasl_type = "
              "builtin and auth_password_maps",
              VIEW_FMT(f->method));
    return false;
}

static bool cyrus_names(const struct auth_login *l, struct arena *a, struct view *out,
                        struct error *e)
{
    struct cyrus_file f;
    if (!read_file(l, a, &f, e))
        return false;
    struct str kept = STR_INIT(AUTH_NAMES_MAX);
    struct view word;
    while (view_token(&f.names, VIEW(" ,\t"), &word))
        if (view_eq_case(word, VIEW("PLAIN")) || view_eq_case(word, VIEW("LOGIN")))
            str_addf(&kept, "%.*s ", VIEW_FMT(word));
    *out = arena_dup(a, str_view(&kept));
    str_done(&kept);
    return true;
}

static enum sasl_outcome cyrus_login(struct auth_login *l, struct view mechanism)
{
    struct cyrus_file f;
    if (!read_file(l, l->sasl.arena, &f, &l->sasl.error))
        return SASL_UNAVAILABLE;
    struct view socket = f.socket;
    if (!view_ends(socket, VIEW("/mux")))
        socket = arena_printf(l->sasl.arena, "%.*s/mux", VIEW_FMT(socket));
    return saslauthd_login(l, mechanism, socket);
}

const struct auth_type auth_cyrus = {VIEW("cyrus"), cyrus_names, cyrus_login, NULL};
