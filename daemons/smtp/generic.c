/* generic - smtp_generic_maps: inside addresses become outside ones (generic(5))
 *
 * Applied to envelope and header addresses of mail that leaves by SMTP, so mail
 * inside keeps its own addresses (S293).
 */
#include "client.h"

static bool propagates_extension(const struct conf *c)
{
    struct view rest = conf_view(c, P_propagate_unmatched_extensions), word;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq_case(word, VIEW("generic")))
            return true;
    }
    return false;
}

enum result generic_map(struct client *c, struct arena *a, struct view address,
                        struct view *out, struct error *e)
{
    struct address_results results;
    *out = address;
    if (maps_is_empty(c->generic) || view_is_empty(address))
        return OK;
    const char *title = c->lmtp ? "lmtp_generic_maps" : "smtp_generic_maps";
    switch (rewrite_map_address(c->rewrite, c->generic, title, address,
                                propagates_extension(c->conf), a, &results, e)) {
    case TABLE_FOUND:
        *out = results.items[0];
        return OK;
    case TABLE_ERROR:
        error_set(e, "4.3.0", "%s map lookup problem for %.*s", title, VIEW_FMT(address));
        return TEMPFAIL;
    case TABLE_NOT_FOUND:
    default:
        return OK;
    }
}
