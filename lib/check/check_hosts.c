/* check_hosts - rules of hosts.allow and hosts.deny that cannot be understood
 */
#include "access/hosts_rules.h"
#include "base/str.h"
#include "check/check_private.h"
#include "conf/lines.h"

#include <errno.h>

#define FILE_MAX ((size_t)16 << 20)

struct hosts_check {
    struct check *check;
    const char *path;
};

static void found(void *arg, unsigned line, const char *text)
{
    const struct hosts_check *h = arg;
    check_found(h->check, CHECK_WARNING, h->path, line, "%s", text);
}

static bool read_named(void *arg, struct view path, struct arena *a, struct view *text,
                       struct error *e)
{
    struct str content = STR_INIT(FILE_MAX);
    (void)arg;
    bool good = lines_read_file(arena_cstr(a, path), &content, e);
    *text = arena_dup(a, str_view(&content));
    str_done(&content);
    return good;
}

static void check_file(struct check *k, const char *path, bool is_deny_file)
{
    struct hosts_check h = {.check = k, .path = path};
    const struct hosts_reader how = {.fault = found, .read = read_named, .arg = &h};
    struct str text = STR_INIT(FILE_MAX);
    struct error e = ERROR_INIT;
    if (lines_read_file(path, &text, &e))
        hosts_rules_free(hosts_rules_parse(str_view(&text), is_deny_file, &how));
    else if (e.saved_errno != ENOENT)
        check_found(k, CHECK_WARNING, path, 0, "%s; nobody may connect", e.text);
    str_done(&text);
}

/* Does a scene before this one name the same files? */
static bool is_seen(const struct check *k, size_t scene)
{
    const struct conf *c = k->scenes[scene].conf;
    for (size_t i = 0; i < scene; i++) {
        const struct conf *before = k->scenes[i].conf;
        if (conf_bool(before, P_hosts_access_enable) &&
            view_eq(conf_view(before, P_hosts_allow_file),
                    conf_view(c, P_hosts_allow_file)) &&
            view_eq(conf_view(before, P_hosts_deny_file),
                    conf_view(c, P_hosts_deny_file)))
            return true;
    }
    return false;
}

void check_hosts(struct check *k)
{
    for (size_t i = 0; i < k->n_scenes; i++) {
        const struct conf *c = k->scenes[i].conf;
        if (!conf_bool(c, P_hosts_access_enable) || is_seen(k, i))
            continue;
        check_file(k, conf_cstr(c, P_hosts_allow_file), false);
        check_file(k, conf_cstr(c, P_hosts_deny_file), true);
    }
}
