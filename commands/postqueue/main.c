/* postqueue - look at the queue and flush it, as any user; also behind mailq
 *
 * Usage: postqueue [-v] [-c config_dir] -f | -i queue_id | -j | -p | -s site.  Installed
 * set-gid, so that it may connect to qmgr.  postqueue(1).
 */
#include "base/log.h"
#include "listing.h"
#include "queue/queue_admin.h"
#include "service/instance.h"
#include "submission/submission.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum mode { MODE_NONE, MODE_FLUSH, MODE_FLUSH_ID, MODE_FLUSH_SITE, MODE_JSON, MODE_LIST };

struct request {
    enum mode mode;
    const char *argument, *directory;
    const struct conf *conf;
};

/* Whatever it is, the status is EX_UNAVAILABLE: callers know no other. */
__attribute__((format(printf, 1, 2), noreturn)) static void fatal(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_write(LOG_LEVEL_FATAL, format, args);
    va_end(args);
    exit(EX_UNAVAILABLE);
}

static void write_out(struct view v)
{
    if ((v.n > 0 && fwrite(v.p, 1, v.n, stdout) != v.n) || fflush(stdout) != 0)
        fatal("output write error: %s", strerror(errno));
}

/* --- listing --- */

struct totals {
    uint64_t bytes, messages;
};

/* What postdrop left and pickup has not taken; only for those who may look (the owner).
 */
static void list_maildrop(bool long_ids, struct totals *totals, struct str *out)
{
    DIR *d = opendir("maildrop");
    struct dirent *entry;
    struct queue_id id;
    struct stat st;
    char sender[64];

    while (d && (entry = readdir(d))) {
        if (!queue_id_parse(view_of(entry->d_name), &id) ||
            fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        snprintf(sender, sizeof sender, "(maildrop queue, sender UID %ld)",
                 (long)st.st_uid);
        struct listed_message m = {.queue_name = VIEW("maildrop"),
                                   .queue_id = queue_id_view(&id),
                                   .sender = view_of(sender),
                                   .arrival = st.st_mtime,
                                   .size = (uint64_t)st.st_size};
        listing_message(long_ids, &m, out);
        totals->messages++;
        totals->bytes += m.size;
    }
    if (d)
        closedir(d);
}

static void list_lines(bool long_ids, struct view lines, struct totals *totals,
                       struct str *out)
{
    struct arena *a = arena_new();
    struct view line;

    while (lines.n > 0) {
        struct listed_message m;
        (void)view_cut(lines, '\n', &line, &lines);
        if (!listing_parse(a, line, &m))
            fatal("qmgr sent a malformed listing");
        listing_message(long_ids, &m, out);
        totals->messages++;
        totals->bytes += m.size;
        arena_reset(a);
        write_out(str_view(out));
        str_clear(out);
    }
    arena_free(a);
}

static void print_list(const struct request *r, struct view lines)
{
    bool long_ids = conf_bool(r->conf, P_enable_long_queue_ids);
    struct totals totals = {0, 0};
    struct str out = STR_INIT(64u << 20);

    if (lines.n > 0)
        listing_heading(long_ids, &out);
    list_lines(long_ids, lines, &totals, &out);
    size_t before = out.n;
    list_maildrop(long_ids, &totals, &out);
    if (lines.n == 0 && out.n > before) {
        struct str heading = STR_INIT(256);
        listing_heading(long_ids, &heading);
        str_insert(&out, 0, str_view(&heading));
        str_done(&heading);
    }
    if (totals.messages == 0)
        str_add_cstr(&out, "Mail queue is empty\n");
    else
        str_addf(&out, "-- %llu Kbytes in %llu Request%s.\n",
                 (unsigned long long)totals.bytes / 1024,
                 (unsigned long long)totals.messages, totals.messages == 1 ? "" : "s");
    write_out(str_view(&out));
    str_done(&out);
}

static void list_queue(const struct request *r)
{
    struct error e = ERROR_INIT;
    struct stat st;
    uint64_t count;
    void *map = NULL;
    int fd;

    if (queue_admin_list(r->conf, &fd, &count, &e) != OK)
        fatal("Queue report unavailable - %s", error_cstr(&e));
    if (fstat(fd, &st) < 0)
        fatal("fstat: %s", strerror(errno));
    if (st.st_size > 0)
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        fatal("mmap: %s", strerror(errno));
    struct view lines = {map, (size_t)st.st_size};
    if (r->mode == MODE_JSON)
        write_out(lines);
    else
        print_list(r, lines);
    if (map)
        (void)munmap(map, lines.n);
    close(fd);
}

/* --- flushing --- */

static void control(const struct request *r, enum queue_request what,
                    const struct queue_selection *selection)
{
    struct error e = ERROR_INIT;
    uint64_t count;

    enum result result = queue_admin_control(r->conf, what, selection, &count, &e);
    if (result == OK)
        return;
    fatal("Cannot flush mail queue - %s", error_cstr(&e));
}

static void flush(const struct request *r)
{
    struct queue_selection all = {.id = VIEW_NONE};

    control(r, QUEUE_FLUSH, &all);
}

static void flush_id(const struct request *r)
{
    struct queue_selection one = {.id = view_of(r->argument)};
    struct queue_id id;

    if (!queue_id_parse(one.id, &id))
        fatal("Cannot flush queue ID - invalid name: \"%.100s\"", r->argument);
    control(r, QUEUE_FLUSH_ID, &one);
}

static void flush_site(const struct request *r)
{
    struct queue_selection site = {.site = view_of(r->argument)};
    bool ok = site.site.n > 0 && site.site.n < 256;

    for (size_t i = 0; i < site.site.n; i++) {
        char c = site.site.p[i];
        ok = ok && (ascii_is_alnum(c) || strchr(".-_[]:", c));
    }
    if (!ok)
        fatal("Cannot flush mail queue - invalid destination: \"%.100s\"", r->argument);
    control(r, QUEUE_FLUSH_SITE, &site);
}

/* --- start --- */

static void usage(void)
{
    fatal("usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | "
          "postqueue -s site");
}

static void set_mode(struct request *r, enum mode mode, const char *argument)
{
    if (r->mode != MODE_NONE)
        usage();
    r->mode = mode;
    r->argument = argument;
}

static void parse_options(struct request *r, int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "c:fi:jps:v")) != -1) {
        switch (letter) {
        case 'c':
            r->directory = optarg;
            break;
        case 'f':
            set_mode(r, MODE_FLUSH, NULL);
            break;
        case 'i':
            set_mode(r, MODE_FLUSH_ID, optarg);
            break;
        case 'j':
            set_mode(r, MODE_JSON, NULL);
            break;
        case 'p':
            set_mode(r, MODE_LIST, NULL);
            break;
        case 's':
            set_mode(r, MODE_FLUSH_SITE, optarg);
            break;
        case 'v':
            log_verbose += getuid() == 0;
            break;
        default:
            usage();
        }
    }
    if (r->mode == MODE_NONE || optind != argc)
        usage();
}

static void check_user(const struct conf *c, enum parameter who, const char *what)
{
    struct str name = STR_INIT(256);
    const struct passwd *owner = getpwnam(conf_cstr(c, P_mail_owner));
    bool may_all = getuid() == 0 || (owner && owner->pw_uid == getuid());

    if (!may_all && !submission_user_is_allowed(c, who, getuid(), &name))
        fatal("User %s(%ld) is not allowed to %s the mail queue", str_cstr(&name),
              (long)getuid(), what);
    str_done(&name);
}

int main(int argc, char **argv)
{
    struct request r = {.mode = MODE_NONE};

    instance_keep_standard_fds();
    log_set_command("postqueue");
    parse_options(&r, argc, argv);
    r.conf = instance_conf(r.directory);
    instance_enter(r.conf);
    instance_log_command(r.conf, "postqueue");
    if (r.mode == MODE_LIST || r.mode == MODE_JSON) {
        check_user(r.conf, P_authorized_mailq_users, "view");
        list_queue(&r);
        return EX_OK;
    }
    check_user(r.conf, P_authorized_flush_users, "flush");
    if (r.mode == MODE_FLUSH)
        flush(&r);
    else if (r.mode == MODE_FLUSH_ID)
        flush_id(&r);
    else
        flush_site(&r);
    return EX_OK;
}
