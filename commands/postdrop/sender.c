/* sender - local_login_sender_maps: who may use which sender address
 *
 * A look-up by login name gives patterns: "*" anything, "<>" the null sender, "@domain",
 * "user@domain", and "user" for that name here.  An address extension does not count.
 * postconf(5).
 */
#include "base/log.h"
#include "format/address.h"
#include "postdrop.h"
#include "table/table.h"

#include <pwd.h>
#include <sysexits.h>

static bool is_exempt(const struct conf *c, uid_t uid)
{
    const struct passwd *owner = getpwnam(conf_cstr(c, P_mail_owner));

    return uid == 0 || (owner && owner->pw_uid == uid);
}

/* SENDER in full, and without its extension. */
static void complete(const struct conf *c, struct view sender, struct str *full,
                     struct str *plain)
{
    struct address_delimiters delimiters = {.set = conf_view(c, P_recipient_delimiter)};
    struct view local, domain, extension;

    str_add(full, sender);
    if (!address_split(sender, &local, &domain))
        str_addf(full, "@%.*s", VIEW_FMT(conf_view(c, P_myorigin)));
    (void)address_strip_extension(str_view(full), &delimiters, plain, &extension);
}

static bool matches(const struct conf *c, struct view pattern, struct view address)
{
    struct view local, domain;

    (void)address_split(address, &local, &domain);
    if (pattern.p[0] == '@')
        return view_eq_case(view_from(pattern, 1), domain);
    if (view_has(pattern, '@'))
        return view_eq_case(pattern, address);
    return view_eq_case(pattern, local) && view_eq_case(domain, conf_view(c, P_myorigin));
}

static bool is_in_list(const struct conf *c, struct view patterns, struct view sender)
{
    struct str full = STR_INIT(4096), plain = STR_INIT(4096);
    struct view pattern;
    bool found = false;

    complete(c, sender, &full, &plain);
    while (!found && view_token(&patterns, VIEW(", \t\r\n"), &pattern)) {
        if (view_eq(pattern, VIEW("*")))
            found = true;
        else if (sender.n == 0)
            found =
                view_eq(pattern,
                        conf_view(c, P_empty_address_local_login_sender_maps_lookup_key));
        else
            found = matches(c, pattern, str_view(&full)) ||
                    matches(c, pattern, str_view(&plain));
    }
    str_done(&full);
    str_done(&plain);
    return found;
}

bool sender_is_allowed(const struct conf *c, uid_t uid, struct view login,
                       struct view sender)
{
    struct error e = ERROR_INIT;
    struct view patterns;

    if (is_exempt(c, uid))
        return true;
    struct arena *a = arena_new();
    table_network_directly();
    struct maps *m = maps_open(c, conf_view(c, P_local_login_sender_maps), 0);
    enum table_result r = maps_get(m, login, a, &patterns, &e);
    if (r == TABLE_ERROR)
        fail(EX_TEMPFAIL, "local_login_sender_maps: %s", error_cstr(&e));
    bool allowed = r == TABLE_FOUND && is_in_list(c, patterns, sender);
    maps_close(m);
    arena_free(a);
    return allowed;
}
