/* dns_name - names as people write them and as DNS wants them */
#include "net/dns_name.h"

#include "base/str.h"
#include "net/settings.h"

#include <idn2.h>

static bool label_is_valid(struct view label)
{
    if (label.n == 0 || label.n > DNS_LABEL_MAX)
        return false;
    if (label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '_')
            return false;
    }
    return true;
}

bool dns_name_is_valid(struct view name)
{
    bool all_numeric = true, more = true;
    struct view label, rest = name;

    if (name.n == 0 || name.n > DNS_NAME_MAX)
        return false;
    while (more) {
        more = view_cut(rest, '.', &label, &rest);
        if (!label_is_valid(label))
            return false;
        all_numeric = all_numeric && view_is_number(label);
    }
    return !all_numeric;
}

/* UTF-8 to ACE; false when libidn2 refuses. */
static bool to_ace(struct arena *a, struct view name, struct view *out)
{
    uint8_t *ace = NULL;

    if (!view_is_utf8(name) || view_has(name, '\0') || name.n > DNS_NAME_MAX * 4)
        return false;
    const char *utf8 = arena_cstr(a, name);
    if (idn2_lookup_u8((const uint8_t *)utf8, &ace,
                       IDN2_NFC_INPUT | (net_uses_idna2003() ? IDN2_TRANSITIONAL
                                                             : IDN2_NONTRANSITIONAL)) !=
        IDN2_OK)
        return false;
    *out = arena_dup(a, view_of((const char *)ace));
    idn2_free(ace);
    return true;
}

bool dns_name_prepare(struct arena *a, struct view name, struct view *out)
{
    if (view_ends(name, VIEW(".")))
        name = view_sub(name, 0, name.n - 1);
    if (!view_is_ascii(name) && !to_ace(a, name, &name))
        return false;
    *out = arena_lower(a, name);
    return dns_name_is_valid(*out);
}

bool dns_name_show(struct view name, struct str *out)
{
    struct str ace = STR_INIT(DNS_NAME_MAX);
    char *utf8 = NULL;
    bool good = str_add(&ace, name) && dns_name_is_valid(name) &&
                idn2_to_unicode_8z8z(str_cstr(&ace), &utf8, 0) == IDN2_OK;

    bool added = str_add(out, good ? view_of(utf8) : name);
    idn2_free(utf8);
    str_done(&ace);
    return added;
}

bool dns_name_reverse(struct arena *a, const struct net_address *address,
                      struct view *out)
{
    const uint8_t *b;
    struct str name = STR_INIT(128);

    switch (net_address_family(address)) {
    case AF_INET:
        b = (const uint8_t *)&address->in.sin_addr;
        *out = arena_printf(a, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
        return true;
    case AF_INET6:
        b = address->in6.sin6_addr.s6_addr;
        for (int i = 15; i >= 0; i--)
            str_addf(&name, "%x.%x.", b[i] & 15U, b[i] >> 4U);
        str_add_cstr(&name, "ip6.arpa");
        *out = arena_dup(a, str_view(&name));
        str_done(&name);
        return true;
    default:
        return false;
    }
}
