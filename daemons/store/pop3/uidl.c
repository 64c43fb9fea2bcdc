/* uidl - the unique id of a message, in the form that pop3_uidl_format says
 *
 * %u the UID, %v the UIDVALIDITY of IMAP, "%08Xu" in 8 hexadecimal digits: as Dovecot has
 * it, so that clients of a site that moves keep what they know.  RFC 1939 7.
 */
#include "pop3.h"

#include <stdio.h>

struct conversion {
    char what; /* u, v or % */
    bool is_hex, has_zeros;
    unsigned width;
};

/* Take a conversion from the front of *REST, behind its %. */
static bool take(struct view *rest, struct conversion *c)
{
    struct view v = *rest;

    *c = (struct conversion){.width = 0};
    if (v.n > 0 && v.p[0] == '0') {
        c->has_zeros = true;
        v = view_from(v, 1);
    }
    while (v.n > 0 && ascii_is_digit((unsigned char)v.p[0]) && c->width < 10) {
        c->width = c->width * 10 + (unsigned)(v.p[0] - '0');
        v = view_from(v, 1);
    }
    if (v.n > 1 && (v.p[0] == 'X' || v.p[0] == 'x')) {
        c->is_hex = true; /* small letters, as Dovecot gives them */
        v = view_from(v, 1);
    }
    if (v.n == 0 || c->width > 20 || (v.p[0] != 'u' && v.p[0] != 'v' && v.p[0] != '%'))
        return false;
    c->what = v.p[0];
    *rest = view_from(v, 1);
    return true;
}

bool uidl_check(struct view format, struct error *e)
{
    struct view rest = format, before;
    struct conversion c;
    bool has_uid = false;

    while (view_cut(rest, '%', &before, &rest)) {
        if (!take(&rest, &c)) {
            error_set(e, "4.3.5", "pop3_uidl_format: unknown conversion in \"%.*s\"",
                      VIEW_FMT(format));
            return false;
        }
        has_uid = has_uid || c.what == 'u';
    }
    if (has_uid)
        return true;
    error_set(e, "4.3.5", "pop3_uidl_format: \"%.*s\" lacks %%u", VIEW_FMT(format));
    return false;
}

static void add_number(const struct conversion *c, uint32_t value, struct str *out)
{
    char digits[16];
    int n = snprintf(digits, sizeof digits, c->is_hex ? "%x" : "%u", value);

    for (unsigned i = (unsigned)n; i < c->width; i++)
        str_add_char(out, c->has_zeros ? '0' : '_');
    str_add(out, (struct view){digits, (size_t)n});
}

void uidl_format(struct view format, uint32_t uid, uint32_t uidvalidity, struct str *out)
{
    struct view rest = format, before;
    struct conversion c;
    size_t start = out->n;

    for (;;) {
        bool is_more = view_cut(rest, '%', &before, &rest);
        str_add(out, before);
        if (!is_more || !take(&rest, &c))
            break;
        if (c.what == '%')
            str_add_char(out, '%');
        else
            add_number(&c, c.what == 'u' ? uid : uidvalidity, out);
    }
    if (out->n > start + UIDL_MAX)
        str_truncate(out, start + UIDL_MAX);
}
