/* resolve - the mailbox of a recipient, and whose it is
 *
 * virtual_mailbox_maps, virtual_uid_maps, virtual_gid_maps, each asked for
 * user+ext@domain, user@domain and @domain.  Source: virtual(8), TABLE SEARCH ORDER,
 * MAILBOX OWNERSHIP.
 */
#include "virtual.h"

#include "base/log.h"
#include "base/number.h"
#include "format/address.h"

#include <unistd.h>

static bool misconfigured(struct error *e)
{
    error_set(e, "4.3.5", "mail system configuration error");
    return false;
}

static enum table_result find(struct virtual *s, struct maps *maps, enum parameter p,
                              struct arena *a, struct view address, struct view *value)
{
    struct error e = ERROR_INIT;
    struct view extension;
    enum table_result result =
        maps_get_address(maps, &s->lookup, address, a, value, &extension, &e);

    if (result == TABLE_ERROR)
        log_warning("table %s: lookup %.*s: %s", conf_cstr(s->conf, p), VIEW_FMT(address),
                    error_cstr(&e));
    return result;
}

/* The number that P's tables have for ADDRESS. */
static bool find_id(struct virtual *s, struct maps *maps, enum parameter p,
                    const char *what, int64_t minimum, struct arena *a,
                    struct view address, uint64_t *id)
{
    struct view value;
    enum table_result result = find(s, maps, p, a, address, &value);

    if (result == TABLE_NOT_FOUND)
        log_warning("recipient %.*s: not found in %s", VIEW_FMT(address),
                    conf_cstr(s->conf, p));
    if (result != TABLE_FOUND)
        return false;
    if (number_parse_u64(value, (uint64_t)minimum, UINT32_MAX - 1, id))
        return true;
    log_warning("recipient %.*s: bad %s %.*s in %s", VIEW_FMT(address), what,
                VIEW_FMT(value), conf_cstr(s->conf, p));
    return false;
}

static bool find_owner(struct virtual *s, struct arena *a, struct view address,
                       struct mailbox *out)
{
    uint64_t uid, gid;

    if (!s->acts_for_users) {
        out->uid = geteuid();
        out->gid = getegid();
        return true;
    }
    if (!find_id(s, s->uids, P_virtual_uid_maps, "uid", s->minimum_uid, a, address,
                 &uid) ||
        !find_id(s, s->gids, P_virtual_gid_maps, "gid", 1, a, address, &gid))
        return false;
    out->uid = (uid_t)uid;
    out->gid = (gid_t)gid;
    return true;
}

bool virtual_resolve(struct virtual *s, struct arena *a, struct view address,
                     struct mailbox *out, struct error *e)
{
    struct str key = STR_INIT(ADDRESS_QUOTED_MAX);
    struct view value;

    address_fold(address, &key);
    struct view folded = arena_dup(a, str_view(&key));
    str_done(&key);
    enum table_result result =
        find(s, s->mailboxes, P_virtual_mailbox_maps, a, folded, &value);
    if (result == TABLE_ERROR)
        return misconfigured(e);
    if (result == TABLE_NOT_FOUND) {
        error_set(e, "5.1.1", "unknown user: \"%.*s\"", VIEW_FMT(address));
        return false;
    }
    out->path = s->base.n > 0
                    ? arena_printf(a, "%.*s/%.*s", VIEW_FMT(s->base), VIEW_FMT(value))
                    : arena_dup(a, value);
    out->is_maildir = view_ends(value, VIEW("/"));
    return find_owner(s, a, folded, out) || misconfigured(e);
}
