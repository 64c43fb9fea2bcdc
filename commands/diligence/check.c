/* check - what diligence check finds in the configuration
 *
 * Unknown and misspelt parameters (lib/conf/conf_check.h), tables that are named and
 * missing, services that could not start.
 */
#include "base/log.h"
#include "conf/conf_check.h"
#include "conf/master_cf.h"
#include "diligence.h"
#include "table/table.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

/* Do A and B read alike: '-' for '_', a missing or added 's', case? */
static bool is_near(struct view a, struct view b)
{
    size_t i = 0, j = 0;
    unsigned differences = 0;

    while (i < a.n && j < b.n) {
        bool same = ascii_lower(a.p[i]) == ascii_lower(b.p[j]);
        if (!same)
            differences++;
        if (!same && a.n - i > b.n - j)
            i++;
        else if (!same && a.n - i < b.n - j)
            j++;
        else
            i++, j++;
    }
    return differences + (a.n - i) + (b.n - j) <= 2;
}

/* A file beside PATH with nearly its name, in OUT. */
static bool find_near(struct view path, struct str *out)
{
    struct view directory, base;
    struct str text = STR_INIT(4096);
    bool found = false;

    if (!view_rcut(path, '/', &directory, &base) || !str_set(&text, directory))
        return false;
    DIR *d = opendir(str_cstr(&text));
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        struct view name = view_of(entry->d_name);
        found = name.n > 2 && is_near(name, base) &&
                str_setf(out, "%.*s/%s", VIEW_FMT(directory), entry->d_name);
    }
    if (d)
        closedir(d);
    str_done(&text);
    return found;
}

/* Warn when the table SPEC ("hash:/etc/aliases") of parameter NAME cannot be used. */
static void check_table(const struct control *c, struct view name, struct view spec)
{
    struct error e = ERROR_INIT;
    struct view type, path;
    struct str near = STR_INIT(4096), file = STR_INIT(4096);
    struct table *t = table_open(c->conf, spec, 0);

    if (!table_check(t, &e)) {
        bool has_path = view_cut(spec, ':', &type, &path) && str_set(&file, path);
        if (has_path && access(str_cstr(&file), F_OK) < 0 && find_near(path, &near))
            log_warning("%.*s: %s; there is a file %s", VIEW_FMT(name), error_cstr(&e),
                        str_cstr(&near));
        else
            log_warning("%.*s: %s", VIEW_FMT(name), error_cstr(&e));
    }
    table_close(t);
    str_done(&near);
    str_done(&file);
}

/* Is TEXT a table: a type name of letters, ':', and a path (or a name after proxy:)? */
static bool is_file_table(struct view text)
{
    struct view type, path;

    if (!view_cut(text, ':', &type, &path) || type.n == 0 || path.n == 0 ||
        path.p[0] != '/')
        return false;
    for (size_t i = 0; i < type.n; i++) {
        if (!ascii_is_alnum(type.p[i]))
            return false;
    }
    return !view_eq(type, VIEW("unix")) && !view_eq(type, VIEW("inet"));
}

/* Every table that a setting in main.cf names. */
static void check_tables(const struct control *c)
{
    for (size_t i = 0; i < conf_entry_count(c->conf); i++) {
        const struct conf_entry *entry = conf_entry(c->conf, i);
        if (entry->parameter == P_COUNT)
            continue;
        struct view rest = conf_view(c->conf, entry->parameter), element;
        while (conf_list_next(&rest, &element)) {
            struct view spec = element;
            if (view_starts(spec, VIEW("proxy:")))
                spec = view_from(spec, 6);
            if (is_file_table(spec))
                check_table(c, entry->name, spec);
        }
    }
}

static void tell_notes(const struct conf_notes *notes)
{
    for (size_t i = 0; i < notes->n; i++)
        log_warning("%s", error_cstr(&notes->items[i]));
}

bool configuration_check(const struct control *c)
{
    struct arena *a = arena_new();
    struct master_cf services;
    struct conf_notes notes;
    static struct error e;

    bool ok = master_cf_load(conf_directory(c->conf), a, &services, &e);
    if (!ok)
        log_error("%s", error_cstr(&e));
    tell_notes(conf_load_notes(c->conf));
    conf_check(c->conf, ok ? &services : NULL, a, &notes);
    tell_notes(&notes);
    check_tables(c);
    arena_free(a);
    return ok;
}
