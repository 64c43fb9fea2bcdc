/* postsuper - change the queue: delete, hold, release, requeue, expire
 *
 * Usage: postsuper [-psSv] [-c config_dir] [-d|-e|-f|-h|-H|-r queue_id|-|ALL]... [queue
 * ...].  For the super-user and the owner of the instance.  qmgr does the work when it
 * runs (lib/queue). postsuper(1).
 */
#include "base/log.h"
#include "queue/queue_admin.h"
#include "service/instance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* An option letter, what it asks for, and its words. */
static const struct action {
    char letter;
    enum queue_request request;
    const char *done;    /* behind one queue ID */
    const char *summary; /* before the number */
} actions[] = {
    {'d', QUEUE_DELETE, "removed", "Deleted"},
    {'e', QUEUE_EXPIRE, "expired", "Force-expired"},
    {'h', QUEUE_HOLD, "placed on hold", "Placed on hold"},
    {'H', QUEUE_RELEASE, "released from hold", "Released from hold"},
    {'r', QUEUE_REQUEUE, "requeued", "Requeued"},
};
enum { ACTIONS = sizeof actions / sizeof actions[0], MOST_QUEUES = 8 };

struct job {
    const struct conf *conf;
    const char *queues[MOST_QUEUES + 1]; /* NULL-terminated; none: all that apply */
    size_t n_queues;
    uint64_t counts[ACTIONS];
    bool wanted[ACTIONS];
    bool failed;
};

static const struct action *find_action(int letter)
{
    for (size_t i = 0; i < ACTIONS; i++) {
        if (actions[i].letter == letter)
            return &actions[i];
    }
    return NULL;
}

/* -f is -e and -H in one. */
static bool is_option(int letter)
{
    return letter == 'f' || find_action(letter) != NULL;
}

/* Messages that pickup has not taken yet are files in maildrop/. */
static uint64_t delete_from_maildrop(struct view wanted)
{
    DIR *d = opendir("maildrop");
    struct dirent *entry;
    struct queue_id id;
    uint64_t count = 0;

    if (!d)
        log_warning("open directory maildrop: %s", strerror(errno));
    while (d && (entry = readdir(d))) {
        bool is_meant =
            view_eq(wanted, VIEW("ALL")) || view_eq(wanted, view_of(entry->d_name));
        if (!is_meant || !queue_id_parse(view_of(entry->d_name), &id))
            continue;
        if (unlinkat(dirfd(d), id.text, 0) == 0)
            count++;
        else if (errno != ENOENT)
            log_warning("remove file maildrop/%s: %s", id.text, strerror(errno));
    }
    if (d)
        closedir(d);
    return count;
}

/* One request about QUEUE (NULL: any). */
static uint64_t ask(struct job *job, const struct action *a, struct view id,
                    const char *queue)
{
    struct queue_selection selection = {.id = id, .queue_name = view_of(queue)};
    struct error e = ERROR_INIT;
    uint64_t count = 0;

    if (queue && strcmp(queue, "maildrop") == 0)
        return a->request == QUEUE_DELETE ? delete_from_maildrop(id) : 0;
    if (queue_admin_control(job->conf, a->request, &selection, &count, &e) != OK) {
        log_error("%.*s: %s", VIEW_FMT(id), error_cstr(&e));
        job->failed = true;
    }
    return count;
}

static void act(struct job *job, const struct action *a, struct view id)
{
    struct queue_id parsed;
    uint64_t count = 0;
    bool is_all = view_eq(id, VIEW("ALL"));

    if (!is_all && !queue_id_parse(id, &parsed)) {
        log_warning("invalid mail queue id: %.*s", VIEW_FMT(id));
        return;
    }
    if (job->n_queues == 0)
        count = ask(job, a, id, NULL);
    for (size_t i = 0; i < job->n_queues; i++)
        count += ask(job, a, id, job->queues[i]);
    if (count > 0 && !is_all)
        log_info("%.*s: %s", VIEW_FMT(id), a->done);
    job->counts[a - actions] += count;
}

/* ACTS is one action, or two of which both are done, NULL at the end. */
static void act_all(struct job *job, const struct action *const *acts, struct view id)
{
    for (; *acts; acts++)
        act(job, *acts, id);
}

/* Queue IDs from standard input, one a line. */
static void act_on_input(struct job *job, const struct action *const *acts)
{
    char line[128];

    while (fgets(line, sizeof line, stdin)) {
        struct view id = view_trim_space(view_of(line));
        if (id.n > 0 && !view_eq(id, VIEW("ALL"))) /* ALL is for the command line only */
            act_all(job, acts, id);
    }
}

static void repair(struct job *job)
{
    struct error e = ERROR_INIT;
    uint64_t repaired = 0;

    if (queue_admin_repair(job->conf, &repaired, &e) != OK)
        log_fatal("%s", error_cstr(&e));
    if (repaired > 0)
        log_info("Repaired: %llu message%s", (unsigned long long)repaired,
                 repaired == 1 ? "" : "s");
}

static void summarize(const struct job *job)
{
    for (size_t i = 0; i < ACTIONS; i++) {
        if (job->wanted[i])
            log_info("%s: %llu message%s", actions[i].summary,
                     (unsigned long long)job->counts[i], job->counts[i] == 1 ? "" : "s");
    }
}

/* --- command line --- */

#define OPTIONS "c:d:e:f:h:H:pr:sSv"

static void usage(void)
{
    log_fatal(
        "usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] "
        "[-f queue_id (expire and/or un-hold)] [-h queue_id (hold)] [-H queue_id "
        "(un-hold)] "
        "[-p (purge temporary files)] [-r queue_id (requeue)] [-s (structure fix)] "
        "[-S (redundant structure fix)] [-v (verbose)] [queue...]");
}

static void take_queues(struct job *job, char **names)
{
    static const char *const known[] = {"hold", "incoming", "active", "deferred",
                                        "maildrop"};

    for (; *names; names++) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found = found || strcmp(known[i], *names) == 0;
        if (!found || job->n_queues == MOST_QUEUES)
            log_fatal("invalid directory name: %s", *names);
        job->queues[job->n_queues++] = *names;
    }
}

/* First pass over the options: where, and what is done before anything else. */
static const char *read_options(int argc, char **argv, bool *wants_repair)
{
    const char *directory = NULL;
    int letter, requests = 0;

    *wants_repair = false;
    while ((letter = getopt(argc, argv, OPTIONS)) != -1) {
        if (letter == 'c')
            directory = optarg;
        else if (letter == 'v')
            log_verbose++;
        else if (letter == 'p' || letter == 's' || letter == 'S')
            *wants_repair = true;
        else if (is_option(letter))
            requests++;
        else
            usage();
    }
    if (requests == 0)
        *wants_repair = true;
    return directory;
}

static void run_actions(struct job *job, int argc, char **argv)
{
    int letter;

    optind = 1;
    while ((letter = getopt(argc, argv, OPTIONS)) != -1) {
        const struct action *acts[3] = {find_action(letter)};
        if (!is_option(letter))
            continue;
        if (letter == 'f') {
            acts[0] = find_action('e');
            acts[1] = find_action('H');
        }
        for (size_t i = 0; acts[i]; i++)
            job->wanted[acts[i] - actions] = true;
        if (strcmp(optarg, "-") == 0)
            act_on_input(job, acts);
        else
            act_all(job, acts, view_of(optarg));
    }
}

/* Root, or the user whose instance it is. */
static void check_user(const struct conf *c)
{
    struct stat st;

    if (geteuid() == 0)
        return;
    if (stat(conf_cstr(c, P_queue_directory), &st) < 0 || st.st_uid != geteuid())
        log_fatal("use of this command is reserved for the superuser");
}

int main(int argc, char **argv)
{
    struct job job = {.failed = false};
    bool wants_repair;

    instance_keep_standard_fds();
    umask(077);
    log_set_command("postsuper");
    job.conf = instance_conf(read_options(argc, argv, &wants_repair));
    check_user(job.conf);
    instance_enter(job.conf);
    instance_log_command(job.conf, "postsuper");
    take_queues(&job, argv + optind);
    if (wants_repair)
        repair(&job);
    run_actions(&job, argc, argv);
    summarize(&job);
    return job.failed ? 1 : 0;
}
