/* unused - names in main.cf and master.cf that nothing reads */
#include "postconf.h"

#include "base/log.h"
#include "conf/conf_check.h"
#include "conf/parameter.h"

/* Postfix's warning, with the name that was probably meant. */
static void warn(const struct options *o, const char *file, struct view name,
                 struct view value)
{
    enum parameter near = conf_nearest(name);

    log_warning(
        "%s/%s: unused parameter: %.*s=%.*s%s%s%s", o->directory, file, VIEW_FMT(name),
        VIEW_FMT(value), near != P_COUNT ? " (did you mean `" : "",
        near != P_COUNT ? parameter_table[near].name : "", near != P_COUNT ? "'?)" : "");
}

static void warn_main(const struct options *o, const struct conf *c,
                      const struct master_cf *services)
{
    for (size_t i = 0; i < conf_entry_count(c); i++) {
        const struct conf_entry *entry = conf_entry(c, i);
        if (entry->parameter == P_COUNT && entry->line > 0 &&
            !conf_is_used(c, services, entry->name))
            warn(o, "main.cf", entry->name, entry->raw);
    }
}

static void warn_master(const struct options *o, const struct conf *c,
                        const struct master_cf *services)
{
    for (size_t i = 0; services && i < services->n; i++) {
        for (size_t k = 0; k < services->items[i].n_overrides; k++) {
            struct view name, value;
            enum parameter p;
            view_cut(view_of(services->items[i].overrides[k]), '=', &name, &value);
            name = view_trim_space(name);
            if (!parameter_find(name, &p) && !conf_is_used(c, services, name))
                warn(o, "master.cf", name, view_trim_space(value));
        }
    }
}

void warn_unused(const struct options *o, const struct conf *c)
{
    struct master_cf services, *known = &services;
    struct error e = ERROR_INIT;

    if (o->quiet)
        return;
    if (!master_cf_load(o->directory, o->arena, &services, &e))
        known = NULL;
    warn_main(o, c, known);
    warn_master(o, c, known);
}
