/* life - postmulti -e: instances come, change their state, and go */
#include "postmulti.h"

#include "base/log.h"
#include "service/instance.h"

#include <sys/stat.h>

/* --- the list in the primary's main.cf --- */

/* Write multi_instance_directories without GONE (may be NULL) and with NEW (may be NULL)
 * in front of entry AT.  A directory that is managed here needs no place in
 * alternate_config_directories; one that was put out of the list is kept there when KEEP.
 */
static void write_list(const struct instances *all, const char *gone, const char *new,
                       size_t at, bool keep)
{
    struct arena *a = all->arena;
    struct str list = STR_INIT(1 << 20), others = STR_INIT(1 << 20);
    struct view rest = conf_view(all->primary, P_alternate_config_directories), one;
    const char *changed = new ? new : gone;

    str_add_cstr(&list, "multi_instance_directories =");
    for (size_t i = 1; i <= all->n; i++) {
        if (new &&i == at)
            str_addf(&list, " %s", new);
        if (i < all->n && !(gone && strcmp(all->items[i].directory, gone) == 0))
            str_addf(&list, " %s", all->items[i].directory);
    }
    str_add_cstr(&others, "alternate_config_directories =");
    while (view_token(&rest, VIEW(", \t\r\n"), &one))
        if (!view_eq(one, view_of(changed)))
            str_addf(&others, " %.*s", VIEW_FMT(one));
    if (keep)
        str_addf(&others, " %s", changed);
    const char *settings[] = {arena_cstr(a, str_view(&list)),
                              arena_cstr(a, str_view(&others)), NULL};
    edit_main_cf(all, INSTANCE_DEFAULT_DIRECTORY, settings);
    str_done(&list);
    str_done(&others);
}

/* -I and -G; "-" takes the name away. */
static void assign_names(const struct instances *all, const struct instance *i,
                         const struct request *r)
{
    struct arena *a = all->arena;
    const char *settings[3] = {NULL};
    size_t n = 0;

    if (r->new_name)
        settings[n++] = arena_printf(a, "multi_instance_name = %s",
                                     strcmp(r->new_name, "-") ? r->new_name : "")
                            .p;
    if (r->new_group)
        settings[n++] = arena_printf(a, "multi_instance_group = %s",
                                     strcmp(r->new_group, "-") ? r->new_group : "")
                            .p;
    if (n > 0)
        edit_main_cf(all, i->directory, settings);
}

/* Has the primary instance been told that there are others? */
static void need_manager(const struct instances *all)
{
    if (conf_view(all->primary, P_multi_instance_wrapper).n == 0)
        log_fatal("multi_instance_wrapper is empty, run 'postmulti -e init' first.");
    if (!all->items[0].is_enabled)
        log_fatal("multi_instance_enable!=yes, run 'postmulti -e init' first.");
}

/* --- create, import --- */

/* The last part of PATH replaced by NAME. */
static const char *beside(struct arena *a, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');

    return arena_printf(a, "%.*s/%s", slash ? (int)(slash - path) : 0, path, name).p;
}

static void take_setting(struct instance *i, const struct request *r, const char *text)
{
    struct view name, value;

    if (!view_cut(view_of(text), '=', &name, &value))
        log_fatal("Malformed parameter setting '%s'", text);
    name = view_trim_space(name);
    value = view_trim_space(value);
    const char **where = view_eq(name, VIEW("config_directory"))  ? &i->directory
                         : view_eq(name, VIEW("queue_directory")) ? &i->queue
                         : view_eq(name, VIEW("data_directory"))  ? &i->data
                                                                  : NULL;
    if (!where || (where != &i->directory && strcmp(r->action, "import") == 0))
        log_fatal("Parameter '%.*s' not valid with action %s", VIEW_FMT(name), r->action);
    if (!view_starts(value, VIEW("/")))
        log_fatal("Parameter setting '%s' is not an absolute path", text);
    if (view_eq(value, VIEW("/")))
        log_fatal("Parameter setting '%s' is the root directory", text);
    *where = value.p; /* to the end of the argument */
}

static void need_path(const char *what, const char *path)
{
    if (!path)
        log_fatal("Missing %s parameter value", what);
}

/* Nobody else may use it. */
static void check_unused(const struct instances *all, const struct instance *new)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct instance *old = &all->items[i];
        const char *const pairs[][3] = {
            {"config_directory", new->directory, old->directory},
            {"queue_directory", new->queue, old->queue},
            {"data_directory", new->data, old->data},
            {"multi_instance_name", new->name, old->name}};
        for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++)
            if (pairs[k][1][0] && strcmp(pairs[k][1], pairs[k][2]) == 0)
                log_fatal("new %s=%s is already in use by instance config_directory=%s",
                          pairs[k][0], pairs[k][1], old->directory);
    }
}

/* Before which entry of the list the new one goes. */
static size_t find_place(const struct instances *all, const struct request *r)
{
    if (!r->is_selected)
        return all->n;
    for (size_t i = 1; i < all->n; i++)
        if (instance_fits(&all->items[i], r))
            return i;
    if (r->selection != SELECT_ALL)
        log_fatal("No matching secondary instances");
    return 1;
}

static bool exists(struct arena *a, const char *directory, const char *name)
{
    struct stat st;

    return stat(arena_printf(a, "%s/%s", directory, name).p, &st) == 0;
}

/* What IMPORTED's own main.cf says. */
static void read_own(struct arena *a, struct instance *imported)
{
    struct error e = ERROR_INIT;
    struct conf *c;

    if (!conf_load(imported->directory, NULL, 0, &c, &e))
        log_fatal("Cannot parse %s/main.cf file: %s", imported->directory,
                  error_cstr(&e));
    imported->queue = arena_cstr(a, conf_view(c, P_queue_directory));
    imported->data = arena_cstr(a, conf_view(c, P_data_directory));
    conf_free(c);
}

static int add_instance(const struct instances *all, const struct request *r)
{
    struct arena *a = all->arena;
    const char *name = r->new_name && strcmp(r->new_name, "-") ? r->new_name : "";
    const struct instance *primary = &all->items[0];
    struct instance new = {.name = name, .group = ""};
    size_t at = find_place(all, r);

    if (name[0]) {
        new.directory = beside(a, primary->directory, name);
        new.queue = beside(a, primary->queue, name);
        new.data = beside(a, primary->data, name);
    }
    for (size_t i = 0; i < r->n_arguments; i++)
        take_setting(&new, r, r->arguments[i]);
    need_path("config_directory", new.directory);
    bool is_there =
        exists(a, new.directory, "main.cf") && exists(a, new.directory, "master.cf");
    if (!is_there && strcmp(r->action, "import") == 0)
        log_fatal("'%s' lacks a %s file", new.directory,
                  exists(a, new.directory, "main.cf") ? "master.cf" : "main.cf");
    if (is_there)
        read_own(a, &new);
    need_path("queue_directory", new.queue);
    need_path("data_directory", new.data);
    check_unused(all, &new);
    need_manager(all);
    if (!is_there)
        create_files(all, &new);
    assign_names(all, &new, r);
    write_list(all, NULL, new.directory, at, false);
    char *const check[] = {
        arena_cstr(a, arena_printf(a, "%s/postfix", instance_bin(all->primary))),
        arena_cstr(a, VIEW("-c")), arena_cstr(a, view_of(new.directory)),
        arena_cstr(a, VIEW("check")), NULL};
    /* Makes the queue's directories and tells what else is wrong; programs, which all
     * instances share, stay as they are. */
    (void)run_for(all, &new, check);
    return 0;
}

/* --- existing instances --- */

static const struct instance *find_existing(const struct instances *all,
                                            const struct request *r)
{
    if (!r->is_selected || r->selection != SELECT_NAME)
        log_fatal("Select an instance via '-i name'");
    for (size_t i = 0; i < all->n; i++)
        if (instance_fits(&all->items[i], r))
            return &all->items[i];
    log_fatal("No instance named %s", r->wanted);
}

static void need_stopped(const struct instance *i)
{
    struct error e = ERROR_INIT;
    struct conf *c;
    bool running;

    if (!conf_load(i->directory, NULL, 0, &c, &e))
        log_fatal("Cannot parse %s/main.cf file: %s", i->directory, error_cstr(&e));
    running = instance_master_pid(c) != 0;
    conf_free(c);
    if (running)
        log_fatal("Instance '%s' is not stopped", i->directory);
}

static int take_out(const struct instances *all, const struct request *r)
{
    const struct instance *i = find_existing(all, r);
    bool destroy = strcmp(r->action, "destroy") == 0;

    if (i->is_primary)
        log_fatal("Cannot remove the primary instance");
    if (i->is_enabled)
        log_fatal("Cannot remove enabled instances");
    need_manager(all);
    need_stopped(i);
    write_list(all, i->directory, NULL, 0, !destroy);
    if (destroy)
        remove_files(i);
    return 0;
}

static int set_enabled(const struct instances *all, const struct request *r)
{
    const char *settings[] = {strcmp(r->action, "enable") == 0
                                  ? "multi_instance_enable = yes"
                                  : "multi_instance_enable = no",
                              NULL};

    const struct instance *i = find_existing(all, r);
    need_manager(all);
    edit_main_cf(all, i->directory, settings);
    return 0;
}

static int init(const struct instances *all)
{
    static const char *const settings[] = {
        "multi_instance_wrapper = ${command_directory}/postmulti -p --",
        "multi_instance_enable = yes", NULL};

    edit_main_cf(all, INSTANCE_DEFAULT_DIRECTORY, settings);
    return 0;
}

int change(struct instances *all, const struct request *r)
{
    if (strcmp(r->action, "init") == 0)
        return init(all);
    if (is_word_of(VIEW("create import"), view_of(r->action)))
        return add_instance(all, r);
    if (is_word_of(VIEW("destroy deport"), view_of(r->action)))
        return take_out(all, r);
    if (strcmp(r->action, "assign") != 0)
        return set_enabled(all, r);
    const struct instance *i = find_existing(all, r);
    need_manager(all);
    assign_names(all, i, r);
    return 0;
}
