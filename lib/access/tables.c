/* tables - check_XXX_access: which keys are asked, in access(5)'s order
 *
 * Indexed tables are asked for the whole key and then for its parents; pattern
 * tables only for the whole.
 */
#include "access/internal.h"

#include "format/address.h"

/* One look-up; PARTIAL when KEY is only a part of what is looked for.  FOUND: *SAYS is
 * what its action says. */
static bool try_key(struct access_run *run, const struct restriction *r, struct view key,
                    bool partial, struct view reply_name, const char *class,
                    enum access_stage about, enum access_says *says)
{
    struct view value;
    if (partial && table_is_pattern(r->table))
        return false;
    switch (table_get(r->table, key, run->arena, &value, &run->error)) {
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_ERROR:
        *says = access_refuse(run, 451, "4.3.5",
                              "<%.*s>: %s rejected: Server configuration error",
                              VIEW_FMT(reply_name), class);
        return true;
    case TABLE_FOUND:
    default:
        *says = access_action(run, table_spec(r->table), value, key, reply_name, class,
                              about);
        return true;
    }
}

/* NAME's parents: "b.c" or ".b.c" by parent_domain_matches_subdomains.  A number has
 * none. */
static bool try_parents(struct access_run *run, const struct restriction *r,
                        struct view name, struct view reply_name, const char *class,
                        enum access_stage about, enum access_says *says)
{
    bool plain = run->access->parents_match_subdomains;
    struct view rest = name;
    if (view_is_empty(name) || name.p[0] == '[' || ipv4_is_valid(name) ||
        ipv6_is_valid(name))
        return false;
    for (;;) {
        size_t dot = view_find(view_from(rest, 1), '.');
        if (dot == VIEW_NPOS)
            return false;
        rest = view_from(rest, dot + (plain ? 2 : 1));
        if (rest.n > 0 && try_key(run, r, rest, true, reply_name, class, about, says))
            return true;
        if (rest.n < 2)
            return false;
    }
}

bool access_try_domain(struct access_run *run, const struct restriction *r,
                       struct view name, struct view reply_name, const char *class,
                       enum access_stage about, enum access_says *says)
{
    return try_key(run, r, name, false, reply_name, class, about, says) ||
           try_parents(run, r, name, reply_name, class, about, says);
}

bool access_try_address(struct access_run *run, const struct restriction *r,
                        struct view address, struct view reply_name, const char *class,
                        enum access_stage about, enum access_says *says)
{
    char separator = view_has(address, ':') ? ':' : '.';
    struct view key = address;
    /* The address, then its networks, an octet (or octet pair) less each time. */
    while (!try_key(run, r, key, key.n < address.n, reply_name, class, about, says)) {
        size_t cut = view_rfind(key, separator);
        if (cut == VIEW_NPOS || cut == 0)
            return false;
        key = view_sub(key, 0, cut);
        if (separator == ':' && view_ends(key, VIEW(":")))
            key = view_sub(key, 0, key.n - 1);
        if (key.n == 0)
            return false;
    }
    return true;
}

bool access_try_whole(struct access_run *run, const struct restriction *r,
                      struct view key, struct view reply_name, const char *class,
                      enum access_stage about, enum access_says *says)
{
    return try_key(run, r, key, false, reply_name, class, about, says);
}

/* NAME, then the address; the reply speaks of REPLY_NAME, a CLASS. */
static enum access_says client_access(struct access_run *run, const struct restriction *r,
                                      struct view name, struct view reply_name,
                                      const char *class)
{
    const struct access_subject *s = run->subject;
    enum access_says says;
    if ((!view_is_empty(name) &&
         access_try_domain(run, r, name, reply_name, class, ACCESS_CLIENT, &says)) ||
        access_try_address(run, r, s->client_address, reply_name, class, ACCESS_CLIENT,
                           &says))
        return says;
    return SAYS_DUNNO;
}

enum access_says ask_client_access(struct access_run *run, const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    return client_access(run, r, s->client_name, s->client_display,
                         access_reply_class(ACCESS_CLIENT));
}

enum access_says ask_reverse_client_access(struct access_run *run,
                                           const struct restriction *r)
{
    struct view name = run->subject->reverse_name;
    return client_access(run, r, name, name, ACCESS_UNVERIFIED_CLIENT);
}

/* A name that the client gave, by itself. */
static enum access_says name_access(struct access_run *run, const struct restriction *r,
                                    struct view name, enum access_stage about)
{
    enum access_says says;
    if (!view_is_empty(name) &&
        access_try_domain(run, r, name, name, access_reply_class(about), about, &says))
        return says;
    return SAYS_DUNNO;
}

enum access_says ask_helo_access(struct access_run *run, const struct restriction *r)
{
    return name_access(run, r, run->subject->helo_name, ACCESS_HELO);
}

enum access_says ask_etrn_access(struct access_run *run, const struct restriction *r)
{
    return name_access(run, r, run->subject->etrn_domain, ACCESS_ETRN);
}

/* user+ext@domain, user@domain, domain and parents, user+ext@, user@.  *SAYS for FOUND.
 */
static bool try_mailbox(struct access_run *run, const struct restriction *r,
                        struct view key, struct view address, enum access_stage about,
                        enum access_says *says)
{
    const struct conf *c = run->access->conf;
    const char *class = access_reply_class(about);
    struct view local, domain, extension;
    if (!address_split(key, &local, &domain))
        return try_key(run, r, key, false, address, class, about, says);

    struct address_delimiters delimiters = {.set = conf_view(c, P_recipient_delimiter),
                                            .ownreq_special =
                                                conf_bool(c, P_owner_request_special)};
    struct str bare = STR_INIT(ADDRESS_MAX);
    bool extended = address_strip_extension(key, &delimiters, &bare, &extension);
    struct view short_form = arena_dup(run->arena, str_view(&bare));
    str_done(&bare);
    struct view at = arena_printf(run->arena, "%.*s@", VIEW_FMT(local));
    struct view short_at = view_sub(short_form, 0, short_form.n - domain.n);
    return try_key(run, r, key, false, address, class, about, says) ||
           (extended && try_key(run, r, short_form, true, address, class, about, says)) ||
           (!view_is_empty(domain) &&
            (try_key(run, r, domain, true, address, class, about, says) ||
             try_parents(run, r, domain, address, class, about, says))) ||
           try_key(run, r, at, true, address, class, about, says) ||
           (extended && try_key(run, r, short_at, true, address, class, about, says));
}

/* The keys are those of the address as it will be used: with our domain where it has
 * none. */
static enum access_says address_access(struct access_run *run,
                                       const struct restriction *r, struct view address,
                                       enum access_stage about)
{
    struct resolved to;
    enum access_says says;
    if (resolve_address(run->access->rewrite, run->subject->sender, address, run->arena,
                        &to, &run->error) != OK)
        return access_refuse(run, 451, "4.3.0", "<%.*s>: Temporary lookup failure",
                             VIEW_FMT(address));
    struct view key = to.is_error || view_is_empty(to.recipient) ? address : to.recipient;
    if (!try_mailbox(run, r, key, address, about, &says))
        return SAYS_DUNNO;
    /* An address that names another way behind ours does not get by with an OK. */
    bool suspicious = about == ACCESS_RECIPIENT && to.is_routed &&
                      !conf_bool(run->access->conf, P_allow_untrusted_routing);
    return says == SAYS_PERMIT && suspicious ? SAYS_DUNNO : says;
}

enum access_says ask_sender_access(struct access_run *run, const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    enum access_says says;
    if (!s->has_sender)
        return SAYS_DUNNO;
    if (!view_is_empty(s->sender))
        return address_access(run, r, s->sender, ACCESS_SENDER);
    struct view null_key = conf_view(run->access->conf, P_smtpd_null_access_lookup_key);
    return try_key(run, r, null_key, false, s->sender, access_reply_class(ACCESS_SENDER),
                   ACCESS_SENDER, &says)
               ? says
               : SAYS_DUNNO;
}

enum access_says ask_recipient_access(struct access_run *run, const struct restriction *r)
{
    return view_is_empty(run->subject->recipient)
               ? SAYS_DUNNO
               : address_access(run, r, run->subject->recipient, ACCESS_RECIPIENT);
}
