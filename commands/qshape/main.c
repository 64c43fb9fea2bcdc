/* qshape - which domains the queue is full of, and for how long
 *
 * Usage: qshape [-lps] [-b buckets] [-t minutes] [-m min_subdomains] [-w width] [-N
 * messages] [-n domains] [-c config_dir] [queue ...].  A queue is "incoming", "active",
 * "deferred", "hold" or, with an absolute path, a file with the output of postqueue -j.
 * qshape(1).
 */
#include "qshape.h"

#include "base/log.h"
#include "base/number.h"
#include "conf/lines.h"
#include "queue/queue_admin.h"
#include "queue/queue_listing.h"
#include "service/instance.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static const char usage_text[] =
    "Usage: qshape [ -s ] [ -p ] [ -m <min_subdomains> ] [ -l ]\n"
    "\t[ -b <bucket_count> ] [ -t <bucket_time> ] [ -w <terminal_width> ]\n"
    "\t[ -N <batch_msg_count> ] [ -n <batch_top_domains> ]\n"
    "\t[ -c <config_directory> ] [ <queue_name> ... ]\n"
    "-s counts senders, not recipients.  -p adds up parent domains (with a dot in "
    "front)\n"
    "that have at least min_subdomains (5) below them.  Ages are in units of "
    "bucket_time\n"
    "minutes (5), each bucket twice as long as the one before; with -l all are equal.\n"
    "Without queue names: incoming and active.\n";

static void take_number(const char *text, uint64_t least, uint64_t greatest,
                        uint64_t *number)
{
    uint64_t value;

    /* As ever: what makes no sense leaves the default. */
    if (number_parse_u64(view_of(text), least, greatest, &value))
        *number = value;
}

static const char *parse(struct options *o, int argc, char **argv)
{
    uint64_t buckets = 10, tick = 5, width = 80;
    const char *directory = NULL;
    int letter;

    while ((letter = getopt(argc, argv, "lhc:psw:b:t:m:n:N:")) != -1) {
        if (letter == 'l')
            o->linear = true;
        else if (letter == 'p')
            o->parents = true;
        else if (letter == 's')
            o->senders = true;
        else if (letter == 'c')
            directory = optarg;
        else if (letter == 'w')
            take_number(optarg, 81, 10000, &width);
        else if (letter == 'b')
            take_number(optarg, 1, BUCKETS_MAX, &buckets);
        else if (letter == 't')
            take_number(optarg, 1, 1000000, &tick);
        else if (letter == 'm')
            take_number(optarg, 1, UINT32_MAX, &o->min_subdomains);
        else if (letter == 'n')
            take_number(optarg, 0, UINT32_MAX, &o->batch_domains);
        else if (letter == 'N')
            take_number(optarg, 0, UINT32_MAX, &o->batch_messages);
        else {
            fputs(usage_text, stderr);
            exit(letter == 'h' ? 1 : 255);
        }
    }
    o->buckets = (unsigned)buckets;
    o->tick = (int64_t)tick;
    o->width = (size_t)width;
    return directory;
}

static bool is_wanted(char **queues, struct view name)
{
    if (!*queues)
        return view_eq(name, VIEW("incoming")) || view_eq(name, VIEW("active"));
    for (; *queues; queues++)
        if (view_eq(name, view_of(*queues)))
            return true;
    return false;
}

/* Count the messages of LISTING; those of QUEUES, or all when it is NULL. */
static void count(struct table *t, struct view listing, char **queues)
{
    const struct options *o = t->options;
    struct arena *a = arena_new();
    int64_t now = time(NULL);
    uint64_t messages = 0;
    struct view line;

    while (listing.n > 0) {
        struct listed_message m;
        view_cut(listing, '\n', &line, &listing);
        arena_reset(a);
        if (!listing_parse(a, line, &m))
            log_fatal("malformed listing: \"%.200s\"", arena_cstr(a, line));
        if (queues && !is_wanted(queues, m.queue_name))
            continue;
        if (o->senders)
            table_count(t, m.sender, now - m.arrival);
        for (size_t i = 0; !o->senders && i < m.n_recipients; i++)
            table_count(t, m.recipients[i].address, now - m.arrival);
        if (o->batch_messages > 0 && ++messages % o->batch_messages == 0)
            table_print(t);
    }
    arena_free(a);
}

static void count_fd(struct table *t, int fd, const char *name, char **queues)
{
    struct str text = STR_INIT(LINES_FILE_MAX);
    struct error e = ERROR_INIT;

    if (fd < 0)
        log_fatal("open %s: %m", name);
    if (!lines_read_fd(fd, &text, &e))
        log_fatal("%s: %s", name, error_cstr(&e));
    close(fd);
    count(t, str_view(&text), queues);
    str_done(&text);
}

static void count_queue(struct table *t, const char *directory, char **queues)
{
    const struct conf *c = instance_conf(directory);
    struct error e = ERROR_INIT;
    uint64_t n;
    int fd;

    instance_enter(c);
    if (queue_admin_list(c, &fd, &n, &e) != OK)
        log_fatal("Queue report unavailable - %s", error_cstr(&e));
    count_fd(t, fd, "queue", queues);
}

int main(int argc, char **argv)
{
    struct options o = {.min_subdomains = 5};
    bool is_terminal = isatty(STDOUT_FILENO), needs_queue;
    const char *directory;
    struct table t;

    instance_keep_standard_fds();
    log_set_command("qshape");
    if (is_terminal) {
        o.batch_messages = 1000;
        o.batch_domains = 20;
    }
    directory = parse(&o, argc, argv);
    if (!is_terminal)
        o.batch_messages = o.batch_domains = 0;
    o.clear_screen = o.batch_messages > 0;
    table_start(&t, &o);
    needs_queue = optind == argc;
    for (int i = optind; i < argc; i++) {
        if (argv[i][0] == '/')
            count_fd(&t, open(argv[i], O_RDONLY | O_CLOEXEC), argv[i], NULL);
        else
            needs_queue = true;
    }
    if (needs_queue)
        count_queue(&t, directory, argv + optind);
    table_print(&t);
    hash_free(t.by_name, NULL);
    arena_free(t.arena);
    return ferror(stdout) ? 1 : 0;
}
