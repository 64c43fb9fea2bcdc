/* check_values - values that are legal and surely not meant
 *
 * Comments behind a value (Postfix takes them as part of it), a greeting without the
 * host's name (RFC 5321 4.2), brackets and transports where a host stands.
 */
#include "check/check_private.h"
#include "conf/parameter.h"

/* A '#' with white space in front of it, outside of quotes and braces; VIEW_NPOS when
 * none. */
static size_t comment_in(struct view value)
{
    int depth = 0;
    char quote = '\0';

    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (quote)
            quote = c == quote ? '\0' : quote;
        else if (c == '"')
            quote = c;
        else if (c == '{' || c == '}')
            depth += c == '{' ? 1 : -1;
        else if (c == '#' && depth == 0 && i > 0 && ascii_is_space(value.p[i - 1]))
            return i;
    }
    return VIEW_NPOS;
}

static void check_comment(struct check *k, struct view name, struct view value,
                          const char *path, unsigned line)
{
    size_t at = comment_in(value);

    if (at != VIEW_NPOS)
        check_found(
            k, CHECK_WARNING, path, line,
            "\"%.*s\" is part of the value of `%.*s'; put the comment on a line of "
            "its own",
            VIEW_FMT(view_sub(value, at, 60)), VIEW_FMT(name));
}

/* The greeting must start with the host's name. */
static void check_greeting(struct check *k, const struct check_scene *scene)
{
    struct view rest = conf_view(scene->conf, P_smtpd_banner), first = VIEW_NONE;
    const char *path;
    unsigned line = check_place_of(k, scene, P_smtpd_banner, &path);

    if (scene->service && path == k->main_path)
        return; /* told for main.cf */
    (void)view_token(&rest, VIEW(" \t"), &first);
    if (view_eq_case(first, conf_view(scene->conf, P_myhostname)) ||
        view_has(first, '.') || view_starts(first, VIEW("[")))
        return;
    check_found(
        k, CHECK_WARNING, path, line,
        "the greeting \"%.*s\" does not start with the host name, which RFC 5321 4.2 "
        "demands; say smtpd_banner = $myhostname %.*s",
        VIEW_FMT(conf_view(scene->conf, P_smtpd_banner)),
        VIEW_FMT(conf_raw(scene->conf, P_smtpd_banner)));
}

/* relayhost is a host, not a transport. */
static void check_relayhost(struct check *k, const struct check_scene *scene)
{
    struct view value = conf_view(scene->conf, P_relayhost);
    const char *path;
    unsigned line = check_place_of(k, scene, P_relayhost, &path);

    if (scene->service && path == k->main_path)
        return;
    if (view_starts_case(value, VIEW("smtp:")))
        check_found(
            k, CHECK_WARNING, path, line,
            "relayhost is a host, not \"transport:host\": \"%.*s\"; take \"%.*s\" "
            "away",
            VIEW_FMT(value), VIEW_FMT(view_sub(value, 0, 5)));
    else if (view_find_any(value, VIEW(", \t")) != VIEW_NPOS &&
             comment_in(value) == VIEW_NPOS)
        check_found(k, CHECK_WARNING, path, line,
                    "relayhost is one host: \"%.*s\"; name further ones in "
                    "smtp_fallback_relay",
                    VIEW_FMT(value));
}

/* A domain in two classes: one of the two is never asked. */
static void check_classes(struct check *k)
{
    static const enum parameter others[] = {P_virtual_alias_domains,
                                            P_virtual_mailbox_domains};
    struct view rest = conf_view(k->conf, P_mydestination), domain, word;

    while (conf_list_next(&rest, &domain)) {
        if (view_find_any(domain, VIEW(":/!")) != VIEW_NPOS)
            continue;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            if (!conf_is_set(k->conf, others[i]))
                continue;
            struct view list = conf_view(k->conf, others[i]);
            while (conf_list_next(&list, &word))
                if (view_eq_case(word, domain))
                    check_found(k, CHECK_WARNING, k->main_path,
                                check_line_of(k->conf, others[i]),
                                "do not list domain %.*s in BOTH mydestination and %s; "
                                "the first rules, delete one of the two",
                                VIEW_FMT(domain), parameter_table[others[i]].name);
        }
    }
}

static void check_entries(struct check *k)
{
    for (size_t i = 0; i < conf_entry_count(k->conf); i++) {
        const struct conf_entry *entry = conf_entry(k->conf, i);
        check_comment(k, entry->name, entry->raw, k->main_path, entry->line);
    }
    for (size_t i = 0; i < k->services.n; i++) {
        const struct master_service *s = &k->services.items[i];
        for (size_t n = 0; n < s->n_overrides; n++) {
            struct view name, value;
            view_cut(view_of(s->overrides[n]), '=', &name, &value);
            check_comment(k, view_trim_space(name), value, k->master_path, s->line);
        }
    }
}

void check_values(struct check *k)
{
    check_entries(k);
    check_classes(k);
    for (size_t i = 0; i < k->n_scenes; i++) {
        check_relayhost(k, &k->scenes[i]);
        if (!k->scenes[i].service ||
            view_eq(k->scenes[i].service->command, VIEW("smtpd")))
            check_greeting(k, &k->scenes[i]);
    }
}
