/* query - postmap -q and -s */
#include "postmap.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"
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
        return true;
    }
    return false;
}

/* "key<tab>value", "key:<tab>value" for aliases. */
static bool print_entry(struct view key, struct view value, void *arg)
{
    const struct request *r = arg;

    fwrite(key.p, 1, key.n, stdout);
    fputs(r->aliases ? ":\t" : "\t", stdout);
    fwrite(value.p, 1, value.n, stdout);
    fputc('\n', stdout);
    return true;
}

int query_key(const struct request *r, struct view key)
{
    struct table **tables = open_tables(r);
    struct arena *a = arena_new();
    struct view value;
    bool found = find(r, tables, key, a, &value);

    if (found)
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
        print_entry(key, value, (void *)(uintptr_t)q->request);
    }
    arena_reset(q->arena);
}

/* Is LINE the start of a header: a name of printable characters and a colon? */
static bool is_header(struct view line)
{
    size_t colon = view_find(line, ':');

    if (colon == VIEW_NPOS || colon == 0)
        return false;
    for (size_t i = 0; i < colon; i++)
        if (!ascii_is_print((unsigned char)line.p[i]) || line.p[i] == ' ')
            return false;
    return true;
}

/* A message: each header with its continuation lines is a key, then each body line. */
static void ask_message(struct reader *q, struct view text)
{
    struct view line, rest;
    bool in_headers = true;

    while (text.n > 0) {
        view_cut(text, '\n', &line, &rest);
        if (in_headers && is_header(line)) {
            while (rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t')) {
                struct view more;
                view_cut(rest, '\n', &more, &rest);
                line.n = (size_t)(more.p + more.n - line.p);
            }
            if (q->request->headers)
                ask(q, line);
        } else {
            in_headers = false;
            if (!q->request->body)
                return;
            ask(q, line);
        }
        text = rest;
    }
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

int list_tables(const struct request *r)
{
    struct table **tables = open_tables(r);
    struct error e = ERROR_INIT;

    for (size_t i = 0; i < r->n_tables; i++)
        if (!table_walk(tables[i], print_entry, (void *)(uintptr_t)r, &e))
            log_fatal("%s", error_cstr(&e));
    close_tables(r, tables);
    return 0;
}
