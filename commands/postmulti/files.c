/* files - the files of an instance, as postmulti -e makes and removes them
 *
 * A new main.cf is $meta_directory/main.cf.proto, or empty where no package left one;
 * master.cf is $meta_directory/master.cf.proto, or the primary's own.
 */
#include "postmulti.h"

#include "base/log.h"
#include "conf/lines.h"
#include "conf/parameter.h"
#include "service/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 16 << 20 };

void edit_main_cf(const struct instances *all, const char *directory,
                  const char *const *settings)
{
    struct arena *a = all->arena;
    char *argv[40];
    size_t n = 0;

    argv[n++] = arena_cstr(a, arena_printf(a, "%s/postconf", instance_bin(all->primary)));
    argv[n++] = arena_cstr(a, VIEW("-c"));
    argv[n++] = arena_cstr(a, view_of(directory));
    argv[n++] = arena_cstr(a, VIEW("-e"));
    while (*settings && n + 1 < sizeof argv / sizeof argv[0])
        argv[n++] = arena_cstr(a, view_of(*settings++));
    argv[n] = NULL;
    if (*settings || run_for(all, &all->items[0], argv) != 0)
        log_fatal("cannot change %s/main.cf", directory);
}

/* Directories that lead to PATH, and PATH with MODE. */
static void make_directory(struct arena *a, const char *path, mode_t mode)
{
    char *copy = arena_cstr(a, view_of(path));

    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            log_fatal("create directory %s: %s", copy, strerror(errno));
        *p = '/';
    }
    if (mkdir(copy, mode) != 0 && errno != EEXIST)
        log_fatal("create directory %s: %s", copy, strerror(errno));
}

static void write_file(const char *path, struct view text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0)
        log_fatal("create %s: %s", path, strerror(errno));
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            log_fatal("write %s: %s", path, strerror(errno));
        text = view_from(text, n > 0 ? (size_t)n : 0);
    }
    if (fsync(fd) != 0 || close(fd) != 0)
        log_fatal("write %s: %s", path, strerror(errno));
}

/* Copy the prototype of NAME to DIRECTORY, or OTHERWISE where there is none. */
static void copy_prototype(const struct instances *all, const char *directory,
                           const char *name, const char *otherwise)
{
    struct arena *a = all->arena;
    const char *meta = conf_cstr(all->primary, P_meta_directory);
    const char *path = arena_printf(a, "%s/%s.proto", meta, name).p;
    struct str text = STR_INIT(FILE_MAX);
    struct error e = ERROR_INIT;

    if (access(path, R_OK) != 0) {
        if (!otherwise)
            log_fatal("Missing %s prototype: %s", name, path);
        path = otherwise;
    }
    if (path[0] && !lines_read_file(path, &text, &e))
        log_fatal("%s", error_cstr(&e));
    write_file(arena_printf(a, "%s/%s", directory, name).p, str_view(&text));
    str_done(&text);
}

/* What all instances share is as in the primary's main.cf, when it stands there. */
static void write_settings(const struct instances *all, const struct instance *i)
{
    static const enum parameter shared[] = {
        P_compatibility_level, P_command_directory, P_daemon_directory,
        P_meta_directory,      P_mail_owner,        P_setgid_group,
        P_sendmail_path,       P_mailq_path,        P_newaliases_path,
        P_html_directory,      P_manpage_directory, P_readme_directory,
        P_shlib_directory};
    const char *settings[sizeof shared / sizeof shared[0] + 5];
    struct arena *a = all->arena;
    size_t n = 0;

    for (size_t k = 0; k < sizeof shared / sizeof shared[0]; k++)
        if (conf_is_set(all->primary, shared[k]))
            settings[n++] = arena_printf(a, "%s = %.*s", parameter_table[shared[k]].name,
                                         VIEW_FMT(conf_raw(all->primary, shared[k])))
                                .p;
    settings[n++] = arena_printf(a, "queue_directory = %s", i->queue).p;
    settings[n++] = arena_printf(a, "data_directory = %s", i->data).p;
    /* Nothing may come in before somebody has said what this instance is for. */
    settings[n++] = "authorized_submit_users =";
    settings[n++] = "master_service_disable = inet";
    settings[n] = NULL;
    edit_main_cf(all, i->directory, settings);
}

void create_files(const struct instances *all, const struct instance *i)
{
    struct arena *a = all->arena;
    const char *master = arena_printf(a, "%s/master.cf", INSTANCE_DEFAULT_DIRECTORY).p;

    make_directory(a, i->directory, 0755);
    make_directory(a, i->queue, 0755);
    make_directory(a, i->data, 0700);
    copy_prototype(all, i->directory, "main.cf", "");
    write_settings(all, i);
    /* With master.cf the instance is complete. */
    copy_prototype(all, i->directory, "master.cf", master);
}

static void remove_directory(const char *path)
{
    if (rmdir(path) != 0 && errno != ENOENT)
        log_warning("%s: please verify contents and remove by hand", path);
}

void remove_files(const struct instance *i)
{
    static const char *const below[] = {
        "active",   "bounce",   "corrupt", "defer",   "deferred", "flush", "hold",
        "incoming", "maildrop", "pid",     "private", "public",   "saved", "trace"};
    static const char *const files[] = {"master.cf", "main.cf"};
    struct arena *a = arena_new();

    for (size_t k = 0; k < sizeof below / sizeof below[0]; k++)
        remove_directory(arena_printf(a, "%s/%s", i->queue, below[k]).p);
    remove_directory(i->data);
    remove_directory(i->queue);
    for (size_t k = 0; k < sizeof files / sizeof files[0]; k++)
        if (unlink(arena_printf(a, "%s/%s", i->directory, files[k]).p) != 0)
            log_warning("remove %s/%s: %s", i->directory, files[k], strerror(errno));
    remove_directory(i->directory);
    arena_free(a);
}
