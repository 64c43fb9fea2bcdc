/* hostname - is this a host name, an IP address, an address literal?
 *
 * Postfix's rules, which are RFC 1123's with "_" allowed.  RFC 5321 4.1.3,
 * RFC 4291 2.2, RFC 6531 3.3 (U-labels).  See address.h.
 */
#include "address.h"
#include "base/number.h"

/* One label without its dots. */
static bool label_is_valid(struct view label, bool utf8)
{
    if (label.n == 0 || label.n > ADDRESS_LABEL_MAX)
        return false;
    if (label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        int c = (unsigned char)label.p[i];
        if (!ascii_is_alnum(c) && c != '_' && c != '-' && !(utf8 && c >= 0x80))
            return false;
    }
    return true;
}

static bool name_is_valid(struct view name, bool utf8)
{
    if (name.n == 0 || name.n > ADDRESS_DOMAIN_MAX)
        return false;
    bool numeric = true;
    bool more = true;
    struct view rest = name;
    while (more) {
        struct view label;
        more = view_cut(rest, '.', &label, &rest);
        if (!label_is_valid(label, utf8))
            return false;
        numeric = numeric && view_is_number(label);
    }
    return !numeric;
}

bool hostname_is_valid(struct view name)
{
    return name_is_valid(name, false);
}

bool hostname_is_valid_utf8(struct view name)
{
    return name_is_valid(name, true) && view_is_utf8(name);
}

bool ipv4_is_valid(struct view text)
{
    struct view rest = text;
    for (int i = 0; i < 4; i++) {
        struct view part;
        bool more = view_cut(rest, '.', &part, &rest);
        uint64_t value;
        if (part.n > 3 || more != (i < 3) || !number_parse_u64(part, 0, 255, &value))
            return false;
        /* 0.x.y.z names no host; 0.0.0.0 is the wild-card. */
        if (i == 0 && value == 0 && !view_eq(text, VIEW("0.0.0.0")))
            return false;
    }
    return true;
}

/* One to four hexadecimal digits. */
static bool is_ipv6_group(struct view v)
{
    uint64_t value;
    return v.n >= 1 && v.n <= 4 && number_parse_base(v, 16, 0xffff, &value);
}

/* Count the 16-bit groups in TEXT ("" has none), or -1 when malformed.  An IPv4
 * tail counts two and is allowed when TAIL. */
static int count_ipv6_groups(struct view text, bool tail)
{
    int groups = 0;
    bool more = text.n > 0;
    while (more) {
        struct view part;
        more = view_cut(text, ':', &part, &text);
        if (is_ipv6_group(part))
            groups++;
        else if (tail && !more && ipv4_is_valid(part))
            groups += 2;
        else
            return -1;
        if (groups > 8)
            return -1;
    }
    return groups;
}

bool ipv6_is_valid(struct view text)
{
    if (text.n < 2 || text.n > 45)
        return false;
    size_t gap = view_find_view(text, VIEW("::"));
    if (gap == VIEW_NPOS)
        return count_ipv6_groups(text, true) == 8;
    int before = count_ipv6_groups(view_sub(text, 0, gap), false);
    int after = count_ipv6_groups(view_from(text, gap + 2), true);
    return before >= 0 && after >= 0 && before + after <= 7;
}

bool host_literal_is_valid(struct view text, struct view *address)
{
    if (text.n < 3 || text.p[0] != '[' || text.p[text.n - 1] != ']')
        return false;
    struct view inner = view_sub(text, 1, text.n - 2);
    bool tagged = view_starts_case(inner, VIEW("IPv6:"));
    if (tagged)
        inner = view_from(inner, 5);
    if (!(tagged ? ipv6_is_valid(inner) : ipv4_is_valid(inner)))
        return false;
    if (address)
        *address = inner;
    return true;
}

bool address_domain_is_valid(struct view domain, bool utf8)
{
    if (domain.n > 0 && domain.p[0] == '[')
        return host_literal_is_valid(domain, NULL);
    return utf8 ? hostname_is_valid_utf8(domain) : hostname_is_valid(domain);
}
