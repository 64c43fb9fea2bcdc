/* sendmail - options and personalities
 *
 * Every option letter of Sendmail is known.  Those that Postfix accepts without effect
 * have none here either: the table in take_option() says so.  sendmail(1).
 */
#include "base/log.h"
#include "sendmail.h"
#include "service/instance.h"

#include <errno.h>
#include <libgen.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

void fatal(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_write(LOG_LEVEL_FATAL, format, args);
    va_end(args);
    exit(status);
}

/* --- options --- */

static void take_notify(struct request *r, const char *text)
{
    struct view rest = view_of(text), word;

    if (view_eq_case(rest, VIEW("never"))) {
        r->notify = NOTIFY_NEVER;
        return;
    }
    while (view_token(&rest, VIEW(", \t"), &word)) {
        if (view_eq_case(word, VIEW("success")))
            r->notify |= NOTIFY_SUCCESS;
        else if (view_eq_case(word, VIEW("failure")))
            r->notify |= NOTIFY_FAILURE;
        else if (view_eq_case(word, VIEW("delay")))
            r->notify |= NOTIFY_DELAY;
        else
            fatal(
                EX_USAGE,
                "bad -N option value -- specify \"failure,delay,success\" or \"never\"");
    }
}

static void take_body_type(struct request *r, const char *text)
{
    if (strcasecmp(text, "8BITMIME") == 0)
        r->flags |= SUBMISSION_8BIT;
    else if (strcasecmp(text, "7BIT") != 0)
        fatal(EX_USAGE, "-B option needs 8BITMIME or 7BIT");
}

static void take_return(struct request *r, const char *text)
{
    if (strcasecmp(text, "full") == 0)
        r->ret = DSN_RET_FULL;
    else if (strcasecmp(text, "hdrs") == 0)
        r->ret = DSN_RET_HDRS;
    else
        fatal(EX_USAGE, "bad -R option value -- specify \"full\" or \"hdrs\"");
}

static void take_envid(struct request *r, const char *text)
{
    struct view v = view_of(text);

    for (size_t i = 0; i < v.n; i++) {
        if (!ascii_is_print(v.p[i]) || v.p[i] == ' ')
            fatal(EX_USAGE,
                  "bad -V option value -- specify printable characters without space");
    }
    r->envid = text;
}

/* -b */
static void take_mode(struct request *r, const char *text)
{
    switch (text[0]) {
    case 'd': /* daemon */
    case 'l': /* daemon, local connections */
        r->mode = MODE_DAEMON;
        break;
    case 'h': /* host status: there is none */
    case 'H':
        exit(EX_OK);
    case 'i':
        r->mode = MODE_NEWALIASES;
        break;
    case 'm':
        r->mode = MODE_SEND;
        break;
    case 'p':
        r->mode = MODE_MAILQ;
        break;
    case 's':
        r->mode = MODE_DIALOGUE;
        break;
    case 'v':
        r->mode = MODE_VERIFY;
        r->flags |= SUBMISSION_VERIFY;
        break;
    default:
        fatal(EX_USAGE, "unsupported: -b%s", text);
    }
}

/* -q with something behind it */
static void take_queue(struct request *r, const char *text)
{
    if (ascii_is_digit(text[0]))
        return; /* an interval: queue_run_delay says it here */
    r->mode = MODE_FLUSH;
    if ((text[0] == 'I' || text[0] == 'R') && !text[1])
        fatal(EX_USAGE, text[0] == 'I' ? "specify: -qIqueueid" : "specify: -qRsitename");
    if (text[0] == 'I')
        r->flush_id = text + 1;
    else if (text[0] == 'R')
        r->flush_site = text + 1;
    else
        fatal(EX_USAGE, "-q%c is not implemented", text[0]);
}

/* -o */
static void take_o(struct request *r, const char *text)
{
    if (text[0] == 'A')
        r->alias_database = text + 1;
    else if (text[0] == 'i')
        r->dot_is_content = true;
    /* all others: options of Sendmail's own, without effect as in Postfix */
}

static void take_option(struct request *r, int letter, const char *value)
{
    switch (letter) {
    case 'B':
        take_body_type(r, value);
        break;
    case 'C':
        r->directory = value;
        break;
    case 'F':
        r->full_name = value;
        break;
    case 'G':
        r->flags |= SUBMISSION_GATEWAY;
        break;
    case 'I':
        r->mode = MODE_NEWALIASES;
        break;
    case 'N':
        take_notify(r, value);
        break;
    case 'R':
        take_return(r, value);
        break;
    case 'V':
        take_envid(r, value);
        break;
    case 'X':
        if (value[0] != 'V')
            fatal(EX_USAGE, "unsupported: -X%c", value[0]);
        r->verp = value + 1; /* checked when the configuration is known */
        break;
    case 'b':
        take_mode(r, value);
        break;
    case 'f':
    case 'r':
        r->sender = value;
        break;
    case 'i':
        r->dot_is_content = true;
        break;
    case 'o':
        take_o(r, value);
        break;
    case 'q':
        take_queue(r, value);
        break;
    case 't':
        r->extract = true;
        break;
    case 'v':
        r->verbose++;
        break;
    case '?':
        fatal(EX_USAGE, "usage: sendmail [options] [recipient ...]");
    default: /* A L O U a c e h m n p x: without effect */
        break;
    }
}

/* "-q" alone has no value, though getopt wants one. */
static bool is_plain_q(const char *argument)
{
    return argument && strcmp(argument, "-q") == 0;
}

static void parse_options(struct request *r, int argc, char **argv)
{
    int letter;

    opterr = 0;
    for (;;) {
        while (optind < argc && is_plain_q(argv[optind])) {
            r->mode = MODE_FLUSH;
            optind++;
        }
        letter = getopt(argc, argv, "+A:B:C:F:GIL:N:O:R:UV:X:ab:ce:f:h:imno:p:r:q:tvx");
        if (letter == -1)
            break;
        take_option(r, letter, optarg);
    }
    r->recipients = argv + optind;
    r->n_recipients = (size_t)(argc - optind);
}

/* What the name says: mailq, newaliases, smtpd; distributions put ".postfix" behind it.
 */
static void take_personality(struct request *r, const char *name)
{
    const char *slash = strrchr(name, '/');
    struct view v = view_of(slash ? slash + 1 : name);

    if (view_ends(v, VIEW(".postfix")))
        v.n -= strlen(".postfix");
    if (view_eq(v, VIEW("mailq")))
        r->mode = MODE_MAILQ;
    else if (view_eq(v, VIEW("newaliases")))
        r->mode = MODE_NEWALIASES;
    else if (view_eq(v, VIEW("smtpd")))
        r->mode = MODE_DAEMON;
}

/* --- work for other commands --- */

__attribute__((noreturn)) static void run_command(const struct request *r,
                                                  const char *name, const char *first,
                                                  const char *second)
{
    struct str path = STR_INIT(4096);

    str_setf(&path, "%s/%s", instance_bin(r->conf), name);
    execl(str_cstr(&path), name, "-c", conf_directory(r->conf), first, second,
          (char *)NULL);
    fatal(EX_OSERR, "run %s: %s", str_cstr(&path), strerror(errno));
}

__attribute__((noreturn)) static void flush(const struct request *r)
{
    if (r->flush_id)
        run_command(r, "postqueue", "-i", r->flush_id);
    if (r->flush_site)
        run_command(r, "postqueue", "-s", r->flush_site);
    run_command(r, "postqueue", "-f", NULL);
}

/* newaliases: all of alias_database, or the one of -oA. */
__attribute__((noreturn)) static void new_aliases(const struct request *r)
{
    enum { MOST = 64 };
    struct view rest = r->alias_database ? view_of(r->alias_database)
                                         : conf_view(r->conf, P_alias_database);
    struct str path = STR_INIT(4096);
    char *argv[MOST + 4] = {(char *)(uintptr_t) "postalias", (char *)(uintptr_t) "-c",
                            (char *)(uintptr_t)conf_directory(r->conf)};
    size_t n = 3;
    struct view element;

    while (n < MOST && conf_list_next(&rest, &element))
        argv[n++] = arena_cstr(r->arena, element);
    if (n == 3)
        fatal(EX_CONFIG, "alias_database is empty: there is nothing to rebuild");
    str_setf(&path, "%s/postalias", instance_bin(r->conf));
    execv(str_cstr(&path), argv);
    fatal(EX_OSERR, "run %s: %s", str_cstr(&path), strerror(errno));
}

static void configure(struct request *r)
{
    struct error e = ERROR_INIT;
    struct stat st;
    const char *directory = r->directory;

    /* -C names main.cf or its directory. */
    if (directory && stat(directory, &st) == 0 && S_ISREG(st.st_mode))
        directory = dirname(arena_cstr(r->arena, view_of(directory)));
    r->conf = instance_try_conf(directory, &e);
    if (!r->conf)
        fatal(EX_TEMPFAIL, "%s; nothing was sent, try again later", error_cstr(&e));
    instance_log_command(r->conf, "sendmail");
}

int main(int argc, char **argv)
{
    struct request r = {
        .mode = MODE_SEND, .arena = arena_new(), .full_name = getenv("NAME")};

    instance_keep_standard_fds();
    umask(022);
    log_set_command("sendmail");
    take_personality(&r, argv[0]);
    parse_options(&r, argc, argv);
    log_verbose += getenv("MAIL_VERBOSE") != NULL;
    if (r.verbose > 1)
        log_verbose += r.verbose - 1;
    if (r.verbose > 0 && r.mode == MODE_SEND)
        r.flags |= SUBMISSION_TRACE;
    if (r.mode == MODE_VERIFY && r.extract)
        fatal(EX_USAGE, "-t option cannot be used with -bv");
    if (r.mode == MODE_MAILQ && r.n_recipients > 0)
        fatal(EX_USAGE, "display queue mode requires no recipient");
    if (r.mode == MODE_DIALOGUE && r.n_recipients > 0)
        fatal(EX_USAGE, "stand-alone mode requires no recipient");
    configure(&r);
    int status = EX_OK;
    switch (r.mode) {
    case MODE_MAILQ:
        run_command(&r, "postqueue", "-p", NULL);
    case MODE_NEWALIASES:
        new_aliases(&r);
    case MODE_DAEMON:
        run_command(&r, "postfix", "start", NULL);
    case MODE_FLUSH:
        flush(&r);
    case MODE_DIALOGUE:
        status = run_dialogue(&r);
        break;
    case MODE_SEND:
    case MODE_VERIFY:
        status = send_message(&r);
        break;
    }
    arena_free(r.arena);
    return status;
}
