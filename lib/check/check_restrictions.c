/* check_restrictions - restriction lists: unknown words, and those that are never asked
 */
#include "access/access.h"
#include "check/check_private.h"
#include "check/restriction_words.h"
#include "conf/parameter.h"

#include <stdarg.h>

/* The list at hand. */
struct watched_list {
    struct check *check;
    const char *path;
    unsigned line;
    struct view title;
};

__attribute__((format(printf, 3, 4))) static void
tell(const struct watched_list *l, enum check_severity severity, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct view text = arena_vprintf(l->check->arena, format, args);
    va_end(args);
    check_found(l->check, severity, l->path, l->line, "%.*s: %.*s", VIEW_FMT(l->title),
                VIEW_FMT(text));
}

/* --- words --- */

static bool is_implemented(struct view word)
{
    for (size_t i = 0; access_restriction_name(i); i++)
        if (view_eq_case(word, view_of(access_restriction_name(i))))
            return true;
    return false;
}

static struct view nearest_word(struct view word)
{
    struct view names[200];
    size_t n = 0;

    for (size_t i = 0; n < 200 && access_restriction_name(i); i++)
        names[n++] = view_of(access_restriction_name(i));
    return check_nearest(word, names, n);
}

/* Anybody can name this host as an MX of a domain of his. */
static void check_backup(const struct watched_list *l, const struct conf *c,
                         const struct restriction_word *w)
{
    if (view_eq_case(w->name, VIEW("permit_mx_backup")) &&
        conf_view(c, P_permit_mx_backup_networks).n == 0)
        tell(l, CHECK_WARNING,
             "permit_mx_backup relays for everybody who names this host in an MX record; "
             "name the networks of their first MX hosts in permit_mx_backup_networks");
}

static void check_word(const struct watched_list *l, const struct conf *c,
                       const struct restriction_word *w)
{
    if (is_implemented(w->name) || restriction_is_class(c, w->name) ||
        (view_has(w->name, ':') && !view_has(w->name, '=')))
        return;
    struct view near = nearest_word(w->name);
    if (restriction_is_postfix(w->name))
        tell(l, CHECK_ERROR, "%.*s is not available in this release; take it out",
             VIEW_FMT(w->name));
    else if (near.n > 0)
        tell(l, CHECK_ERROR, "unknown restriction \"%.*s\"; did you mean %.*s?",
             VIEW_FMT(w->name), VIEW_FMT(near));
    else
        tell(l, CHECK_ERROR,
             "unknown restriction \"%.*s\"; correct it, or list it in "
             "smtpd_restriction_classes",
             VIEW_FMT(w->name));
}

/* --- order --- */

/* Does W end the list whatever the client is? */
static bool is_final(const struct restriction_word *w)
{
    if (w->only_warns)
        return false;
    if (view_starts(w->name, VIEW("check_")) && view_starts(w->argument, VIEW("static:")))
        return !view_eq_case(w->argument, VIEW("static:DUNNO"));
    return view_eq_case(w->name, VIEW("permit")) ||
           view_eq_case(w->name, VIEW("reject")) || view_eq_case(w->name, VIEW("defer"));
}

/* Asking twice gives the same answer twice. */
static bool is_repeatable(struct view name)
{
    return view_eq_case(name, VIEW("sleep")) ||
           view_starts_case(name, VIEW("check_policy_service"));
}

static void check_twice(const struct watched_list *l,
                        const struct restriction_words *words, size_t i)
{
    const struct restriction_word *w = &words->items[i];

    for (size_t k = 0; k < i; k++)
        if (view_eq_case(words->items[k].name, w->name) &&
            view_eq(words->items[k].argument, w->argument) &&
            words->items[k].only_warns == w->only_warns && !is_repeatable(w->name)) {
            tell(l, CHECK_WARNING,
                 "%.*s%s%.*s stands twice, the second has no effect; delete it",
                 VIEW_FMT(w->name), w->argument.n ? " " : "", VIEW_FMT(w->argument));
            return;
        }
}

/* Those who may relay are refused before it is asked who they are. */
static void check_late_permit(const struct watched_list *l,
                              const struct restriction_words *words, size_t i)
{
    static const char *const permits[] = {
        "permit_mynetworks", "permit_sasl_authenticated", "permit_mx_backup"};
    struct view name = words->items[i].name;

    for (size_t k = i + 1; k < words->n; k++)
        for (size_t p = 0; p < sizeof permits / sizeof permits[0]; p++)
            if (view_eq_case(words->items[k].name, view_of(permits[p])))
                tell(
                    l, CHECK_WARNING,
                    "%.*s stands before %s, so nobody relays whom that would permit; put "
                    "%s first",
                    VIEW_FMT(name), permits[p], permits[p]);
}

static void check_order(const struct watched_list *l,
                        const struct restriction_words *words)
{
    for (size_t i = 0; i < words->n; i++) {
        const struct restriction_word *w = &words->items[i];
        check_twice(l, words, i);
        if (view_eq_case(w->name, VIEW("reject_unauth_destination")) && !w->only_warns)
            check_late_permit(l, words, i);
        if (is_final(w) && i + 1 < words->n) {
            tell(l, CHECK_WARNING,
                 "%.*s is never reached: %.*s before it ends the list; put it in front",
                 VIEW_FMT(words->items[i + 1].name), VIEW_FMT(w->name));
            return;
        }
    }
}

static void check_list(struct watched_list *l, const struct conf *c, struct view text)
{
    struct restriction_words words;

    restriction_words_read(text, l->check->arena, &words);
    for (size_t i = 0; i < words.n; i++) {
        check_word(l, c, &words.items[i]);
        check_backup(l, c, &words.items[i]);
    }
    check_order(l, &words);
}

/* --- lists --- */

static void check_parameter(struct check *k, const struct check_scene *scene,
                            enum parameter p)
{
    struct watched_list l = {.check = k, .title = view_of(parameter_table[p].name)};

    l.line = check_place_of(k, scene, p, &l.path);
    if (scene->service && l.path == k->main_path)
        return; /* told for main.cf */
    check_list(&l, scene->conf, conf_view(scene->conf, p));
}

static void check_classes(struct check *k)
{
    struct view rest = conf_view(k->conf, P_smtpd_restriction_classes), name;

    while (conf_list_next(&rest, &name)) {
        bool found;
        struct view text = conf_named(k->conf, name, &found);
        struct watched_list l = {.check = k, .path = k->main_path, .title = name};
        l.line = check_line_of(k->conf, P_smtpd_restriction_classes);
        for (size_t i = 0; i < conf_entry_count(k->conf); i++)
            if (view_eq(conf_entry(k->conf, i)->name, name))
                l.line = conf_entry(k->conf, i)->line;
        if (found)
            check_list(&l, k->conf, text);
        else
            tell(&l, CHECK_ERROR, "the class has no definition; write %.*s = ...",
                 VIEW_FMT(name));
    }
}

void check_restrictions(struct check *k)
{
    static const enum parameter lists[] = {
        P_smtpd_client_restrictions,      P_smtpd_helo_restrictions,
        P_smtpd_sender_restrictions,      P_smtpd_relay_restrictions,
        P_smtpd_recipient_restrictions,   P_smtpd_data_restrictions,
        P_smtpd_end_of_data_restrictions, P_smtpd_etrn_restrictions};

    for (size_t s = 0; s < k->n_scenes; s++) {
        const struct check_scene *scene = &k->scenes[s];
        if (scene->service && !view_eq(scene->service->command, VIEW("smtpd")))
            continue;
        for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
            check_parameter(k, scene, lists[i]);
    }
    check_classes(k);
}
