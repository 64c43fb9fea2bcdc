/* postcat - show what is in a queue file
 *
 * Usage: postcat [-bdehoqrv] [-c config_dir] [-s offset] [file or, with -q, queue ID
 * ...].  Messages that live in the journal are shown in the same form.  postcat(1).
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "queue/queue_admin.h"
#include "queue/queue_file.h"
#include "service/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct wanted {
    bool body, envelope, header; /* -b -e -h */
    bool types, offsets;         /* -d -o */
    bool search;                 /* -q */
    uint64_t skip;               /* -s */
};

/* One printed line: its place in the file and its record type. */
static void print_place(const struct wanted *w, uint64_t offset, char type)
{
    if (w->offsets)
        printf("%9llu ", (unsigned long long)offset);
    if (w->types)
        printf("%3d ", type);
}

static const char *date(int64_t usec, char buffer[64])
{
    time_t t = (time_t)(usec / CLOCK_SECOND);
    struct tm tm;

    if (!localtime_r(&t, &tm) || strftime(buffer, 64, "%a %b %e %H:%M:%S %Y", &tm) == 0)
        buffer[0] = '\0';
    return buffer;
}

/* --- the envelope --- */

static void print_named(const struct wanted *w, uint64_t offset, const char *name,
                        struct view v)
{
    if (v.n == 0)
        return;
    print_place(w, offset, 'A');
    printf("named_attribute: %s=%.*s\n", name, VIEW_FMT(v));
}

static void print_facts(const struct wanted *w, const struct queue_message *m)
{
    const struct envelope *env = &m->envelope;
    char buffer[64];
    uint64_t at = m->content_size;

    print_place(w, at, 'C');
    printf("message_size: %15llu %15zu %15zu\n", (unsigned long long)m->content_size,
           m->envelope_bytes.n, env->n_recipients);
    print_place(w, at, 'T');
    printf("message_arrival_time: %s\n", date(env->arrival, buffer));
    print_named(w, at, "rewrite_context", env->rewrite_context);
    print_named(w, at, "client_name", env->client_name);
    print_named(w, at, "client_address", env->client_address);
    print_named(w, at, "client_port", env->client_port);
    print_named(w, at, "helo_name", env->helo_name);
    print_named(w, at, "protocol_name", env->protocol_name);
    print_named(w, at, "sasl_method", env->sasl_method);
    print_named(w, at, "sasl_username", env->sasl_username);
    print_named(w, at, "sasl_sender", env->sasl_sender);
    print_named(w, at, "log_ident", env->log_ident);
    print_named(w, at, "envelope_id", env->envid);
    print_named(w, at, "message_id", env->message_id);
    print_named(w, at, "content_filter", env->content_filter);
    print_named(w, at, "redirect_to", env->redirect);
    print_place(w, at, 'S');
    printf("sender: %.*s\n", VIEW_FMT(env->sender));
}

static void print_recipients(const struct wanted *w, const struct queue_message *m)
{
    for (size_t i = 0; i < m->envelope.n_recipients; i++) {
        const struct recipient *r = &m->envelope.recipients[i];
        uint64_t at = m->content_size + r->offset;
        char notify[8];

        snprintf(notify, sizeof notify, "%u", r->notify);
        if (r->notify)
            print_named(w, at, "notify_flags", view_of(notify));
        print_named(w, at, "dsn_orig_rcpt", r->orcpt);
        print_place(w, at, 'O');
        printf("original_recipient: %.*s\n", VIEW_FMT(r->original));
        print_place(w, at, r->status == RECIPIENT_PENDING ? 'R' : 'D');
        printf("%s: %.*s\n",
               r->status == RECIPIENT_PENDING ? "recipient" : "done_recipient",
               VIEW_FMT(r->address));
    }
}

/* --- the content --- */

struct printer {
    const struct wanted *wanted;
    uint64_t offset;
    bool in_header;
    struct str line;
};

static void print_line(struct printer *p, struct view line)
{
    const struct wanted *w = p->wanted;
    bool wanted = p->in_header ? w->header : w->body;

    /* The first line that is no header is the body's. */
    if (p->in_header && (line.n == 0 || (!view_has(line, ':') && line.p[0] != ' ' &&
                                         line.p[0] != '\t'))) {
        p->in_header = false;
        wanted = w->body || (w->header && line.n == 0);
    }
    if (wanted && p->offset >= w->skip) {
        print_place(w, p->offset, 'N');
        fwrite(line.p, 1, line.n, stdout);
        putchar('\n');
    }
    p->offset += line.n + 1;
}

static void print_content(const struct wanted *w, int fd, uint64_t size)
{
    static char buffer[1 << 15];
    struct printer p = {.wanted = w, .in_header = true, .line = STR_INIT(64u << 20)};
    struct view rest, line;

    for (uint64_t done = 0; done < size;) {
        size_t piece =
            size - done < sizeof buffer ? (size_t)(size - done) : sizeof buffer;
        if (!queue_read_full(fd, buffer, piece, done))
            log_fatal("read: %s", strerror(errno));
        done += piece;
        rest = (struct view){buffer, piece};
        while (view_cut(rest, '\n', &line, &rest)) {
            str_add(&p.line, line);
            print_line(&p, str_view(&p.line));
            str_clear(&p.line);
        }
        str_add(&p.line, line);
    }
    if (p.line.n > 0)
        print_line(&p, str_view(&p.line));
    str_done(&p.line);
}

/* --- one message --- */

static void print_message(const struct wanted *w, const char *name, int fd)
{
    struct arena *a = arena_new();
    struct queue_message m;
    struct error e = ERROR_INIT;
    struct stat st;

    if (fstat(fd, &st) < 0)
        log_fatal("%s: %s", name, strerror(errno));
    if (queue_file_read(a, fd, 0, (uint64_t)st.st_size, &m, &e) != OK) {
        log_warning("%s: input is not a valid queue file: %s", name, error_cstr(&e));
        arena_free(a);
        return;
    }
    if (w->envelope) {
        printf("*** ENVELOPE RECORDS %s ***\n", name);
        print_facts(w, &m);
        print_recipients(w, &m);
    }
    if (w->header || w->body) {
        if (w->envelope)
            printf("*** MESSAGE CONTENTS %s ***\n", name);
        print_content(w, fd, m.content_size);
    }
    if (w->envelope)
        printf("*** MESSAGE FILE END %s ***\n", name);
    arena_free(a);
}

static void print_queued(const struct wanted *w, const struct conf *c, const char *id)
{
    struct str name = STR_INIT(4096);
    struct error e = ERROR_INIT;
    struct queue_id parsed;
    char queue[16];
    int fd;

    if (!queue_id_parse(view_of(id), &parsed))
        log_fatal("bad mail queue ID: %s", id);
    if (queue_admin_read(c, view_of(id), &fd, queue, &e) != OK)
        log_fatal("open queue file %s: %s", id, error_cstr(&e));
    str_setf(&name, "%s/%s", queue, id);
    print_message(w, str_cstr(&name), fd);
    str_done(&name);
    close(fd);
}

/* Standard input may be a pipe; queue files are read from their end. */
static int copy_input(void)
{
    static char buffer[1 << 15];
    FILE *file = tmpfile();
    size_t n;

    if (!file)
        log_fatal("temporary file: %s", strerror(errno));
    while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
        if (fwrite(buffer, 1, n, file) != n)
            log_fatal("temporary file: %s", strerror(errno));
    }
    if (fflush(file) != 0)
        log_fatal("temporary file: %s", strerror(errno));
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

static void print_file(const struct wanted *w, const char *path)
{
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : copy_input();

    if (fd < 0)
        log_fatal("open %s: %s", path ? path : "stdin", strerror(errno));
    print_message(w, path ? path : "stdin", fd);
    close(fd);
}

static const char *parse_options(struct wanted *w, int argc, char **argv)
{
    const char *directory = NULL;
    int letter;

    while ((letter = getopt(argc, argv, "bc:dehoqrs:v")) != -1) {
        switch (letter) {
        case 'b':
            w->body = true;
            break;
        case 'c':
            directory = optarg;
            break;
        case 'd':
            w->types = true;
            break;
        case 'e':
            w->envelope = true;
            break;
        case 'h':
            w->header = true;
            break;
        case 'o':
            w->offsets = true;
            break;
        case 'q':
            w->search = true;
            break;
        case 'r':
            break; /* our files have no pointer records: always in file order */
        case 's':
            if (!number_parse_u64(view_of(optarg), 0, UINT64_MAX, &w->skip))
                log_fatal("bad offset: %s", optarg);
            break;
        case 'v':
            log_verbose++;
            break;
        default:
            log_fatal(
                "usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record "
                "type)] "
                "[-e (envelope records)] [-h (header text)] [-q (access queue)] [-v] "
                "[file(s)...]");
        }
    }
    if (!w->body && !w->envelope && !w->header)
        w->body = w->envelope = w->header = true;
    return directory;
}

int main(int argc, char **argv)
{
    struct wanted w = {.skip = 0};

    log_set_command("postcat");
    const char *directory = parse_options(&w, argc, argv);
    if (w.search) {
        const struct conf *c = instance_conf(directory);
        instance_enter(c);
        for (int i = optind; i < argc; i++)
            print_queued(&w, c, argv[i]);
    } else if (optind == argc) {
        print_file(&w, NULL);
    } else {
        for (int i = optind; i < argc; i++)
            print_file(&w, argv[i]);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        log_fatal("output write error: %s", strerror(errno));
    return 0;
}
