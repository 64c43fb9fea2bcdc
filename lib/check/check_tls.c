/* check_tls - certificates that end soon or have ended
 *
 * The programs tell it in the log, too; see tls/expiry.h.
 */
#include "check/check_private.h"
#include "tls/expiry.h"

/* What one certificate file is needed for. */
struct use {
    struct check *check;
    const char *path;
    unsigned line;
};

static void tell(struct view text, void *arg)
{
    const struct use *u = arg;

    check_found(u->check, CHECK_WARNING, u->path, u->line, "%.*s", VIEW_FMT(text));
}

/* The setting of SCENE that names certificates of ROLE; none of its own: main.cf. */
static void check_role(struct check *k, const struct check_scene *scene,
                       const struct tls_role *role)
{
    const enum parameter named[] = {role->chain_files, role->cert_file, role->eccert_file,
                                    role->dcert_file};
    struct use u = {.check = k, .path = k->main_path};
    bool is_own = scene->service == NULL;

    for (size_t i = 0; i < sizeof named / sizeof named[0] && u.line == 0; i++) {
        if (!conf_is_set(scene->conf, named[i]))
            continue;
        u.line = check_place_of(k, scene, named[i], &u.path);
        is_own = is_own || u.path == k->master_path;
    }
    if (is_own && u.line > 0)
        tls_expiry_check(scene->conf, role, tell, &u);
}

void check_tls(struct check *k)
{
    for (size_t i = 0; i < k->n_scenes; i++) {
        check_role(k, &k->scenes[i], &tls_role_server);
        check_role(k, &k->scenes[i], &tls_role_smtp);
        check_role(k, &k->scenes[i], &tls_role_lmtp);
    }
}
