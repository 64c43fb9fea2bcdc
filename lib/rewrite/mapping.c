/* mapping - look-ups of whole addresses, and results that are addresses again
 *
 * Source: canonical(5), virtual(5), "TABLE SEARCH ORDER" and "RESULT ADDRESS REWRITING".
 */
#include "rewrite/rewrite_private.h"

#include "base/log.h"
#include "format/address.h"
#include "format/address_list.h"

/* Room for an address of a table with an extension put in. */
#define RESULT_MAX 16384

/* What a look-up needs to know, and what went wrong while it asked. */
struct locality {
    struct rewrite *rewrite;
    struct error *error;
    bool failed;
};

static bool has_local_names(struct view domain, void *arg)
{
    struct locality *l = arg;
    if (view_eq_case(domain, l->rewrite->myorigin))
        return true;
    enum match_result found = rewrite_is_local_domain(l->rewrite, domain, l->error);
    l->failed |= found == MATCH_ERROR;
    return found == MATCH_YES;
}

enum table_result rewrite_find_address(struct rewrite *r, struct maps *m,
                                       struct view address, struct arena *a,
                                       struct view *value, struct view *extension,
                                       struct error *e)
{
    if (maps_is_empty(m))
        return TABLE_NOT_FOUND;
    struct locality locality = {.rewrite = r, .error = e};
    struct address_lookup how = {
        .steps = ADDRESS_FULL | ADDRESS_LOCALPART | ADDRESS_AT_DOMAIN,
        .delimiters = r->delimiters,
        .is_local = has_local_names,
        .arg = &locality,
    };
    struct view ignored;
    enum table_result found =
        maps_get_address(m, &how, address, a, value, extension ? extension : &ignored, e);
    return locality.failed ? TABLE_ERROR : found;
}

/* "@other" keeps the local part of ADDRESS; its extension is put back later, or never
 * left. */
static struct view with_local_part(struct view address, struct view value,
                                   struct view extension, struct arena *a)
{
    struct view local, domain;
    if (!view_starts(value, VIEW("@")))
        return value;
    address_split(address, &local, &domain);
    if (view_ends(local, extension))
        local.n -= extension.n;
    struct str quoted = STR_INIT(RESULT_MAX);
    address_quote_822(rewrite_join(a, local, value, VIEW_NONE), &quoted);
    struct view result = arena_dup(a, str_view(&quoted));
    str_done(&quoted);
    return result;
}

static struct view with_extension(struct view address, struct view extension,
                                  struct arena *a)
{
    if (view_is_empty(extension))
        return address;
    struct str out = STR_INIT(RESULT_MAX);
    address_add_extension(address, extension, &out);
    struct view result = arena_dup(a, str_view(&out));
    str_done(&out);
    return result;
}

enum table_result rewrite_map_address(struct rewrite *r, struct maps *m,
                                      const char *title, struct view address,
                                      bool propagate, struct arena *a,
                                      struct address_results *out, struct error *e)
{
    struct view value, extension = VIEW_NONE;
    enum table_result found =
        rewrite_find_address(r, m, address, a, &value, &extension, e);
    if (found != TABLE_FOUND)
        return found;
    if (!propagate)
        extension = VIEW_NONE;
    struct address_list *list =
        address_list_parse(a, with_local_part(address, value, extension, a), 0);
    out->items = arena_alloc_array(a, list->count ? list->count : 1, sizeof *out->items);
    out->n = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct view v = rewrite_address(r, REWRITE_LOCAL, list->items[i].address, a);
        if (!view_is_empty(v))
            out->items[out->n++] = with_extension(v, extension, a);
    }
    if (out->n > 0)
        return TABLE_FOUND;
    log_warning("%s map lookup of %.*s returned non-address result \"%.*s\"", title,
                VIEW_FMT(address), VIEW_FMT(value));
    error_set(e, "4.3.0", "%s: a result is no address", title);
    return TABLE_ERROR;
}
