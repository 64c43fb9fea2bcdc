/* build - postmap without -q or -s, and -d */
#include "postmap.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"
#include "table/indexed.h"

#include <sys/stat.h>
#include <unistd.h>

enum { STDIN_MAX = 64 << 20 };

/* Type and path of a table that can be written; ends the program when it cannot. */
static const char *split(struct view spec, struct arena *a, struct view *type)
{
    struct view path;

    view_cut(spec, ':', type, &path);
    if (!indexed_is_type(*type))
        log_fatal("unsupported map type for this operation: %.*s", VIEW_FMT(*type));
    return arena_cstr(a, path);
}

int build_tables(const struct request *r)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;

    umask(022);
    for (size_t i = 0; i < r->n_tables; i++) {
        struct view type;
        const char *path = split(r->tables[i], a, &type);
        if (!indexed_build(r->conf, type, path, r->aliases, r->build_flags, &e))
            log_fatal("%s", error_cstr(&e));
    }
    arena_free(a);
    return 0;
}

/* The keys: KEY, or the lines of standard input for "-". */
static struct view *collect_keys(const char *key, struct str *text, size_t *n)
{
    struct error e = ERROR_INIT;
    struct view *keys, rest, line;

    *n = 0;
    if (strcmp(key, "-") != 0)
        str_add_cstr(text, key);
    else if (!lines_read_fd(STDIN_FILENO, text, &e))
        log_fatal("standard input: %s", error_cstr(&e));
    rest = str_view(text);
    keys = memory_alloc_array(rest.n + 1, sizeof *keys);
    if (strcmp(key, "-") != 0) {
        keys[(*n)++] = rest;
        return keys;
    }
    while (rest.n > 0) {
        view_cut(rest, '\n', &line, &rest);
        keys[(*n)++] = line;
    }
    return keys;
}

int delete_keys(const struct request *r, const char *key)
{
    struct arena *a = arena_new();
    struct str text = STR_INIT(STDIN_MAX);
    struct error e = ERROR_INIT;
    size_t n, deleted, total = 0;
    struct view *keys = collect_keys(key, &text, &n);

    for (size_t i = 0; i < r->n_tables; i++) {
        struct view type;
        const char *path = split(r->tables[i], a, &type);
        if (!indexed_delete(r->conf, type, path, keys, n, r->build_flags, &deleted, &e))
            log_fatal("%s", error_cstr(&e));
        total += deleted;
    }
    memory_free(keys);
    str_done(&text);
    arena_free(a);
    return total > 0 ? 0 : 1;
}
