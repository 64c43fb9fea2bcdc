/* expand - the %-formats of query, query_filter, key_format and result_format */
#include "table/expand.h"

/* A text and its parts. */
struct parts {
    struct view all, user, domain;
    bool is_address;
};

static struct parts split(struct view text)
{
    struct parts p = {.all = text};

    p.is_address = view_rcut(text, '@', &p.user, &p.domain);
    if (!p.is_address)
        p.user = text;
    return p;
}

/* Component NUMBER of the domain, 1 for the last; empty when there are not so many. */
static struct view component(struct view domain, int number)
{
    struct view rest = domain, part = VIEW_NONE;

    for (int i = 0; i < number; i++) {
        if (rest.n == 0)
            return VIEW_NONE;
        if (!view_rcut(rest, '.', &rest, &part)) {
            part = rest;
            rest = VIEW_NONE;
        }
    }
    return part;
}

/* What LETTER stands for in P; false when P has no such part. */
static bool part_for(char letter, const struct parts *p, struct view *out)
{
    switch (letter) {
    case 's':
        *out = p->all;
        return true;
    case 'u':
        *out = p->user;
        return out->n > 0;
    case 'd':
        *out = p->domain;
        return p->is_address && out->n > 0;
    default:
        *out = component(p->domain, letter - '0');
        return p->is_address && out->n > 0;
    }
}

static void quote_nothing(struct view v, struct str *out, void *arg)
{
    (void)arg;
    str_add(out, v);
}

/* Lower-case letters speak of VALUE, capitals and digits of KEY. */
static bool fill(struct view format, const struct parts *key, const struct parts *value,
                 expand_quote_fn *quote, void *arg, struct str *out)
{
    for (size_t i = 0; i < format.n; i++) {
        struct view part;
        char c = format.p[i];
        if (c != '%' || i + 1 == format.n) {
            str_add_char(out, c);
            continue;
        }
        c = format.p[++i];
        if (c == '%') {
            str_add_char(out, '%');
            continue;
        }
        bool of_key =
            ascii_is_upper((unsigned char)c) || ascii_is_digit((unsigned char)c);
        if (!part_for((char)ascii_lower((unsigned char)c), of_key ? key : value, &part))
            return false;
        quote(part, out, arg);
    }
    return !out->overflow;
}

bool expand_check(struct view format, const char *name, struct error *e)
{
    for (size_t i = 0; i + 1 < format.n; i++) {
        if (format.p[i] != '%')
            continue;
        char c = format.p[++i];
        if (!view_has(VIEW("sudSUD%123456789"), c)) {
            error_set(e, "4.3.5", "%s: unknown %%%c", name, c);
            return false;
        }
    }
    return true;
}

bool expand_query(struct view format, struct view key, expand_quote_fn *quote, void *arg,
                  struct str *out)
{
    struct parts parts = split(key);

    return fill(format, &parts, &parts, quote ? quote : quote_nothing, arg, out);
}

bool expand_result(struct view format, struct view key, struct view value,
                   struct str *out)
{
    struct parts of_key = split(key), of_value = split(value);

    return fill(format, &of_key, &of_value, quote_nothing, NULL, out);
}

bool expand_list_add(struct expand_list *l, struct view value, struct error *e)
{
    size_t before = l->out->n;

    if (value.n == 0)
        return true;
    if (before > 0)
        str_add_char(l->out, ',');
    if (!expand_result(l->format, l->key, value, l->out) && !l->out->overflow) {
        str_truncate(l->out, before);
        return true;
    }
    if (l->out->overflow) {
        error_set(e, "4.3.0", "result too long");
        return false;
    }
    if (l->limit > 0 && ++l->n > l->limit) {
        error_set(e, "4.3.0", "result set is too large (expansion_limit)");
        return false;
    }
    return true;
}

void expand_quote_ldap_filter(struct view v, struct str *out, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c == '\0' || c == '*' || c == '(' || c == ')' || c == '\\')
            str_addf(out, "\\%02x", c);
        else
            str_add_char(out, (char)c);
    }
}

void expand_quote_ldap_name(struct view v, struct str *out, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        bool at_edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == v.n && c == ' ');
        if (c == '\0') {
            str_add_cstr(out, "\\00");
            continue;
        }
        if (at_edge || view_has(VIEW("\"+,;<>\\="), c))
            str_add_char(out, '\\');
        str_add_char(out, c);
    }
}

void expand_quote_sql(struct view v, struct str *out, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\'')
            str_add_char(out, '\'');
        str_add_char(out, v.p[i]);
    }
}
