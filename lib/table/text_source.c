/* text_source - the text form of tables */
#include "table/text_source.h"

#include "base/log.h"
#include "base/str.h"
#include "conf/lines.h"

unsigned text_source_bad_lines;

struct source {
    const char *path;
    text_entry_fn *fn;
    void *arg;
    struct str key; /* of an alias, put in normal form */
};

/* A line that is passed over. */
static bool bad_line(const struct source *s, const struct line *line, const char *why)
{
    log_warning("%s, line %u: %s: \"%.*s%s\"", s->path, line->first, why,
                (int)(line->text.n > 30 ? 30 : line->text.n), line->text.p,
                line->text.n > 30 ? "..." : "");
    text_source_bad_lines++;
    return true;
}

/* The length of the key at the front of V: up to white space (or STOP) outside of quotes;
 * VIEW_NPOS when a quote is not closed. */
static size_t key_length(struct view v, char stop)
{
    bool quoted = false;

    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\\' && i + 1 < v.n)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (stop ? c == stop : ascii_is_space((unsigned char)c)))
            return i;
    }
    return quoted ? VIEW_NPOS : v.n;
}

static bool read_map_line(struct source *s, const struct line *line)
{
    size_t n = key_length(line->text, '\0');
    struct view key, value;

    if (n == VIEW_NPOS)
        return bad_line(s, line, "unbalanced '\"' -- ignoring this line");
    key = view_sub(line->text, 0, n);
    value = view_trim_space(view_from(line->text, n));
    if (key.n == 0 || value.n == 0)
        return bad_line(s, line, "expected format: key whitespace value");
    if (view_ends(key, VIEW(":")))
        log_warning("%s, line %u: record is in \"key: value\" format; is this an alias "
                    "file?",
                    s->path, line->first);
    return s->fn(key, value, line->first, s->arg);
}

/* Does NAME need quotes in an address? */
static bool needs_quotes(struct view name)
{
    return view_find_any(name, VIEW(" \t()<>@,;:\\\"[]")) != VIEW_NPOS;
}

/* The name of an alias in the form that look-ups use: quoted when it must be. */
static struct view alias_key(struct source *s, struct view name)
{
    struct view inner;

    if (name.n < 2 || name.p[0] != '"' || name.p[name.n - 1] != '"')
        return name;
    inner = view_sub(name, 1, name.n - 2);
    if (needs_quotes(inner) || inner.n == 0)
        return name;
    str_set(&s->key, inner);
    return str_view(&s->key);
}

static bool read_alias_line(struct source *s, const struct line *line)
{
    size_t n = key_length(line->text, ':');
    struct view name, value;

    if (n == VIEW_NPOS)
        return bad_line(s, line, "unbalanced '\"' -- ignoring this line");
    name = view_trim_space(view_sub(line->text, 0, n));
    value = view_trim_space(view_from(line->text, n + 1));
    if (n >= line->text.n || name.n == 0 || value.n == 0)
        return bad_line(s, line, "need name:value pair");
    return s->fn(alias_key(s, name), value, line->first, s->arg);
}

bool text_source_read(enum text_form form, const char *path, struct view text,
                      text_entry_fn *fn, void *arg)
{
    struct source s = {.path = path, .fn = fn, .arg = arg, .key = STR_INIT(LINES_MAX)};
    struct lines lines;
    struct line line;
    bool go_on = true;

    lines_init(&lines, text);
    while (go_on && lines_next(&lines, &line)) {
        if (line.starts_with_space)
            go_on = bad_line(&s, &line, "logical line must not start with whitespace");
        else if (line.too_long)
            go_on = bad_line(&s, &line, "line too long -- ignoring this line");
        else
            go_on =
                form == TEXT_MAP ? read_map_line(&s, &line) : read_alias_line(&s, &line);
    }
    lines_done(&lines);
    str_done(&s.key);
    return go_on;
}
