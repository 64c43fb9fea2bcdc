/* address - split, quote and unquote addresses, and their extensions; see address.h */
#include "address.h"

bool address_split(struct view address, struct view *local, struct view *domain)
{
    return view_rcut(address, '@', local, domain);
}

/* The offset behind the closing byte that belongs to the opening one at I. */
static size_t skip_closed(struct view v, size_t i)
{
    char open = v.p[i];
    char close = open == '(' ? ')' : open == '[' ? ']' : '"';
    size_t depth = 1;
    for (i++; i < v.n && depth > 0; i++) {
        char c = v.p[i];
        if (c == '\\')
            i++;
        else if (c == close)
            depth--;
        else if (c == '(' && open == '(')
            depth++;
    }
    return i < v.n ? i : v.n;
}

bool address_split_external(struct view address, struct view *local, struct view *domain)
{
    size_t at = VIEW_NPOS;
    size_t i = 0;
    while (i < address.n) {
        char c = address.p[i];
        if (c == '"' || c == '(' || c == '[') {
            i = skip_closed(address, i);
            continue;
        }
        if (c == '@')
            at = i;
        i += c == '\\' ? 2 : 1;
    }
    *local = at == VIEW_NPOS ? address : view_sub(address, 0, at);
    *domain = at == VIEW_NPOS ? VIEW_NONE : view_from(address, at + 1);
    return at != VIEW_NPOS;
}

/* May LOCAL stand without quotes?  The specials of RFC 5321 and RFC 5322 are
 * the same; 8-bit bytes are left plain (RFC 6531). */
static bool is_dot_string(struct view local)
{
    if (local.n == 0 || local.p[0] == '.' || local.p[local.n - 1] == '.')
        return false;
    for (size_t i = 0; i < local.n; i++) {
        int c = (unsigned char)local.p[i];
        if (c == '.' && i + 1 < local.n && local.p[i + 1] == '.')
            return false;
        if (c <= ' ' || c == 0x7f || strchr("()<>@,;:\\\"[]", c))
            return false;
    }
    return true;
}

static bool quote(struct view address, struct str *out)
{
    if (address.n == 0)
        return true;
    struct view local, domain;
    bool has_domain = address_split(address, &local, &domain);
    bool ok = true;
    if (is_dot_string(local)) {
        ok = str_add(out, local);
    } else {
        ok = str_add_char(out, '"');
        for (size_t i = 0; i < local.n; i++) {
            if (local.p[i] == '"' || local.p[i] == '\\' || local.p[i] == '\r')
                ok = str_add_char(out, '\\') && ok;
            ok = str_add_char(out, local.p[i]) && ok;
        }
        ok = str_add_char(out, '"') && ok;
    }
    if (has_domain)
        ok = str_add_char(out, '@') && str_add(out, domain) && ok;
    return ok;
}

bool address_quote_821(struct view address, struct str *out)
{
    return quote(address, out);
}

bool address_quote_822(struct view address, struct str *out)
{
    return quote(address, out);
}

bool address_unquote(struct view external, struct str *out)
{
    struct view local, domain;
    bool has_domain = address_split_external(external, &local, &domain);
    bool ok = true;
    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] == '"')
            continue;
        if (local.p[i] == '\\' && i + 1 < local.n)
            i++;
        ok = str_add_char(out, local.p[i]) && ok;
    }
    if (has_domain)
        ok = str_add_char(out, '@') && str_add(out, domain) && ok;
    return ok;
}

/* Names that are whole whatever the delimiter is. */
static bool is_unsplittable(struct view local,
                            const struct address_delimiters *delimiters)
{
    if (view_eq_case(local, VIEW("postmaster")) ||
        view_eq_case(local, VIEW("mailer-daemon")) ||
        view_eq_case(local, VIEW("double-bounce")))
        return true;
    if (!delimiters->ownreq_special || !view_has(delimiters->set, '-'))
        return false;
    return view_starts_case(local, VIEW("owner-")) ||
           (local.n > 8 && view_ends_case(local, VIEW("-request")));
}

bool address_split_extension(struct view local,
                             const struct address_delimiters *delimiters,
                             struct view *user, struct view *extension)
{
    *user = local;
    *extension = VIEW_NONE;
    if (delimiters->set.n == 0 || is_unsplittable(local, delimiters))
        return false;
    size_t at = view_find_any(local, delimiters->set);
    if (at == VIEW_NPOS || at == 0)
        return false;
    *user = view_sub(local, 0, at);
    *extension = view_from(local, at + 1);
    return true;
}

bool address_strip_extension(struct view address,
                             const struct address_delimiters *delimiters, struct str *out,
                             struct view *extension)
{
    struct view local, domain, user;
    bool has_domain = address_split(address, &local, &domain);
    if (!address_split_extension(local, delimiters, &user, extension)) {
        str_add(out, address);
        return false;
    }
    *extension = view_from(local, user.n);
    str_add(out, user);
    if (has_domain) {
        str_add_char(out, '@');
        str_add(out, domain);
    }
    return true;
}

bool address_add_extension(struct view address, struct view extension, struct str *out)
{
    struct view local, domain;
    bool has_domain = address_split(address, &local, &domain);
    bool ok = str_add(out, local) && str_add(out, extension);
    if (has_domain)
        ok = ok && str_add_char(out, '@') && str_add(out, domain);
    return ok;
}

/* Lower case of a two-byte UTF-8 letter in the blocks that pair simply. */
static unsigned fold_codepoint(unsigned c)
{
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) ||
        (c >= 0x391 && c <= 0x3a9 && c != 0x3a2) || (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if (c == 0x178)
        return 0xff;
    bool even_is_upper = (c >= 0x100 && c <= 0x12f) || (c >= 0x132 && c <= 0x137) ||
                         (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x481) ||
                         (c >= 0x48a && c <= 0x4bf) || (c >= 0x4d0 && c <= 0x52f);
    bool odd_is_upper = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e) ||
                        (c >= 0x4c1 && c <= 0x4ce);
    if ((even_is_upper && c % 2 == 0) || (odd_is_upper && c % 2 == 1))
        return c + 1;
    return c;
}

bool address_fold(struct view v, struct str *out)
{
    bool utf8 = !view_is_ascii(v) && view_is_utf8(v);
    bool ok = true;
    for (size_t i = 0; i < v.n; i++) {
        unsigned c = (unsigned char)v.p[i];
        if (!utf8 || c < 0xc0 || c >= 0xe0) {
            ok = str_add_char(out, (char)ascii_lower((int)c)) && ok;
            continue;
        }
        c = fold_codepoint((c & 0x1f) << 6 | ((unsigned char)v.p[++i] & 0x3f));
        ok = str_add_char(out, (char)(0xc0 | c >> 6)) && ok;
        ok = str_add_char(out, (char)(0x80 | (c & 0x3f))) && ok;
    }
    return ok;
}
