/* build - postmap without -q or -s, and -d; values of files (-F) */
#include "postmap.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"
#include "format/base64.h"
#include "table/indexed.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STDIN_MAX = 64 << 20, FILES_MAX = 64 << 20 };

__attribute__((noreturn)) static void refuse_type(struct view type)
{
    for (size_t i = 0; table_type_name(i); i++)
        if (view_eq(type, view_of(table_type_name(i))))
            log_fatal("unsupported dictionary type: %.*s does not support bulk-mode "
                      "creation.",
                      VIEW_FMT(type));
    log_fatal("unsupported dictionary type: %.*s. Is the postfix-%.*s package installed?",
              VIEW_FMT(type), VIEW_FMT(type));
}

/* Type and path of a table that can be written; ends the program when it cannot. */
static const char *split(struct view spec, struct arena *a, struct view *type)
{
    struct view path;

    view_cut(spec, ':', type, &path);
    if (!indexed_is_type(*type))
        refuse_type(*type);
    return arena_cstr(a, path);
}

/* -F: VALUE names files; what they hold, a newline between them, becomes the value. */
static bool read_files(struct view *value, struct arena *a, struct error *e, void *arg)
{
    struct str text = STR_INIT(FILES_MAX), encoded = STR_INIT(2 * (size_t)FILES_MAX);
    struct view names = *value, name;
    bool ok = true, is_first = true;

    (void)arg;
    while (ok && view_token(&names, VIEW(", \t\r\n"), &name)) {
        if (!is_first)
            str_add_char(&text, '\n');
        is_first = false;
        ok = lines_read_file(arena_cstr(a, name), &text, e);
    }
    ok = ok && base64_encode(str_view(&text), &encoded);
    if (ok)
        *value = arena_dup(a, str_view(&encoded));
    str_done(&text);
    str_done(&encoded);
    return ok;
}

int build_tables(const struct request *r)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;

    umask(022);
    for (size_t i = 0; i < r->n_tables; i++) {
        struct view type;
        const char *path = split(r->tables[i], a, &type);
        bool ok =
            r->files ? indexed_build_values(r->conf, type, path, r->build_flags,
                                            read_files, NULL, &e)
                     : indexed_build(r->conf, type, path, r->aliases, r->build_flags, &e);
        if (!ok)
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

/* End the program when there is nothing to delete from. */
static void need_index(struct view type, const char *path)
{
    struct str name = STR_INIT(PATH_MAX);
    const char *suffix = view_eq(type, VIEW("lmdb"))  ? ".lmdb"
                         : view_eq(type, VIEW("cdb")) ? ".cdb"
                                                      : ".db";
    struct stat st;

    str_addf(&name, "%s%s", path, suffix);
    if (stat(str_cstr(&name), &st) != 0)
        log_fatal("open database %s: %s", str_cstr(&name), strerror(errno));
    str_done(&name);
}

/* As split(), for tables that are changed in place. */
static const char *split_to_change(struct view spec, struct arena *a, struct view *type)
{
    struct view path;

    view_cut(spec, ':', type, &path);
    if (!indexed_is_type(*type))
        log_fatal("%.*s map requires O_RDONLY access mode", VIEW_FMT(spec));
    return split(spec, a, type);
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
        const char *path = split_to_change(r->tables[i], a, &type);
        need_index(type, path);
        if (!indexed_delete(r->conf, type, path, keys, n, r->build_flags, &deleted, &e))
            log_fatal("%s", error_cstr(&e));
        total += deleted;
    }
    memory_free(keys);
    str_done(&text);
    arena_free(a);
    return total > 0 ? 0 : 1;
}
