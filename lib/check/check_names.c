/* check_names - names of parameters, and what the readers of main.cf noticed
 *
 * Misspelt and unused names, settings without effect (lib/conf/conf_check.h), values that
 * cannot be used, settings given twice.
 */
#include "base/number.h"
#include "check/check_private.h"
#include "conf/conf_check.h"

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

void check_names(struct check *k)
{
    tell_reader_notes(k);
    tell_findings(k);
    tell_override_notes(k);
}
