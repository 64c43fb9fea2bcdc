/* watch - the log as it grows, whole or what concerns one address or message
 *
 * Usage: diligence watch [-a] [ADDRESS|QUEUE-ID].  A line that names the address belongs
 * to a message: from then on all lines of that message are shown, also those that came a
 * little before.  -a shows what the log has and ends.  Needs no more than the right to
 * read the log: maillog_file, or the file where syslogd puts mail.
 */
#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"
#include "diligence.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

enum { LINE_BYTES = 4096, RECENT = 512, CHOSEN = 1024, ID_BYTES = 32 };

static const char syslog_file[] = "/var/log/mail.log";

static struct {
    struct view wanted;            /* empty: everything */
    struct str recent[RECENT];     /* lines of messages not yet chosen, a ring */
    size_t next;                   /* in it */
    char chosen[CHOSEN][ID_BYTES]; /* queue IDs, a ring */
    size_t n_chosen;
} watch;

/* "... postfix/smtpd[12]: 4F1A2B: from=..." to "4F1A2B"; empty: of no message. */
static struct view queue_id_of(struct view line)
{
    size_t tag = view_find_view(line, VIEW("]: "));
    struct view id, text;
    if (tag == VIEW_NPOS || !view_cut(view_from(line, tag + 3), ':', &id, &text) ||
        id.n < 6 || id.n >= ID_BYTES)
        return VIEW_NONE;
    for (size_t i = 0; i < id.n; i++)
        if (!ascii_is_alnum(id.p[i]))
            return VIEW_NONE;
    return id;
}

static bool is_chosen(struct view id)
{
    size_t n = watch.n_chosen < CHOSEN ? watch.n_chosen : CHOSEN;
    for (size_t i = 0; i < n; i++)
        if (view_eq(view_of(watch.chosen[i]), id))
            return true;
    return false;
}

static bool names_wanted(struct view line)
{
    for (size_t i = 0; i + watch.wanted.n <= line.n; i++)
        if (view_eq_case(view_sub(line, i, watch.wanted.n), watch.wanted))
            return true;
    return false;
}

static void show(struct view line)
{
    printf("%.*s\n", VIEW_FMT(line));
}

/* The message of ID is one of those that are wanted: its earlier lines first. */
static void choose(struct view id)
{
    char *slot = watch.chosen[watch.n_chosen++ % CHOSEN];
    memcpy(slot, id.p, id.n);
    slot[id.n] = '\0';
    for (size_t i = 0; i < RECENT; i++) {
        struct str *line = &watch.recent[(watch.next + i) % RECENT];
        if (line->n > 0 && view_eq(queue_id_of(str_view(line)), view_of(slot))) {
            show(str_view(line));
            str_clear(line);
        }
    }
}

static void take_line(struct view line)
{
    struct view id = queue_id_of(line);
    bool is_named = names_wanted(line), is_known = id.n > 0 && is_chosen(id);
    if (is_named && id.n > 0 && !is_known)
        choose(id);
    if (is_named || is_known) {
        show(line);
    } else if (id.n > 0) {
        struct str *slot = &watch.recent[watch.next++ % RECENT];
        slot->limit = LINE_BYTES;
        str_set(slot, line);
    }
}

/* All lines that are there; false: the file was replaced since. */
static bool read_lines(FILE *f, const char *path)
{
    static char line[LINE_BYTES];
    struct stat here, there;
    while (fgets(line, sizeof line, f) != NULL)
        take_line(view_trim(view_of(line), VIEW("\r\n")));
    clearerr(f); /* more may come */
    fflush(stdout);
    return fstat(fileno(f), &here) == 0 && stat(path, &there) == 0 &&
           here.st_ino == there.st_ino && here.st_dev == there.st_dev &&
           here.st_size >= ftello(f);
}

static FILE *open_log(const char *path)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        log_error("%s: %s; watch needs the right to read the log", path, strerror(errno));
    return f;
}

int watch_log(struct control *c)
{
    const char *path = conf_cstr(c->conf, P_maillog_file);
    bool is_all = c->argc > 0 && strcmp(c->argv[0], "-a") == 0;
    if (c->argc - is_all > 1) {
        log_error("usage: watch [-a] [ADDRESS|QUEUE-ID]");
        return 64;
    }
    if (c->argc - is_all == 1)
        watch.wanted = view_of(c->argv[is_all]);
    if (path[0] != '/')
        path = syslog_file;
    FILE *f = open_log(path);
    if (f != NULL && !is_all)
        (void)fseeko(f, 0, SEEK_END);
    while (f != NULL && !ferror(stdout)) {
        bool is_same = read_lines(f, path);
        if (is_all)
            break;
        if (!is_same) { /* rotated: the new one from its start */
            fclose(f);
            f = open_log(path);
        }
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
    bool is_good = f != NULL;
    if (is_good)
        fclose(f);
    for (size_t i = 0; i < RECENT; i++)
        str_done(&watch.recent[i]);
    return is_good ? 0 : 1;
}
