/* template_file - the parser of bounce_template_file; see template.h and bounce(5)
 */
#include "dsn/template.h"

#include "base/log.h"
#include "format/header.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1 << 20)

/* Where the reader is. */
struct reader {
    const char *name;
    struct view rest;
    unsigned line;
};

static bool next_line(struct reader *r, struct view *line)
{
    if (view_is_empty(r->rest))
        return false;
    view_cut(r->rest, '\n', line, &r->rest);
    if (view_ends(*line, VIEW("\r")))
        line->n--;
    r->line++;
    return true;
}

/* "failure_template = <<EOF": NAME and END; false after a warning. */
static bool parse_opening(const struct reader *r, struct view line, struct view *name,
                          struct view *end)
{
    struct view value;
    bool is_assignment = view_cut(line, '=', name, &value);
    *name = view_trim_space(*name);
    value = view_trim_space(value);
    if (!is_assignment || !view_starts(value, VIEW("<<"))) {
        log_warning("%s, line %u: expecting \"name = <<END\": \"%.*s\"", r->name, r->line,
                    VIEW_FMT(line));
        return false;
    }
    *end = view_trim_space(view_from(value, 2));
    if (view_is_empty(*end)) {
        log_warning("%s, line %u: missing end marker after <<", r->name, r->line);
        return false;
    }
    for (size_t i = 0; i < end->n; i++) {
        if (!ascii_is_alnum(end->p[i]) && end->p[i] != '_') {
            log_warning("%s, line %u: malformed end marker after <<", r->name, r->line);
            return false;
        }
    }
    return true;
}

/* All up to the line END, without it. */
static bool take_body(struct reader *r, struct view end, struct view *body)
{
    const char *start = r->rest.p;
    struct view line;
    unsigned opened_at = r->line;
    while (next_line(r, &line)) {
        if (view_eq(line, end)) {
            *body = (struct view){start, (size_t)(line.p - start)};
            return true;
        }
    }
    log_warning("%s, line %u: missing \"%.*s\" end marker", r->name, opened_at,
                VIEW_FMT(end));
    return false;
}

/* Put the header of a template where it belongs; false after a warning. */
static bool take_header(const char *file, enum dsn_kind kind, struct view name,
                        struct view value, struct dsn_template *t)
{
    const char *what = dsn_kind_name(kind);
    struct view *place = NULL;
    if (view_eq_case(name, VIEW("charset")))
        place = &t->charset;
    else if (view_eq_case(name, VIEW("from")))
        place = &t->from;
    else if (view_eq_case(name, VIEW("subject")))
        place = &t->subject;
    else if (view_eq_case(name, VIEW("postmaster-subject")))
        place = &t->postmaster_subject;
    if (!place) {
        log_warning(
            "%s: unknown \"%.*s\" header label in %s template -- ignoring this template",
            file, VIEW_FMT(name), what);
        return false;
    }
    if (place == &t->postmaster_subject && kind != DSN_FAILURE && kind != DSN_DELAY) {
        log_warning("%s: inapplicable \"%.*s\" header label in %s template -- ignoring "
                    "this template",
                    file, VIEW_FMT(name), what);
        return false;
    }
    if (view_is_empty(value)) {
        log_warning(
            "%s: empty \"%.*s\" header value in %s template -- ignoring this template",
            file, VIEW_FMT(name), what);
        return false;
    }
    if (!view_is_ascii(value) || view_has(value, '\0')) {
        log_warning("%s: non-ASCII \"%.*s\" header value in %s template -- ignoring this "
                    "template",
                    file, VIEW_FMT(name), what);
        return false;
    }
    *place = value;
    return true;
}

/* Headers, then the text, at BODY. */
static bool parse_template(const char *file, enum dsn_kind kind, struct view body,
                           struct dsn_template *t)
{
    while (!view_is_empty(body)) {
        struct view line, rest;
        view_cut(body, '\n', &line, &rest);
        line = view_trim(line, VIEW("\r"));
        size_t name = header_name_length(line);
        if (name == 0) { /* a blank line, or no header at all */
            body = view_is_empty(view_trim_space(line)) ? rest : body;
            break;
        }
        struct view value = view_from(line, view_find(line, ':') + 1);
        if (!take_header(file, kind, view_sub(line, 0, name), view_trim_space(value), t))
            return false;
        body = rest;
    }
    if (view_is_empty(body)) {
        log_warning("%s: missing message text in %s template -- ignoring this template",
                    file, dsn_kind_name(kind));
        return false;
    }
    if (view_eq_case(t->charset, VIEW("us-ascii")) && !view_is_ascii(body)) {
        log_warning(
            "%s: 8-bit message text in %s template -- ignoring this template; please "
            "specify a charset value",
            file, dsn_kind_name(kind));
        return false;
    }
    t->text = body;
    return true;
}

void dsn_templates_parse(struct dsn_templates *t, const char *name, struct view text)
{
    struct reader r = {.name = name, .rest = text};
    struct view line;
    while (next_line(&r, &line)) {
        struct view label, end, body, kind_name = view_trim_space(line);
        enum dsn_kind kind;
        if (view_is_empty(kind_name) || kind_name.p[0] == '#')
            continue;
        if (!parse_opening(&r, line, &label, &end))
            continue;
        unsigned line_number = r.line;
        if (!take_body(&r, end, &body))
            return;
        kind_name = view_sub(label, 0, label.n - (label.n > 9 ? 9 : 0));
        if (!view_ends(label, VIEW("_template")) || !dsn_kind_parse(kind_name, &kind)) {
            log_warning(
                "%s, line %u: unknown template name: %.*s -- ignoring this template",
                name, line_number, VIEW_FMT(label));
            continue;
        }
        struct dsn_template new = t->kind[kind];
        if (parse_template(name, kind, body, &new))
            t->kind[kind] = new;
    }
}

/* All of FD, at most FILE_MAX_BYTES. */
static bool read_file(int fd, struct str *out)
{
    char piece[1024];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        if (!str_add(out, (struct view){piece, (size_t)n})) {
            errno = EFBIG;
            return false;
        }
    }
}

bool dsn_templates_load(struct dsn_templates *t, const struct conf *c, struct arena *a,
                        struct error *e)
{
    const char *path = conf_cstr(c, P_bounce_template_file);
    dsn_templates_default(
        t, view_eq_case(conf_view(c, P_header_from_format), VIEW("obsolete")));
    if (*path == '\0')
        return true;
    if (*path != '/')
        path = arena_cstr(a, arena_printf(a, "%s/%s", conf_directory(c), path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(e, "4.3.5", "open bounce_template_file %s", path);
        return false;
    }
    struct str text = STR_INIT(FILE_MAX_BYTES);
    bool ok = read_file(fd, &text);
    if (ok)
        dsn_templates_parse(t, path, arena_dup(a, str_view(&text)));
    else
        error_set_errno(e, "4.3.5", "read bounce_template_file %s", path);
    str_done(&text);
    close(fd);
    return ok;
}
