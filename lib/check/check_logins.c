/* check_logins - services where users log in, and cannot or should not like that
 *
 * AUTH needs somebody who knows passwords; passwords need TLS; and who has logged in
 * wants to send mail.
 */
#include "check/check_private.h"
#include "check/restriction_words.h"

enum { CLASSES_DEEP = 10 };

/* --- passwords --- */

/* Our own auth service is to know them: is it there, and does it have any? */
static void check_passwords(struct check *k, const struct check_scene *scene,
                            const char *path, unsigned line)
{
    const struct conf *c = scene->conf;

    if (!view_eq(conf_view(c, P_smtpd_sasl_type), VIEW("builtin")))
        return;
    if (!check_has_command(k, VIEW("auth")))
        check_found(k, CHECK_WARNING, path, line,
                    "users are to log in, and master.cf has no auth service that knows "
                    "their passwords; add: auth unix - n n - 1 auth");
    else if (conf_view(k->conf, P_auth_password_maps).n == 0 &&
             conf_choice(k->conf, P_auth_system_users) == 0 &&
             conf_view(k->conf, P_auth_token_keys).n == 0)
        check_found(k, CHECK_WARNING, path, line,
                    "users are to log in, and nobody has a password; name a table in "
                    "auth_password_maps, or set auth_system_users");
}

/* --- encryption --- */

/* Passwords that anybody on the way reads. */
static void check_plain(struct check *k, const struct check_scene *scene,
                        const char *path, unsigned line)
{
    const struct conf *c = scene->conf;
    struct view level = conf_view(c, P_smtpd_tls_security_level);
    bool has_tls = conf_bool(c, P_smtpd_tls_wrappermode) ||
                   (level.n > 0 && !view_eq(level, VIEW("none"))) ||
                   conf_bool(c, P_smtpd_use_tls) || conf_bool(c, P_smtpd_enforce_tls);
    bool is_enforced = conf_bool(c, P_smtpd_tls_wrappermode) ||
                       view_eq(level, VIEW("encrypt")) ||
                       conf_bool(c, P_smtpd_enforce_tls);

    if (!has_tls && conf_bool(c, P_smtpd_tls_auth_only))
        check_found(
            k, CHECK_WARNING, path, line,
            "AUTH is for encrypted sessions only (smtpd_tls_auth_only) and there "
            "is no TLS, so nobody can log in; set smtpd_tls_security_level = may");
    else if (!is_enforced && !conf_bool(c, P_smtpd_tls_auth_only))
        check_found(k, CHECK_WARNING, path, line,
                    "AUTH is offered without TLS, so passwords can be read on the way; "
                    "set smtpd_tls_auth_only = yes");
}

/* --- leave to send --- */

/* Has the list, or a class that it names, the word permit_sasl_authenticated? */
static bool lets_users_send(struct check *k, const struct conf *c, struct view list,
                            unsigned depth)
{
    struct restriction_words words;

    restriction_words_read(list, k->arena, &words);
    for (size_t i = 0; i < words.n && depth < CLASSES_DEEP; i++) {
        struct view name = words.items[i].name;
        if (view_eq_case(name, VIEW("permit_sasl_authenticated")) ||
            (restriction_is_class(c, name) &&
             lets_users_send(k, c, conf_named(c, name, NULL), depth + 1)))
            return true;
    }
    return false;
}

static void check_leave(struct check *k, const struct check_scene *scene,
                        const char *path, unsigned line)
{
    static const enum parameter lists[] = {
        P_smtpd_relay_restrictions, P_smtpd_recipient_restrictions,
        P_smtpd_client_restrictions, P_smtpd_sender_restrictions,
        P_smtpd_helo_restrictions};
    const struct conf *c = scene->conf;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (lets_users_send(k, c, conf_view(c, lists[i]), 0))
            return;
    check_found(k, CHECK_WARNING, path, line,
                "users log in and may then send no more than strangers; put "
                "permit_sasl_authenticated into smtpd_relay_restrictions");
}

/* --- submission --- */

/* The port for users' programs (RFC 6409, RFC 8314). */
static bool is_submission(const struct master_service *s)
{
    struct view host, port;

    if (!view_rcut(s->name, ':', &host, &port))
        port = s->name;
    return s->type == SERVICE_INET &&
           (view_eq(port, VIEW("submission")) || view_eq(port, VIEW("587")) ||
            view_eq(port, VIEW("submissions")) || view_eq(port, VIEW("smtps")) ||
            view_eq(port, VIEW("465")));
}

static void check_submission(struct check *k, const struct master_service *s,
                             const struct conf *c)
{
    if (is_submission(s) && !conf_bool(c, P_smtpd_sasl_auth_enable))
        check_found(k, CHECK_WARNING, k->master_path, s->line,
                    "service %.*s is for users who log in, and they cannot; add "
                    "-o smtpd_sasl_auth_enable=yes",
                    VIEW_FMT(s->name));
}

static const struct conf *conf_of(const struct check *k, const struct master_service *s)
{
    for (size_t i = 1; i < k->n_scenes; i++)
        if (k->scenes[i].service == s)
            return k->scenes[i].conf;
    return k->conf;
}

void check_logins(struct check *k)
{
    for (size_t i = 0; i < k->n_scenes; i++) {
        const struct check_scene *scene = &k->scenes[i];
        const char *path;
        unsigned line = check_place_of(k, scene, P_smtpd_sasl_auth_enable, &path);
        if (scene->service && !view_eq(scene->service->command, VIEW("smtpd")))
            continue;
        if (!conf_bool(scene->conf, P_smtpd_sasl_auth_enable))
            continue;
        check_passwords(k, scene, path, line);
        check_plain(k, scene, path, line);
        check_leave(k, scene, path, line);
    }
    for (size_t i = 0; i < k->services.n; i++)
        if (view_eq(k->services.items[i].command, VIEW("smtpd")))
            check_submission(k, &k->services.items[i], conf_of(k, &k->services.items[i]));
}
