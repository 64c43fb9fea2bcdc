/* type_simple - static:, environ:, fail: and unix: tables
 *
 * static:value answers every key; environ: asks the environment, with folded keys where
 * tables fold, as Postfix does; fail: always fails, with
 * its name as the reason; unix:passwd.byname and unix:group.byname ask the system's
 * accounts.
 */
#include "base/memory.h"
#include "table/table_private.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

static bool open_always(struct table *t, struct error *e)
{
    (void)t;
    (void)e;
    return true;
}

static enum table_result get_static(struct table *t, struct view key, struct arena *a,
                                    struct view *value, struct error *e)
{
    struct view body = t->name;

    (void)key;
    (void)e;
    /* static:{text with spaces} */
    if (!table_inline_body(t->name, &body))
        body = t->name;
    return table_found(a, body, value);
}

static enum table_result get_environ(struct table *t, struct view key, struct arena *a,
                                     struct view *value, struct error *e)
{
    const char *text;

    (void)t;
    (void)e;
    if (view_has(key, '\0'))
        return TABLE_NOT_FOUND;
    text = getenv(arena_cstr(a, key));
    return text ? table_found(a, view_of(text), value) : TABLE_NOT_FOUND;
}

static enum table_result get_fail(struct table *t, struct view key, struct arena *a,
                                  struct view *value, struct error *e)
{
    (void)key;
    (void)a;
    (void)value;
    error_set(e, "4.3.5", "%.*s", VIEW_FMT(t->name));
    return TABLE_ERROR;
}

static enum table_result get_passwd(struct view key, struct arena *a, struct view *value,
                                    struct error *e)
{
    errno = 0;
    struct passwd *p = getpwnam(arena_cstr(a, key));

    if (p == NULL && errno != 0 && errno != ENOENT && errno != ESRCH) {
        error_set_errno(e, "4.3.0", "look up user");
        return TABLE_ERROR;
    }
    if (p == NULL)
        return TABLE_NOT_FOUND;
    *value = arena_printf(a, "%s:%s:%lu:%lu:%s:%s:%s", p->pw_name, p->pw_passwd,
                          (unsigned long)p->pw_uid, (unsigned long)p->pw_gid, p->pw_gecos,
                          p->pw_dir, p->pw_shell);
    return TABLE_FOUND;
}

static enum table_result get_group(struct view key, struct arena *a, struct view *value,
                                   struct error *e)
{
    struct str text = STR_INIT(TABLE_VALUE_MAX);

    errno = 0;
    struct group *g = getgrnam(arena_cstr(a, key));
    if (g == NULL && errno != 0 && errno != ENOENT && errno != ESRCH) {
        error_set_errno(e, "4.3.0", "look up group");
        return TABLE_ERROR;
    }
    if (g == NULL)
        return TABLE_NOT_FOUND;
    str_addf(&text, "%s:%s:%lu:", g->gr_name, g->gr_passwd, (unsigned long)g->gr_gid);
    for (char **member = g->gr_mem; *member; member++)
        str_addf(&text, "%s%s", member == g->gr_mem ? "" : ",", *member);
    *value = arena_dup(a, str_view(&text));
    str_done(&text);
    return TABLE_FOUND;
}

static bool open_unix(struct table *t, struct error *e)
{
    if (view_eq(t->name, VIEW("passwd.byname")) || view_eq(t->name, VIEW("group.byname")))
        return true;
    error_set(e, "4.3.5", "unknown table: %s (there are passwd.byname and group.byname)",
              t->spec);
    return false;
}

static enum table_result get_unix(struct table *t, struct view key, struct arena *a,
                                  struct view *value, struct error *e)
{
    if (key.n == 0 || view_has(key, '\0'))
        return TABLE_NOT_FOUND;
    if (view_eq(t->name, VIEW("passwd.byname")))
        return get_passwd(key, a, value, e);
    return get_group(key, a, value, e);
}

const struct table_type table_type_static = {
    .name = "static", .open = open_always, .get = get_static};
const struct table_type table_type_environ = {
    .name = "environ", .open = open_always, .get = get_environ};
const struct table_type table_type_fail = {
    .name = "fail", .open = open_always, .get = get_fail};
const struct table_type table_type_unix = {
    .name = "unix", .open = open_unix, .get = get_unix};
