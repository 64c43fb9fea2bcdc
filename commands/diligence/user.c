/* user - the logins of auth_password_maps: add, change, list, remove
 *
 * Usage: diligence user add|passwd [-s SCHEME] [--scram] NAME, user list, user remove
 * NAME.  A password is asked for twice at a terminal, without echo, else it is the first
 * line of standard input; never an argument, which everybody on the machine can read.
 */
#include "auth/user_file.h"
#include "base/log.h"
#include "diligence.h"
#include "sasl/password.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <termios.h>
#include <unistd.h>

static void usage(void)
{
    log_fatal("usage: user add|passwd [-s SCHEME] [--scram] NAME | user list | user "
              "remove NAME");
}

struct request {
    struct view scheme, name;
    bool has_scram;
};

/* --- passwords --- */

/* The first line of standard input; too long a one is refused. */
static void read_line(struct str *out)
{
    char byte;
    ssize_t n;
    str_clear(out);
    while ((n = read(STDIN_FILENO, &byte, 1)) == 1 && byte != '\n')
        str_add_char(out, byte);
    if (n < 0)
        log_fatal("standard input: %s", strerror(errno));
    if (out->overflow)
        log_fatal("the password is longer than %zu bytes", out->limit);
    if (out->n > 0 && out->p[out->n - 1] == '\r')
        str_truncate(out, out->n - 1);
}

/* PROMPT, then a line that is not shown. */
static void ask_hidden(const char *prompt, struct str *out)
{
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) < 0)
        log_fatal("terminal: %s", strerror(errno));
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
    hidden.c_lflag |= ECHONL;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0)
        log_fatal("terminal: %s", strerror(errno));
    fputs(prompt, stderr); /* only now: what is typed from here on counts */
    read_line(out);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &shown);
}

static void get_password(struct str *out)
{
    struct str again = STR_INIT(PASSWORD_MAX);
    if (isatty(STDIN_FILENO)) {
        ask_hidden("Password: ", out);
        ask_hidden("Once more: ", &again);
        if (!password_equal(str_view(out), str_view(&again)))
            log_fatal("the two passwords differ");
        explicit_bzero(again.p, again.n);
        str_done(&again);
    } else {
        read_line(out);
    }
    if (out->n == 0)
        log_fatal("the password is empty");
    if (!view_is_utf8(str_view(out)))
        log_fatal("the password is not UTF-8");
}

/* "{SCHEME}hash", and SCRAM's keys; clear text is always the last value of an entry. */
static bool make_stored(const struct request *r, struct view password, struct str *out,
                        struct error *e)
{
    bool is_clear = view_eq_case(r->scheme, VIEW("PLAIN")) ||
                    view_eq_case(r->scheme, VIEW("CLEAR")) ||
                    view_eq_case(r->scheme, VIEW("CLEARTEXT"));
    struct view scram = VIEW("SCRAM-SHA-256");
    if (!r->has_scram)
        return password_make(r->scheme, password, out, e);
    return password_make(is_clear ? scram : r->scheme, password, out, e) &&
           str_add_char(out, ' ') &&
           password_make(is_clear ? r->scheme : scram, password, out, e);
}

/* --- the words --- */

static struct request parse(const struct control *c)
{
    static const struct option longer[] = {{"scram", no_argument, NULL, 'S'},
                                           {NULL, 0, NULL, 0}};
    struct request r = {.scheme = conf_view(c->conf, P_auth_password_scheme)};
    int letter;
    optind = 1; /* argv[0] is the word */
    while ((letter = getopt_long(c->argc, c->argv, "+s:", longer, NULL)) != -1) {
        if (letter == 's')
            r.scheme = view_of(optarg);
        else if (letter == 'S')
            r.has_scram = true;
        else
            usage();
    }
    if (optind + 1 != c->argc)
        usage();
    r.name = view_of(c->argv[optind]);
    if (!user_file_is_name(r.name))
        log_fatal("%s cannot be a login name", c->argv[optind]);
    return r;
}

/* A new table of root's must be readable by the auth service, and by nobody else. */
static bool prepare_file(const struct control *c, const char *path, struct error *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 && errno == EEXIST)
        return true;
    bool good = fd >= 0 && (geteuid() != 0 || fchown(fd, (uid_t)-1, c->owner.gid) == 0);
    if (!good)
        error_set_errno(e, "4.3.0", "create %s", path);
    if (fd >= 0)
        close(fd);
    return good;
}

static bool store(const struct control *c, const struct user_file *f,
                  enum user_change change, struct error *e)
{
    struct request r = parse(c);
    struct str password = STR_INIT(PASSWORD_MAX), stored = STR_INIT(PASSWORD_STORED_MAX);
    get_password(&password);
    bool good = make_stored(&r, str_view(&password), &stored, e) &&
                (change != USER_ADD || prepare_file(c, f->path, e)) &&
                user_file_change(f, change, r.name, str_view(&stored), e);
    explicit_bzero(password.p, password.n);
    str_done(&password);
    str_done(&stored);
    return good;
}

/* NAME and the schemes of what is stored, never that itself. */
static void show(struct view name, struct view stored, void *arg)
{
    struct view word;
    (void)arg;
    printf("%.*s", VIEW_FMT(name));
    while (view_token(&stored, VIEW(" \t"), &word)) {
        size_t end = view_find(word, '}');
        if (word.p[0] == '{' && end != VIEW_NPOS)
            printf(" %.*s", VIEW_FMT(view_sub(word, 0, end + 1)));
    }
    putchar('\n');
}

static bool run(const struct control *c, const struct user_file *f, const char *word,
                struct error *e)
{
    if (strcmp(word, "add") == 0)
        return store(c, f, USER_ADD, e);
    if (strcmp(word, "passwd") == 0)
        return store(c, f, USER_CHANGE, e);
    if (strcmp(word, "list") == 0 && c->argc == 1)
        return user_file_list(f, show, NULL, e);
    if (strcmp(word, "remove") == 0 && c->argc == 2)
        return user_file_change(f, USER_REMOVE, view_of(c->argv[1]), VIEW_NONE, e);
    usage();
    return false;
}

int user(struct control *c)
{
    struct user_file file;
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    if (!user_file_find(c->conf, a, &file, &e) || !run(c, &file, c->argv[0], &e))
        log_fatal("%s", error_cstr(&e));
    arena_free(a);
    return 0;
}
