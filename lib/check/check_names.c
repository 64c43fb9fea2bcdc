/* check_names - names of parameters, and what the readers of main.cf noticed
 *
 * Misspelt and unused names, settings without effect (lib/conf/conf_check.h), values that
 * cannot be used, settings given twice.
 */
#include "base/number.h"
#include "check/check_private.h"
#include "conf/conf_check.h"
#include "conf/expand.h"
#include "conf/parameter.h"

/* "path:12" into its parts. */
static unsigned take_place(struct check *k, const char *place, const char **path)
{
    struct view file, digits;
    uint64_t line = 0;

    *path = k->main_path;
    if (!view_rcut(view_of(place), ':', &file, &digits) ||
        !number_parse_u64(digits, 0, UINT32_MAX, &line))
        return 0;
    *path = arena_cstr(k->arena, file);
    return (unsigned)line;
}

static void tell_reader_notes(struct check *k)
{
    const struct conf_notes *notes = conf_load_notes(k->conf);

    for (size_t i = 0; i < notes->n; i++) {
        struct view text = view_of(notes->items[i].text);
        const char *path;
        unsigned line = take_place(k, notes->items[i].place, &path);
        if (view_starts(text, VIEW("overriding earlier entry")))
            check_found(k, CHECK_WARNING, path, line,
                        "%.*s; the last one counts: delete the other", VIEW_FMT(text));
        else if (view_starts(text, VIEW("logical line must not")))
            check_found(k, CHECK_WARNING, path, line, "%.*s; take the white space away",
                        VIEW_FMT(text));
        else
            check_found(k, CHECK_ERROR, path, line,
                        "%.*s; no program starts with this value", VIEW_FMT(text));
    }
}

/* Is there a finding about the line already? */
static bool is_told(const struct check *k, const char *path, unsigned line)
{
    for (size_t i = 0; i < k->out->n; i++)
        if (k->out->items[i].line == line &&
            view_eq(k->out->items[i].path, view_of(path)))
            return true;
    return false;
}

static void tell_findings(struct check *k)
{
    struct conf_notes notes;

    conf_check(k->conf, k->has_services ? &k->services : NULL, k->arena, &notes);
    for (size_t i = 0; i < notes.n; i++) {
        const char *path;
        unsigned line = take_place(k, notes.items[i].place, &path);
        if (line > 0 && is_told(k, path, line))
            continue;
        bool is_note = strcmp(notes.items[i].status, CONF_CHECK_NOTE) == 0;
        check_found(k, is_note ? CHECK_NOTE : CHECK_WARNING, path, line, "%s",
                    notes.items[i].text);
    }
}

/* What -o options of services set to what cannot be used. */
static void tell_override_notes(struct check *k)
{
    for (size_t i = 1; i < k->n_scenes; i++) {
        const struct conf_notes *notes = conf_load_notes(k->scenes[i].conf);
        for (size_t n = 0; n < notes->n; n++) {
            const char *path;
            if (take_place(k, notes->items[n].place, &path) > 0)
                continue; /* told for main.cf */
            check_found(k, CHECK_ERROR, k->master_path, k->scenes[i].service->line,
                        "%s; the service cannot start with this value",
                        notes->items[n].text);
        }
    }
}

/* --- $names that nothing defines --- */

struct reference {
    struct check *check;
    const struct conf *conf;
    const char *path;
    unsigned line;
    struct view setting;
};

static void check_reference(struct view name, void *arg)
{
    const struct reference *r = arg;
    enum parameter p;
    struct view transport;
    bool found;

    (void)conf_named(r->conf, name, &found);
    if (found || parameter_find(name, &p) ||
        parameter_find_template(name, &p, &transport))
        return;
    check_found(r->check, CHECK_WARNING, r->path, r->line,
                "$%.*s in `%.*s' stands for nothing; define it, or correct the name",
                VIEW_FMT(name), VIEW_FMT(r->setting));
}

/* Values that their users expand know names of their own. */
static void check_references(struct check *k)
{
    for (size_t s = 0; s < k->n_scenes; s++) {
        const struct conf *c = k->scenes[s].conf;
        for (size_t i = 0; i < conf_entry_count(c); i++) {
            const struct conf_entry *entry = conf_entry(c, i);
            struct reference r = {k, c, k->main_path, entry->line, entry->name};
            bool is_own = k->scenes[s].service != NULL && entry->line == 0;
            if (is_own) {
                r.path = k->master_path;
                r.line = k->scenes[s].service->line;
            }
            if ((s > 0 && !is_own) || entry->parameter == P_COUNT ||
                parameter_table[entry->parameter].type == PARAMETER_RAW)
                continue;
            expand_names(entry->raw, check_reference, &r);
        }
    }
}

void check_names(struct check *k)
{
    check_references(k);
    tell_reader_notes(k);
    tell_findings(k);
    tell_override_notes(k);
}
