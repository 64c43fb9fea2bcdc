/* tables - check_XXX_access: which keys are asked, in access(5)'s order
 *
 * Indexed tables are asked for the whole key and then for its parents; pattern
 * tables only for the whole.
 */
#include "access/internal.h"

#include "format/address.h"

/* One look-up.  FOUND: *SAYS is what its action says. */
static bool try_key(struct access_run *run, const struct restriction *r, struct view key,
                    struct view reply_name, const char *class, enum access_stage about,
                    enum access_says *says)
{
    struct view value;
    struct error e = ERROR_INIT;
    switch (maps_get(r->maps, key, run->arena, &value, &e)) {
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_ERROR:
        *says = access_refuse(run, 451, "4.3.5",
                              "<%.*s>: %s rejected: Server configuration error",
                              VIEW_FMT(reply_name), class);
        return true;
    case TABLE_FOUND:
    default:
        *says =
            access_action(run, maps_last(r->maps), value, key, reply_name, class, about);
        return true;
    }
}

/* NAME, then its parents: "b.c" or ".b.c" by parent_domain_matches_subdomains. */
static bool try_domain(struct access_run *run, const struct restriction *r,
                       struct view name, struct view reply_name, const char *class,
                       enum access_stage about, enum access_says *says)
{
    if (try_key(run, r, name, reply_name, class, about, says))
        return true;
    if (name.n > 0 && name.p[0] == '[')
        return false;
    bool plain = run->access->parents_match_subdomains;
    struct view rest = name;
    for (;;) {
        size_t dot = view_find(plain ? rest : view_from(rest, 1), '.');
        if (dot == VIEW_NPOS || rest.n == 0)
            return false;
        rest = view_from(rest, dot + 1);
        if (rest.n > 0 && try_key(run, r, rest, reply_name, class, about, says))
            return true;
    }
}

/* The address, then its networks, an octet (or octet pair) less each time. */
static bool try_address(struct access_run *run, const struct restriction *r,
                        struct view address, struct view reply_name, const char *class,
                        enum access_stage about, enum access_says *says)
{
    char separator = view_has(address, ':') ? ':' : '.';
    struct view key = address;
    for (;;) {
        if (try_key(run, r, key, reply_name, class, about, says))
            return true;
        size_t cut = view_rfind(key, separator);
        if (cut == VIEW_NPOS || cut == 0)
            return false;
        key = view_sub(key, 0, cut);
        if (separator == ':' && view_ends(key, VIEW(":")))
            key = view_sub(key, 0, key.n - 1);
        if (key.n == 0)
            return false;
    }
}

static enum access_says client_access(struct access_run *run, const struct restriction *r,
                                      struct view name)
{
    const struct access_subject *s = run->subject;
    const char *class = access_reply_class(ACCESS_CLIENT);
    enum access_says says;
    if (!view_is_empty(name) &&
        try_domain(run, r, name, s->client_display, class, ACCESS_CLIENT, &says))
        return says;
    if (try_address(run, r, s->client_address, s->client_display, class, ACCESS_CLIENT,
                    &says))
        return says;
    return SAYS_DUNNO;
}

enum access_says ask_client_access(struct access_run *run, const struct restriction *r)
{
    return client_access(run, r, run->subject->client_name);
}

enum access_says ask_reverse_client_access(struct access_run *run,
                                           const struct restriction *r)
{
    return client_access(run, r, run->subject->reverse_name);
}

enum access_says ask_helo_access(struct access_run *run, const struct restriction *r)
{
    struct view helo = run->subject->helo_name;
    enum access_says says;
    if (!view_is_empty(helo) &&
        try_domain(run, r, helo, helo, access_reply_class(ACCESS_HELO), ACCESS_HELO,
                   &says))
        return says;
    return SAYS_DUNNO;
}

enum access_says ask_etrn_access(struct access_run *run, const struct restriction *r)
{
    struct view domain = run->subject->etrn_domain;
    enum access_says says;
    if (!view_is_empty(domain) &&
        try_domain(run, r, domain, domain, access_reply_class(ACCESS_ETRN), ACCESS_ETRN,
                   &says))
        return says;
    return SAYS_DUNNO;
}

/* user+ext@domain, user@domain, domain and parents, user+ext@, user@. */
static enum access_says address_access(struct access_run *run,
                                       const struct restriction *r, struct view address,
                                       enum access_stage about)
{
    const struct conf *c = run->access->conf;
    const char *class = access_reply_class(about);
    enum access_says says;
    if (view_is_empty(address)) {
        struct view null_key = conf_view(c, P_smtpd_null_access_lookup_key);
        return try_key(run, r, null_key, address, class, about, &says) ? says
                                                                       : SAYS_DUNNO;
    }
    struct view local, domain, extension;
    if (!address_split(address, &local, &domain))
        return try_key(run, r, address, address, class, about, &says) ? says : SAYS_DUNNO;

    struct address_delimiters delimiters = {.set = conf_view(c, P_recipient_delimiter),
                                            .ownreq_special =
                                                conf_bool(c, P_owner_request_special)};
    struct str bare = STR_INIT(ADDRESS_MAX);
    bool extended = address_strip_extension(address, &delimiters, &bare, &extension);
    struct view short_form = arena_dup(run->arena, str_view(&bare));
    str_done(&bare);
    struct view short_local = view_sub(short_form, 0, short_form.n - domain.n - 1);

    if (try_key(run, r, address, address, class, about, &says) ||
        (extended && try_key(run, r, short_form, address, class, about, &says)) ||
        try_domain(run, r, domain, address, class, about, &says) ||
        try_key(run, r, arena_printf(run->arena, "%.*s@", VIEW_FMT(local)), address,
                class, about, &says) ||
        (extended &&
         try_key(run, r, arena_printf(run->arena, "%.*s@", VIEW_FMT(short_local)),
                 address, class, about, &says)))
        return says;
    return SAYS_DUNNO;
}

enum access_says ask_sender_access(struct access_run *run, const struct restriction *r)
{
    return run->subject->has_sender
               ? address_access(run, r, run->subject->sender, ACCESS_SENDER)
               : SAYS_DUNNO;
}

enum access_says ask_recipient_access(struct access_run *run, const struct restriction *r)
{
    return view_is_empty(run->subject->recipient)
               ? SAYS_DUNNO
               : address_access(run, r, run->subject->recipient, ACCESS_RECIPIENT);
}
