/* query - postmap -q and -s, with -b -h -m -F -j */
#include "postmap.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"
#include "format/base64.h"
#include "format/mime.h"
#include "queue/queue_list.h"
#include "table/table.h"

#include <unistd.h>

enum { STDIN_MAX = 64 << 20 };

/* The tables that stay open while keys are asked. */
static struct table **open_tables(const struct request *r)
{
    struct table **tables = memory_alloc_array(r->n_tables, sizeof(struct table *));
    struct error e = ERROR_INIT;

    for (size_t i = 0; i < r->n_tables; i++) {
        tables[i] = table_open(r->conf, r->tables[i], r->table_flags);
        if (!table_check(tables[i], &e))
            log_fatal("%s", error_cstr(&e));
    }
    return tables;
}

static void close_tables(const struct request *r, struct table **tables)
{
    for (size_t i = 0; i < r->n_tables; i++)
        table_close(tables[i]);
    memory_free(tables);
}

/* -F: VALUE as the text of files that it stands for. */
static bool decode(struct view *value, struct arena *a)
{
    struct str out = STR_INIT(STDIN_MAX);
    bool ok = base64_decode(*value, &out);

    if (ok)
        *value = arena_dup(a, str_view(&out));
    str_done(&out);
    return ok;
}

/* The first answer for KEY. */
static bool find(const struct request *r, struct table **tables, struct view key,
                 struct arena *a, struct view *value)
{
    struct error e = ERROR_INIT;

    for (size_t i = 0; i < r->n_tables; i++) {
        enum table_result result = table_get(tables[i], key, a, value, &e);
        if (result == TABLE_ERROR)
            log_fatal("table %.*s: query error: %s", VIEW_FMT(r->tables[i]),
                      error_cstr(&e));
        if (result == TABLE_NOT_FOUND)
            continue;
        if (value->n == 0)
            log_warning("table %.*s: key %.*s: empty string result is not allowed",
                        VIEW_FMT(r->tables[i]), VIEW_FMT(key));
        if (r->files && !decode(value, a))
            log_fatal("table %.*s: key %.*s: malformed BASE64 value: %.*s",
                      VIEW_FMT(r->tables[i]), VIEW_FMT(key), VIEW_FMT(*value));
        return true;
    }
    return false;
}

static void print_json(struct view key, struct view value)
{
    struct str out = STR_INIT(8 * (size_t)STDIN_MAX);

    str_add_char(&out, '{');
    queue_json_string(key, &out);
    str_add_cstr(&out, ": ");
    queue_json_string(value, &out);
    str_add_cstr(&out, "}\n");
    fwrite(out.p, 1, out.n, stdout);
    str_done(&out);
}

/* "key<tab>value", "key:<tab>value" for aliases, {"key": "value"} for -j. */
static void print_entry(const struct request *r, struct view key, struct view value)
{
    if (r->json) {
        print_json(key, value);
        return;
    }
    printf("%.*s%s", VIEW_FMT(key), r->aliases ? ":\t" : "\t");
    fwrite(value.n ? value.p : "", 1, value.n, stdout);
    fputc('\n', stdout);
}

int query_key(const struct request *r, struct view key)
{
    struct table **tables = open_tables(r);
    struct arena *a = arena_new();
    struct view value;
    bool found = find(r, tables, key, a, &value);

    if (found && r->json)
        print_json(key, value);
    else if (found)
        printf("%.*s\n", (int)value.n, value.n ? value.p : "");
    arena_free(a);
    close_tables(r, tables);
    return found ? 0 : 1;
}

/* State of a message that is read line by line. */
struct reader {
    const struct request *request;
    struct table **tables;
    struct arena *arena;
    bool found;
};

static void ask(struct reader *q, struct view key)
{
    struct view value;

    if (find(q->request, q->tables, key, q->arena, &value)) {
        q->found = true;
        print_entry(q->request, key, value);
    }
    arena_reset(q->arena);
}

static void ask_header(void *context, enum mime_class class,
                       const struct header_type *type, struct view text, size_t offset)
{
    struct reader *q = context;

    (void)class;
    (void)type;
    (void)offset;
    if (q->request->headers)
        ask(q, text);
}

static void ask_body(void *context, struct view line, bool last, size_t offset)
{
    struct reader *q = context;

    (void)last;
    (void)offset;
    if (q->request->body)
        ask(q, line);
}

/* A message: each header with its continuation lines is a key, and each body line. */
static void ask_message(struct reader *q, struct view text)
{
    static const struct mime_events events = {.header = ask_header, .body = ask_body};
    struct mime *m =
        mime_new(q->request->mime ? 0 : MIME_DISABLE, &MIME_LIMITS_DEFAULT, &events, q);
    struct view line;

    while (text.n > 0) {
        view_cut(text, '\n', &line, &text);
        (void)mime_line(m, line, true);
    }
    (void)mime_end(m);
    mime_free(m);
}

int query_stdin(const struct request *r)
{
    struct reader q = {.request = r, .arena = arena_new()};
    struct str text = STR_INIT(STDIN_MAX);
    struct error e = ERROR_INIT;

    q.tables = open_tables(r);
    if (!lines_read_fd(STDIN_FILENO, &text, &e))
        log_fatal("standard input: %s", error_cstr(&e));
    if (r->headers || r->body) {
        ask_message(&q, str_view(&text));
    } else {
        struct view rest = str_view(&text), line;
        while (rest.n > 0) {
            view_cut(rest, '\n', &line, &rest);
            ask(&q, line);
        }
    }
    str_done(&text);
    arena_free(q.arena);
    close_tables(r, q.tables);
    return q.found ? 0 : 1;
}

static bool print_listed(struct view key, struct view value, void *arg)
{
    const struct request *r = arg;
    struct arena *a = arena_new();

    if (r->files && !decode(&value, a))
        log_fatal("key %.*s: malformed BASE64 value: %.*s", VIEW_FMT(key),
                  VIEW_FMT(value));
    print_entry(r, key, value);
    arena_free(a);
    return true;
}

int list_tables(const struct request *r)
{
    struct table **tables = open_tables(r);
    struct error e = ERROR_INIT;
    bool ok = true;
    size_t i;

    for (i = 0; ok && i < r->n_tables; i++)
        ok = table_walk(tables[i], print_listed, (void *)(uintptr_t)r, &e);
    close_tables(r, tables);
    if (!ok)
        log_fatal("table %.*s: %s", VIEW_FMT(r->tables[i - 1]),
                  strcmp(e.status, "4.3.5") == 0 ? "sequence operation is not supported"
                                                 : e.text);
    return 0;
}
