/* peer_text - attributes of XCLIENT and XFORWARD; see peer_text.h */
#include "peer_text.h"

#include "format/address.h"
#include "format/xtext.h"
#include "net/address.h"

static bool has_control(struct view v)
{
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c < ' ' || c == 0x7f)
            return true;
    }
    return false;
}

enum peer_fault peer_attribute_parse(struct arena *a, struct view word,
                                     struct peer_attribute *out)
{
    struct view encoded;
    struct str plain = STR_INIT(PEER_VALUE_MAX + 1);
    *out = (struct peer_attribute){.unavailable = false};
    if (!view_cut(word, '=', &out->name, &encoded) || view_is_empty(out->name))
        return PEER_NO_VALUE;
    if (encoded.n > PEER_VALUE_MAX)
        return PEER_TOO_LONG;
    bool good = xtext_decode(encoded, &plain) && !has_control(str_view(&plain)) &&
                view_is_utf8(str_view(&plain));
    out->value = arena_dup(a, str_view(&plain));
    str_done(&plain);
    if (!good)
        return PEER_BAD_VALUE;
    out->unavailable = view_eq_case(out->value, VIEW("[UNAVAILABLE]"));
    out->tempunavail = view_eq_case(out->value, VIEW("[TEMPUNAVAIL]"));
    return PEER_OK;
}

bool peer_address_is_valid(struct view value, struct view *address)
{
    if (view_starts_case(value, VIEW("IPv6:"))) {
        *address = view_from(value, strlen("IPv6:"));
        return ipv6_is_valid(*address);
    }
    *address = value;
    return ipv4_is_valid(value) || ipv6_is_valid(value);
}

bool peer_port_is_valid(struct view value)
{
    return view_is_number(value) && value.n <= 5;
}
