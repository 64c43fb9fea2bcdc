/* address - what becomes of one address in the envelope or in a header
 *
 * Standard form, canonical maps of its class, masquerading.  Source:
 * ADDRESS_REWRITING_README, canonical(5), postconf(5) masquerade_domains.
 */
#include "cleanup/cleanup_private.h"

#include "base/log.h"
#include "format/address.h"

/* How often canonical mapping is repeated on its own result. */
#define CANONICAL_ROUNDS 10

/* canonical(5): mapped again and again until nothing or itself comes out. */
static struct view map_canonical(struct cleanup *c, const struct mapping *m,
                                 struct view address, struct arena *a)
{
    for (int round = 0; round < CANONICAL_ROUNDS; round++) {
        struct address_results found;
        struct error e = ERROR_INIT;
        switch (rewrite_map_address(c->setup->rewrite, m->maps, m->title, address,
                                    m->propagate, a, &found, &e)) {
        case TABLE_ERROR:
            cleanup_table_failed(c, m->title, address);
            return address;
        case TABLE_NOT_FOUND:
            return address;
        case TABLE_FOUND:
            break;
        }
        if (found.n > 1)
            log_warning_as(c->setup->tag, "%s: multi-valued %s entry for %.*s",
                           cleanup_id(c), m->title, VIEW_FMT(address));
        bool to_itself = view_eq_case(found.items[0], address);
        address = found.items[0];
        if (to_itself)
            return address;
    }
    log_warning_as(
        c->setup->tag,
        "%s: unreasonable %s map nesting for %.*s -- message not accepted, try again "
        "later",
        cleanup_id(c), m->title, VIEW_FMT(address));
    return address;
}

/* Is LOCAL one of masquerade_exceptions? */
static bool is_exempt(struct cleanup *c, struct view local)
{
    struct error e = ERROR_INIT;
    enum match_result found = match_string(c->setup->masquerade_exceptions, local, &e);
    if (found == MATCH_ERROR)
        cleanup_table_failed(c, "masquerade_exceptions", local);
    return found != MATCH_NO;
}

/* user@host.domain becomes user@domain when the first matching element of
 * masquerade_domains is domain, without "!". */
static struct view masquerade(struct cleanup *c, struct view address, struct arena *a)
{
    struct view local, domain, element, rest = c->setup->masquerade_domains;
    if (!address_split(address, &local, &domain) || is_exempt(c, local))
        return address;
    while (conf_list_next(&rest, &element)) {
        bool strip = true;
        for (; view_starts(element, VIEW("!")); strip = !strip)
            element = view_from(element, 1);
        if (view_is_empty(element) || !view_ends_case(domain, element))
            continue;
        if (domain.n == element.n)
            return address;
        if (domain.p[domain.n - element.n - 1] != '.')
            continue;
        if (!strip)
            return address;
        struct str out = STR_INIT(local.n + element.n + 1);
        str_add(&out, local);
        str_add_char(&out, '@');
        str_add(&out, element);
        struct view result = arena_dup(a, str_view(&out));
        str_done(&out);
        return result;
    }
    return address;
}

/* Mail from our own MAILER-DAEMON is mail from nobody, as bounces are. */
static bool is_our_daemon(struct cleanup *c, struct view address, struct arena *a)
{
    return view_starts_case(address, VIEW("mailer-daemon@")) &&
           view_eq_case(address, rewrite_address(c->setup->rewrite, REWRITE_LOCAL,
                                                 VIEW("MAILER-DAEMON"), a));
}

struct view address_map_all(struct cleanup *c, enum place place, struct view address,
                            struct arena *a)
{
    const struct cleanup_setup *s = c->setup;
    bool in_header = place & (PLACE_HEADER_SENDER | PLACE_HEADER_RECIPIENT);
    bool is_sender = place & (PLACE_HEADER_SENDER | PLACE_ENVELOPE_SENDER);
    enum rewrite_context context = in_header ? c->header_context : REWRITE_LOCAL;
    address = rewrite_address(s->rewrite, context, address, a);
    if (place == PLACE_ENVELOPE_SENDER && is_our_daemon(c, address, a))
        address = VIEW("");
    if (view_is_empty(address) || !(c->flags & CLEANUP_MAP))
        return address;
    const struct mapping *own =
        is_sender ? &s->sender_canonical : &s->recipient_canonical;
    if ((own->places & place) && !maps_is_empty(own->maps))
        address = map_canonical(c, own, address, a);
    if ((s->canonical.places & place) && !maps_is_empty(s->canonical.maps))
        address = map_canonical(c, &s->canonical, address, a);
    if ((s->masquerade_places & place) && !view_is_empty(s->masquerade_domains))
        address = masquerade(c, address, a);
    return address;
}
