/* reload - take up a changed configuration, and go back to the one before
 *
 * A change that programs would refuse to start with, or that names a table which is not
 * there, is not taken up: the running system goes on with what it has.
 */
#include "base/log.h"
#include "base/number.h"
#include "conf/lines.h"
#include "diligence.h"
#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"main.cf", "master.cf"};
enum { FILES = sizeof files / sizeof files[0] };

/* --- master's answer --- */

/* What master says of its last reload; empty when there was none. */
static void read_outcome(const struct control *c, struct str *out)
{
    struct str path = STR_INIT(PATH_MAX);
    struct error e = ERROR_INIT;

    str_clear(out);
    str_setf(&path, "%s/%s/" INSTANCE_RELOAD_FILE, conf_cstr(c->conf, P_queue_directory),
             conf_cstr(c->conf, P_process_id_directory));
    if (!lines_read_file(str_cstr(&path), out, &e))
        str_clear(out);
    str_done(&path);
}

/* Have master PID read its files and wait until it has: only what it took up counts as
 * good.  False with *E when it did not, a port that is taken say. */
static bool refresh(const struct control *c, pid_t pid, struct error *e)
{
    enum { LOOKS = 500, PAUSE_MS = 20 };
    struct str before = STR_INIT(4096), now = STR_INIT(4096);
    struct view id,
        problem = VIEW("no answer from master within 10 seconds; see the log");

    read_outcome(c, &before);
    signal_master(pid, SIGHUP);
    for (int i = 0; i < LOOKS; i++) {
        pause_briefly(PAUSE_MS);
        read_outcome(c, &now);
        if (now.n > 0 && !view_eq(str_view(&before), str_view(&now))) {
            (void)view_cut(str_view(&now), ' ', &id, &problem);
            problem = view_trim_space(problem);
            break;
        }
    }
    if (problem.n > 0)
        error_set(e, "4.3.0", "%.*s", VIEW_FMT(problem));
    bool ok = problem.n == 0;
    str_done(&before);
    str_done(&now);
    return ok;
}

int reload(struct control *c)
{
    struct error e = ERROR_INIT;
    pid_t pid = running_master(c);
    size_t errors = configuration_errors(c);

    if (errors > 0) {
        log_error(
            "reload refused, %zu error%s: nothing has changed, the mail system goes "
            "on with the configuration it has; correct %s, or run: diligence rollback",
            errors, errors == 1 ? "" : "s", c->directory);
        return 1;
    }
    log_info("refreshing the Postfix mail system");
    if (!refresh(c, pid, &e)) {
        log_error("reload: %s; the old configuration stays in force", e.text);
        return 1;
    }
    if (!history_save(c, &e))
        log_warning("%s; rollback will not know this configuration", error_cstr(&e));
    return 0;
}

/* --- rollback --- */

static bool read_present(const struct control *c, const char *file, struct str *out)
{
    struct str path = STR_INIT(PATH_MAX);
    struct error e = ERROR_INIT;

    str_setf(&path, "%s/%s", c->directory, file);
    bool ok = lines_read_file(str_cstr(&path), out, &e);
    str_done(&path);
    return ok;
}

/* Does FILE of entry NUMBER differ from what is there now? */
static bool differs(const struct control *c, unsigned number, const char *file)
{
    struct str kept = STR_INIT(HISTORY_TEXT_MAX), present = STR_INIT(HISTORY_TEXT_MAX);
    struct error e = ERROR_INIT;

    bool same = read_present(c, file, &present) &&
                history_read(c, number, file, &kept, &e) &&
                view_eq(str_view(&kept), str_view(&present));
    str_done(&kept);
    str_done(&present);
    return !same;
}

static int list(const struct control *c)
{
    struct history_entry entries[HISTORY_MAX];
    size_t n = history_list(c, entries);
    char when[64];
    struct tm tm;

    for (size_t i = 0; i < n; i++) {
        unsigned number = entries[i].number;
        bool is_main = differs(c, number, files[0]),
             is_master = differs(c, number, files[1]);
        if (!localtime_r(&entries[i].saved, &tm) ||
            strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm) == 0)
            when[0] = '\0';
        printf("%u  %s  %s\n", number, when,
               is_main && is_master ? "main.cf and master.cf differ"
               : is_main            ? "main.cf differs"
               : is_master          ? "master.cf differs"
                                    : "as it is now");
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* The entry to go back to: the one that C names, else the newest that differs. */
static unsigned choose(const struct control *c)
{
    struct history_entry entries[HISTORY_MAX];
    size_t n = history_list(c, entries);
    uint64_t wanted = 0;

    if (c->argc == 1 && !number_parse_u64(view_of(c->argv[0]), 1, UINT32_MAX, &wanted))
        log_fatal("usage: rollback [--list | NUMBER]");
    for (size_t i = 0; i < n; i++) {
        unsigned number = entries[i].number;
        if (c->argc == 1 ? number == wanted
                         : differs(c, number, files[0]) || differs(c, number, files[1]))
            return number;
    }
    if (c->argc == 1)
        log_fatal("no configuration %s is kept; see: diligence rollback --list",
                  c->argv[0]);
    log_fatal("no earlier configuration is kept%s",
              n == 0 && !c->owner.is_root && !conf_is_set(c->conf, P_data_directory)
                  ? ": data_directory is not set"
                  : "");
}

/* Put TEXT in the place of PATH, whole or not at all, with the owner and mode it had. */
static bool replace(const char *path, struct view text, struct error *e)
{
    struct str temporary = STR_INIT(PATH_MAX);
    struct stat st = {.st_mode = 0644};
    char *real = realpath(path, NULL);
    const char *target = real ? real : path;
    bool ok = false;

    (void)stat(target, &st);
    str_setf(&temporary, "%s.XXXXXX", target);
    int fd = mkostemp(temporary.p, O_CLOEXEC);
    if (fd >= 0) {
        ok = write(fd, text.p, text.n) == (ssize_t)text.n &&
             fchmod(fd, st.st_mode & 07777) == 0 &&
             (geteuid() != 0 || fchown(fd, st.st_uid, st.st_gid) == 0) &&
             fsync(fd) == 0 && rename(str_cstr(&temporary), target) == 0;
        int why = errno;
        close(fd);
        if (!ok)
            (void)unlink(str_cstr(&temporary));
        errno = why;
    }
    if (!ok)
        error_set_errno(e, "4.3.0", "replace %s", path);
    str_done(&temporary);
    free(real);
    return ok;
}

/* FILE of entry NUMBER becomes the present one; what it replaces is kept. */
static void restore(const struct control *c, unsigned number, const char *file)
{
    struct str text = STR_INIT(HISTORY_TEXT_MAX), present = STR_INIT(HISTORY_TEXT_MAX);
    struct str path = STR_INIT(PATH_MAX);
    struct error e = ERROR_INIT;

    str_setf(&path, "%s/%s", c->directory, file);
    if (!history_read(c, number, file, &text, &e) ||
        (read_present(c, file, &present) &&
         !history_keep_undone(c, file, str_view(&present), &e)) ||
        !replace(str_cstr(&path), str_view(&text), &e))
        log_fatal("%s", error_cstr(&e));
    str_done(&text);
    str_done(&present);
    str_done(&path);
}

/* Have the running system, if there is one, take up what a rollback brought back. */
static int take_up(const struct control *c)
{
    struct error e = ERROR_INIT;
    pid_t pid = instance_master_pid(c->conf);

    if (pid == 0)
        return 0;
    log_info("refreshing the Postfix mail system");
    if (refresh(c, pid, &e))
        return 0;
    log_error("rollback: %s; the files are back, the running system goes on as it was",
              e.text);
    return 1;
}

int rollback(struct control *c)
{
    if (c->argc == 1 && strcmp(c->argv[0], "--list") == 0)
        return list(c);
    unsigned number = choose(c);
    for (size_t i = 0; i < FILES; i++)
        if (differs(c, number, files[i]))
            restore(c, number, files[i]);
    history_restore_tables(c, number);
    history_forget_after(c, number);
    log_info("configuration %u is in %s again; what it replaces is kept in "
             "%s/configurations/undone",
             number, c->directory, conf_cstr(c->conf, P_data_directory));
    return take_up(c);
}
