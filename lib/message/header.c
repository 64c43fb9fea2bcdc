/* header - walk and search a header block; see header.h */
#include "header.h"

#include "lines.h"

/* The length of the first line of V with its line end. */
static size_t line_length(struct view v)
{
    const char *lf = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;
    return lf ? (size_t)(lf - v.p) + 1 : v.n;
}

/* Is an empty line at the front of V: its length, or 0. */
static size_t empty_line(struct view v)
{
    if (v.n > 0 && v.p[0] == '\n')
        return 1;
    return v.n > 1 && v.p[0] == '\r' && v.p[1] == '\n' ? 2 : 0;
}

static bool is_continued(struct view v, size_t at)
{
    return at < v.n && (v.p[at] == ' ' || v.p[at] == '\t');
}

/* The length of the first line of V and those that continue it. */
static size_t field_length(struct view v)
{
    size_t n = line_length(v);
    while (is_continued(v, n))
        n += line_length(view_from(v, n));
    return n;
}

struct view message_header(struct view bytes)
{
    size_t at = 0;
    while (at < bytes.n) {
        size_t empty = empty_line(view_from(bytes, at));
        if (empty > 0)
            return view_sub(bytes, 0, at + empty);
        at += line_length(view_from(bytes, at));
    }
    return bytes;
}

/* Where the name at the front of LINE ends, 0 when it is no field; *COLON is the
 * place of the colon. */
static size_t name_length(struct view line, size_t *colon)
{
    size_t n = 0;
    while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':')
        n++;
    *colon = n;
    while (*colon < line.n && (line.p[*colon] == ' ' || line.p[*colon] == '\t'))
        ++*colon;
    return *colon < line.n && line.p[*colon] == ':' ? n : 0;
}

bool message_header_next(struct view *rest, struct message_field *field)
{
    if (rest->n == 0 || empty_line(*rest) > 0)
        return false;
    size_t n = field_length(*rest);
    field->raw = view_sub(*rest, 0, n);
    size_t colon;
    size_t name = name_length(field->raw, &colon);
    field->name = view_sub(field->raw, 0, name);
    field->value =
        view_trim_space(name > 0 ? view_from(field->raw, colon + 1) : field->raw);
    *rest = view_from(*rest, n);
    return true;
}

/* Could the line at the front of V be a field NAME?  Looks at two bytes. */
static bool may_be(struct view v, struct view name)
{
    return v.n > name.n && ascii_lower(v.p[0]) == ascii_lower(name.p[0]) &&
           ascii_lower(v.p[name.n - 1]) == ascii_lower(name.p[name.n - 1]);
}

bool message_header_find(struct view header, struct view name,
                         struct message_field *field)
{
    while (name.n > 0 && header.n > 0 && empty_line(header) == 0) {
        if (!may_be(header, name)) {
            header = view_from(header, line_length(header));
            continue;
        }
        if (!message_header_next(&header, field))
            return false;
        if (view_eq_case(field->name, name))
            return true;
    }
    return false;
}

struct view message_header_value(struct view header, struct view name)
{
    struct message_field field;
    return message_header_find(header, name, &field) ? field.value : VIEW_NONE;
}

void message_header_values(struct view header, const struct view *names, size_t count,
                           struct view *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = VIEW_NONE;
    struct message_field field;
    while (message_header_next(&header, &field))
        for (size_t i = 0; i < count && field.name.n > 0; i++)
            if (values[i].p == NULL && view_eq_case(field.name, names[i]))
                values[i] = field.value;
}

bool message_header_select(struct view header, const struct view *names, size_t count,
                           bool except, struct str *out)
{
    struct message_field field;
    bool ok = true;
    while (ok && message_header_next(&header, &field)) {
        bool listed = false;
        for (size_t i = 0; i < count && !listed; i++)
            listed = view_eq_case(field.name, names[i]);
        if (listed == except)
            continue;
        ok = message_add_crlf(field.raw, out);
        if (field.raw.p[field.raw.n - 1] != '\n')
            ok = str_add(out, VIEW("\r\n")) && ok;
    }
    return ok && str_add(out, VIEW("\r\n"));
}
