/* virtual_mailbox - tables of virtual users; see virtual_mailbox.h */
#include "store/virtual_mailbox.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "format/address.h"
#include "table/table.h"

#include <unistd.h>

struct virtual_mailboxes {
    const struct conf *conf;
    struct maps *mailboxes, *uids, *gids;
    struct address_lookup lookup;
    struct view base;
    int64_t minimum_uid;
    bool acts_for_users;
};

struct virtual_mailboxes *virtual_mailboxes_open(const struct conf *c,
                                                 bool acts_for_users, struct error *e)
{
    unsigned flags = TABLE_FOLD | TABLE_NO_REGEXP_SUBST;
    struct view base = conf_view(c, P_virtual_mailbox_base);

    if (base.n > 0 && base.p[0] != '/') {
        error_set(e, "4.3.5",
                  "do not specify relative pathname: virtual_mailbox_base = %.*s",
                  VIEW_FMT(base));
        return NULL;
    }
    struct virtual_mailboxes *m = NEW(struct virtual_mailboxes);
    m->conf = c;
    m->base = base;
    m->minimum_uid = conf_int(c, P_virtual_minimum_uid);
    m->acts_for_users = acts_for_users;
    m->mailboxes = maps_open(c, conf_view(c, P_virtual_mailbox_maps), flags);
    m->uids = maps_open(c, conf_view(c, P_virtual_uid_maps), flags);
    m->gids = maps_open(c, conf_view(c, P_virtual_gid_maps), flags);
    m->lookup =
        (struct address_lookup){.steps = ADDRESS_FULL | ADDRESS_AT_DOMAIN,
                                .delimiters = conf_view(c, P_recipient_delimiter)};
    return m;
}

void virtual_mailboxes_close(struct virtual_mailboxes *m)
{
    maps_close(m->mailboxes);
    maps_close(m->uids);
    maps_close(m->gids);
    memory_free(m);
}

static bool misconfigured(struct error *e)
{
    error_set(e, "4.3.5", "mail system configuration error");
    return false;
}

static enum table_result find(struct virtual_mailboxes *m, struct maps *maps,
                              enum parameter p, struct arena *a, struct view address,
                              struct view *value)
{
    struct error e = ERROR_INIT;
    struct view extension;
    enum table_result result =
        maps_get_address(maps, &m->lookup, address, a, value, &extension, &e);

    if (result == TABLE_ERROR)
        log_warning("table %s: lookup %.*s: %s", conf_cstr(m->conf, p), VIEW_FMT(address),
                    error_cstr(&e));
    return result;
}

/* The number that P's tables have for ADDRESS. */
static bool find_id(struct virtual_mailboxes *m, struct maps *maps, enum parameter p,
                    const char *what, int64_t minimum, struct arena *a,
                    struct view address, uint64_t *id)
{
    struct view value;
    enum table_result result = find(m, maps, p, a, address, &value);

    if (result == TABLE_NOT_FOUND)
        log_warning("recipient %.*s: not found in %s", VIEW_FMT(address),
                    conf_cstr(m->conf, p));
    if (result != TABLE_FOUND)
        return false;
    if (number_parse_u64(value, (uint64_t)minimum, UINT32_MAX - 1, id))
        return true;
    log_warning("recipient %.*s: bad %s %.*s in %s", VIEW_FMT(address), what,
                VIEW_FMT(value), conf_cstr(m->conf, p));
    return false;
}

static bool find_owner(struct virtual_mailboxes *m, struct arena *a, struct view address,
                       struct virtual_mailbox *out)
{
    uint64_t uid, gid;

    if (!m->acts_for_users) {
        out->uid = geteuid();
        out->gid = getegid();
        return true;
    }
    if (!find_id(m, m->uids, P_virtual_uid_maps, "uid", m->minimum_uid, a, address,
                 &uid) ||
        !find_id(m, m->gids, P_virtual_gid_maps, "gid", 1, a, address, &gid))
        return false;
    out->uid = (uid_t)uid;
    out->gid = (gid_t)gid;
    return true;
}

bool virtual_mailbox_find(struct virtual_mailboxes *m, struct arena *a,
                          struct view address, struct virtual_mailbox *out,
                          struct error *e)
{
    struct str key = STR_INIT(ADDRESS_QUOTED_MAX);
    struct view value;

    address_fold(address, &key);
    struct view folded = arena_dup(a, str_view(&key));
    str_done(&key);
    enum table_result result =
        find(m, m->mailboxes, P_virtual_mailbox_maps, a, folded, &value);
    if (result == TABLE_ERROR)
        return misconfigured(e);
    if (result == TABLE_NOT_FOUND) {
        error_set(e, "5.1.1", "unknown user: \"%.*s\"", VIEW_FMT(address));
        return false;
    }
    out->path = m->base.n > 0
                    ? arena_printf(a, "%.*s/%.*s", VIEW_FMT(m->base), VIEW_FMT(value))
                    : arena_dup(a, value);
    out->is_maildir = view_ends(value, VIEW("/"));
    return find_owner(m, a, folded, out) || misconfigured(e);
}
