/* alias - alias_maps: lists, owners, recursion
 *
 * The rights of an alias' commands and files are those of the owner of its table; root's
 * table means default_privs.  Source: aliases(5); postconf(5), expand_owner_alias,
 * reset_owner_alias, owner_request_special, frozen_delivered_to.
 */
#include "local.h"

#include "alias_text.h"
#include "base/log.h"

#include <sys/stat.h>

bool alias_is_special(struct view name)
{
    return view_starts_case(name, VIEW("owner-")) ||
           view_ends_case(name, VIEW("-request"));
}

/* Ask one table; with IS_PART, NAME is not the whole of what came. */
static enum table_result ask(struct work *w, struct alias_table *t, struct view name,
                             bool is_part, struct view *value, struct error *e)
{
    if (is_part && t->is_pattern)
        return TABLE_NOT_FOUND;
    return table_get(t->table, name, w->d->arena, value, e);
}

/* Ask all tables in order. */
static enum table_result find(struct work *w, struct view name, bool is_part,
                              struct alias_table **table, struct view *value,
                              struct error *e)
{
    struct local *l = w->local;

    for (size_t i = 0; i < l->n_aliases; i++) {
        enum table_result result = ask(w, &l->aliases[i], name, is_part, value, e);
        *table = &l->aliases[i];
        if (result != TABLE_NOT_FOUND)
            return result;
    }
    return TABLE_NOT_FOUND;
}

/* The file behind a table of TYPE at PATH. */
static bool stat_table(struct view type, const char *path, struct stat *st)
{
    static const char *const suffixes[] = {".lmdb", ".db", ".cdb", ""};
    struct str name = STR_INIT(4096);
    bool found = false;

    (void)type;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !found; i++) {
        str_setf(&name, "%s%s", path, suffixes[i]);
        found = stat(str_cstr(&name), st) == 0;
    }
    str_done(&name);
    return found;
}

/* Whose rights the table gives: *IDENTITY is NULL for root's. */
static bool find_owner(struct work *w, const struct alias_table *t,
                       const struct identity **identity, struct error *e)
{
    struct view spec = table_spec(t->table), type, path;
    struct stat st;

    *identity = NULL;
    view_cut(spec, ':', &type, &path);
    /* What has no file of its own comes from main.cf, which is root's. */
    if (!w->local->acts_for_users || !view_starts(path, VIEW("/")))
        return true;
    const char *name = arena_cstr(w->d->arena, path);
    if (!stat_table(type, name, &st)) {
        error_set_errno(e, "4.3.0", "cannot find alias database owner for %s", name);
        return false;
    }
    if (st.st_uid == 0)
        return true;
    struct identity *owner = ARENA_NEW(w->d->arena, struct identity);
    enum user_result found = user_find(w->d->arena, VIEW_NONE, st.st_uid, owner, e);
    if (found == USER_UNKNOWN)
        error_set(e, "4.3.0", "cannot find alias database owner for %s", name);
    *identity = owner;
    return found == USER_FOUND;
}

/* The address that the owner alias ALIAS stands for as a sender. */
static struct view owner_address(struct work *w, struct view alias, struct view expansion)
{
    struct alias_list list;

    if (conf_bool(w->local->conf, P_expand_owner_alias)) {
        alias_text_parse(w->d->arena, expansion, &list);
        if (list.n > 0 && list.items[0].kind == ALIAS_ADDRESS)
            alias = list.items[0].text;
    }
    return rewrite_address(w->local->rewrite, REWRITE_LOCAL, alias, w->d->arena);
}

/* The companion owner-NAME takes the place of the sender. */
static enum table_result apply_owner(struct work *w, struct context *c, struct view name,
                                     struct error *e)
{
    const struct conf *conf = w->local->conf;
    struct alias_table *table;
    struct view expansion;
    enum table_result result = TABLE_NOT_FOUND;

    if (conf_bool(conf, P_owner_request_special) && !alias_is_special(name)) {
        struct view owner = arena_printf(w->d->arena, "owner-%.*s", VIEW_FMT(name));
        result = find(w, owner, false, &table, &expansion, e);
        if (result == TABLE_FOUND) {
            c->sender = c->owner = owner_address(w, owner, expansion);
            /* A list answers for its members: RFC 3461 5.2.7.2. */
            c->recipient.orcpt = VIEW_NONE;
            c->recipient.notify = 0;
            return result;
        }
    }
    if (result == TABLE_NOT_FOUND && conf_bool(conf, P_reset_owner_alias))
        c->owner = VIEW_NONE;
    return result;
}

/* NAME stands for VALUE in TABLE. */
static void expand(struct work *w, const struct context *from, struct view name,
                   const struct alias_table *table, struct view value)
{
    struct context *c = work_deeper(w, from);
    struct error e = ERROR_INIT;

    if (delivery_is_probe(w->d)) {
        work_sent(w, c, "aliased to %.*s", VIEW_FMT(value));
        return;
    }
    c->alias = name;
    c->source = FROM_ALIAS;
    if (!conf_bool(w->local->conf, P_frozen_delivered_to))
        c->delivered_to = c->recipient.address;
    if (!find_owner(w, table, &c->identity, &e)) {
        log_warning("%s", error_cstr(&e));
        error_set(&e, "4.3.0", "cannot find alias database owner");
        work_failed(w, c, &e);
        return;
    }
    if (apply_owner(w, c, name, &e) == TABLE_ERROR) {
        log_warning("%s", error_cstr(&e));
        work_refused(w, c, "4.3.0", "alias database unavailable");
        return;
    }
    if (work_expand(w, c, value, false) > 0)
        return;
    log_warning("no recipient in alias lookup result for %.*s", VIEW_FMT(name));
    work_refused(w, c, "5.3.5", "mail system configuration error");
}

bool alias_expand(struct work *w, const struct context *c, struct view name)
{
    struct error e = ERROR_INIT;
    struct alias_table *table;
    struct view value;

    if (view_eq_case(c->alias, name)) /* listed in its own expansion: the user is meant */
        return false;
    enum table_result result =
        find(w, name, !view_eq(name, c->local), &table, &value, &e);
    if (result == TABLE_NOT_FOUND)
        return false;
    if (result == TABLE_ERROR) {
        log_warning("%s", error_cstr(&e));
        work_refused(w, c, "4.3.0", "alias database unavailable");
    } else if (c->level > LOCAL_LEVEL_MAX) {
        log_warning("alias database loop for %.*s", VIEW_FMT(name));
        work_refused(w, c, "5.4.6", "alias database loop for %.*s", VIEW_FMT(name));
    } else {
        expand(w, c, name, table, value);
    }
    return true;
}
