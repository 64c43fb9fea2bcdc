/* client - settings of network tables, read and checked */
#include "table/client.h"

#include "base/clock.h"
#include "base/number.h"
#include "table/expand.h"

const char *client_text(const struct client_source *s, const char *name,
                        const char *fallback)
{
    const char *text = s->setting(s, name);

    return text ? text : fallback;
}

/* What is set under NAME is no good. */
static bool bad_setting(const char *name, const char *text, struct error *e)
{
    error_set(e, "4.3.5", "bad %s: \"%s\"", name, text);
    return false;
}

bool client_number(const struct client_source *s, const char *name, int64_t min,
                   int64_t max, int64_t fallback, int64_t *out, struct error *e)
{
    const char *text = client_text(s, name, "");

    *out = fallback;
    return text[0] == '\0' || number_parse_i64(view_of(text), min, max, out) ||
           bad_setting(name, text, e);
}

bool client_time(const struct client_source *s, const char *name, int64_t fallback,
                 int64_t *out, struct error *e)
{
    const char *text = client_text(s, name, "");

    *out = fallback;
    return text[0] == '\0' || number_parse_time(view_of(text), 's', out) ||
           bad_setting(name, text, e);
}

bool client_bool(const struct client_source *s, const char *name, bool fallback,
                 bool *out, struct error *e)
{
    const char *text = client_text(s, name, "");
    struct view v = view_of(text);

    *out = fallback;
    if (v.n == 0)
        return true;
    *out = view_eq_case(v, VIEW("yes"));
    return *out || view_eq_case(v, VIEW("no")) || bad_setting(name, text, e);
}

bool client_query(const struct client_source *s, struct str *out, struct error *e)
{
    const char *field = client_text(s, "select_field", "");
    const char *table = client_text(s, "table", "");
    const char *where = client_text(s, "where_field", "");

    const char *function = client_text(s, "select_function", "");

    str_add_cstr(out, client_text(s, "query", ""));
    if (out->n == 0 && function[0])
        str_addf(out, "SELECT %s('%%s')", function);
    if (out->n == 0 && field[0] && table[0] && where[0])
        str_addf(out, "SELECT %s FROM %s WHERE %s = '%%s' %s", field, table, where,
                 client_text(s, "additional_conditions", ""));
    if (out->n == 0)
        error_set(e, "4.3.5", "no query");
    else if (out->overflow)
        error_set(e, "4.3.5", "query too long");
    else
        return expand_check(str_view(out), "query", e);
    return false;
}
