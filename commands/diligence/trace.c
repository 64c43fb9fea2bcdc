/* trace - the path of a message, from its Received: headers, oldest first
 *
 * Usage: diligence trace [FILE|-]...  A line a hop: number, time at the hop, delay since
 * the hop before, who gave it to whom.  Times are shown as the hops wrote them; delays
 * count seconds, so clocks that disagree give negative ones.
 */
#include "base/log.h"
#include "base/memory.h"
#include "diligence.h"
#include "format/date.h"
#include "format/header.h"
#include "format/received.h"

#include <errno.h>
#include <stdio.h>

#define HEADER_LIMIT ((size_t)4 * 1024 * 1024)
#define HOPS_LIMIT   1000

struct path {
    struct received hops[HOPS_LIMIT]; /* newest first, as the message has them */
    struct str texts[HOPS_LIMIT];     /* unfolded; the hops point into them */
    size_t n;
};

/* Text from outside on a terminal: printable ASCII only. */
static void put(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        putchar(ascii_is_print(v.p[i]) ? v.p[i] : '?');
}

static void put_named(const char *before, struct view v, const char *after)
{
    if (view_is_empty(v))
        return;
    printf("%s", before);
    put(v);
    printf("%s", after);
}

/* --- times --- */

static void put_time(const struct received *r)
{
    char text[DATE_MAX] = "?";
    time_t shifted = (time_t)(r->seconds + r->offset * 60);
    struct tm tm;

    if (r->has_time && gmtime_r(&shifted, &tm)) {
        tm.tm_gmtoff = r->offset * 60;
        tm.tm_zone = NULL;
        (void)date_format(text, &tm);
    }
    printf("%-31s", text);
}

/* "17s", "5m03s", "2h05m", "3d04h". */
static void format_duration(char out[32], int64_t seconds)
{
    const char *sign = seconds < 0 ? "-" : "";
    int64_t s = seconds < 0 ? -seconds : seconds;

    if (s < 120)
        (void)snprintf(out, 32, "%s%llds", sign, (long long)s);
    else if (s < 7200)
        (void)snprintf(out, 32, "%s%lldm%02llds", sign, (long long)(s / 60),
                       (long long)(s % 60));
    else if (s < 172800)
        (void)snprintf(out, 32, "%s%lldh%02lldm", sign, (long long)(s / 3600),
                       (long long)(s / 60 % 60));
    else
        (void)snprintf(out, 32, "%s%lldd%02lldh", sign, (long long)(s / 86400),
                       (long long)(s / 3600 % 24));
}

static void put_delay(const struct received *r, const struct received *before)
{
    char text[32] = "", delay[40] = "";

    if (before && r->has_time) {
        format_duration(text, r->seconds - before->seconds);
        (void)snprintf(delay, sizeof delay, "%s%s", text[0] == '-' ? "" : "+", text);
    }
    printf(" %8s  ", delay);
}

/* --- hops --- */

/* "name (seen as [address])", as far as the line says. */
static void put_client(const struct received *r)
{
    struct view uid = r->by_comment;
    size_t at = view_find_view(uid, VIEW("from userid "));

    if (view_is_empty(r->from) && view_is_empty(r->from_comment)) {
        if (at != VIEW_NPOS)
            put_named("local user ", view_from(uid, at + strlen("from userid ")), "");
        else if (view_is_empty(r->lead))
            printf("somebody");
        else
            put(r->lead);
        return;
    }
    put(view_is_empty(r->from) ? VIEW("nameless") : r->from);
    if (view_has(r->from_comment, '['))
        put_named(" (", r->from_comment, ")");
    else
        put_named(" [", r->from_comment, "]");
}

static void put_hop(const struct path *path, size_t i, const struct received *before)
{
    const struct received *r = &path->hops[i];

    printf("%zu  ", path->n - i);
    put_time(r);
    put_delay(r, before);
    if (view_is_empty(r->from) && view_is_empty(r->by) && view_is_empty(r->lead)) {
        put(str_view(&path->texts[i])); /* a form that nobody knows: as it is */
        putchar('\n');
        return;
    }
    put_client(r);
    put_named(" -> ", r->by, "");
    put_named(" with ", r->with, "");
    put_named(" id ", r->id, "");
    put_named(" for <", r->recipient, ">");
    putchar('\n');
}

static void print_path(const struct path *path)
{
    const struct received *first = NULL, *before = NULL;
    char text[32];

    if (path->n == 0) {
        printf("no Received: header\n");
        return;
    }
    for (size_t i = path->n; i-- > 0;) {
        put_hop(path, i, before);
        if (path->hops[i].has_time)
            before = &path->hops[i];
        if (!first)
            first = before;
    }
    printf("%zu hop%s", path->n, path->n == 1 ? "" : "s");
    if (first) {
        format_duration(text, before->seconds - first->seconds);
        printf(" in %s", text);
    }
    putchar('\n');
}

/* --- the message --- */

/* All of FILE up to the end of its header, and perhaps some more. */
static bool read_header(FILE *file, struct str *out)
{
    char buffer[1024];
    size_t n;

    while (!out->overflow && (n = fread(buffer, 1, sizeof buffer, file)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (buffer[i] != '\r')
                (void)str_add_char(out, buffer[i]);
        }
        if (view_find_view(str_view(out), VIEW("\n\n")) != VIEW_NPOS)
            break;
    }
    return !ferror(file);
}

static void collect(struct view content, struct path *path)
{
    struct header h;
    struct view rest = content, line, tail;

    if (header_is_mailbox_line(rest) && view_cut(rest, '\n', &line, &tail))
        rest = tail;
    while (path->n < HOPS_LIMIT && header_next(&rest, &h) == HEADER_NEXT_FIELD) {
        if (h.type->id != HEADER_RECEIVED)
            continue;
        struct str *text = &path->texts[path->n];
        str_init(text, HEADER_LIMIT);
        (void)header_unfold(h.body, text);
        if (!received_parse(str_view(text), &path->hops[path->n]))
            path->hops[path->n].lead = VIEW_NONE;
        path->n++;
    }
}

static int trace_file(const char *name)
{
    bool is_stdin = strcmp(name, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(name, "re");
    struct str content = STR_INIT(HEADER_LIMIT);

    if (!file || !read_header(file, &content)) {
        log_error("%s: %s", name, strerror(errno));
        if (file && !is_stdin)
            (void)fclose(file);
        return 1;
    }
    struct path *path = NEW(struct path);
    collect(str_view(&content), path);
    print_path(path);
    for (size_t i = 0; i < path->n; i++)
        str_done(&path->texts[i]);
    memory_free(path);
    str_done(&content);
    if (!is_stdin)
        (void)fclose(file);
    return 0;
}

int trace_messages(struct control *c)
{
    int status = 0;

    if (c->argc == 0)
        return trace_file("-");
    for (int i = 0; i < c->argc; i++)
        status |= trace_file(c->argv[i]);
    return status;
}
