/* type_combined - tables made of tables: debug:, unionmap:, pipemap:, randmap:
 *
 * debug:type:name logs every look-up; unionmap:{a,b} joins all answers with commas;
 * pipemap:{a,b} looks up the answer of one in the next; randmap:{x,y} picks one of its
 * words. Source: DATABASE_README.  May suspend as the inner tables do.
 */
#include "base/log.h"
#include "base/memory.h"
#include "table/table_private.h"

#include <sys/random.h>

struct combined {
    struct table **inner;
    struct view *words; /* of randmap */
    size_t n;
};

static void close_combined(struct table *t)
{
    struct combined *m = t->state;

    for (size_t i = 0; m->inner && i < m->n; i++)
        table_close(m->inner[i]);
    memory_free(m->inner);
    memory_free(m->words);
    memory_free(m);
}

/* One table inside. */
static bool open_wrapper(struct table *t, struct error *e)
{
    struct combined *m = NEW(struct combined);

    (void)e;
    m->inner = memory_alloc_array(1, sizeof(struct table *));
    m->inner[0] = table_open_inner(t, t->name);
    m->n = 1;
    t->state = m;
    return true;
}

static enum table_result get_inner(struct table *t, struct view key, struct arena *a,
                                   struct view *value, struct error *e)
{
    struct combined *m = t->state;

    return table_get(m->inner[0], key, a, value, e);
}

static bool walk_debug(struct table *t, table_entry_fn *fn, void *arg, struct error *e)
{
    struct combined *m = t->state;

    return table_walk(m->inner[0], fn, arg, e);
}

static enum table_result get_debug(struct table *t, struct view key, struct arena *a,
                                   struct view *value, struct error *e)
{
    enum table_result result = get_inner(t, key, a, value, e);

    switch (result) {
    case TABLE_FOUND:
        log_info("%.*s lookup: \"%.*s\" = \"%.*s\"", VIEW_FMT(t->name), VIEW_FMT(key),
                 VIEW_FMT(*value));
        break;
    case TABLE_NOT_FOUND:
        log_info("%.*s lookup: \"%.*s\" = \"not_found\"", VIEW_FMT(t->name),
                 VIEW_FMT(key));
        break;
    case TABLE_ERROR:
        log_info("%.*s lookup: \"%.*s\" = \"error\"", VIEW_FMT(t->name), VIEW_FMT(key));
        break;
    }
    return result;
}

/* The words between the outer braces of T's name; NULL with *E when there are none. */
static struct view *take_words(struct table *t, size_t *n, struct error *e)
{
    struct view rest, element;
    struct view *words;

    if (!table_inline_body(t->name, &rest) || rest.n == 0) {
        error_set(e, "4.3.5", "bad syntax: need \"%s:{name, name}\"", t->type->name);
        return NULL;
    }
    words = memory_alloc_array(rest.n / 2 + 1, sizeof *words);
    *n = 0;
    while (conf_list_next(&rest, &element)) {
        struct view body;
        if (element.p[0] == '{' && table_inline_body(element, &body))
            element = body;
        words[(*n)++] = element;
    }
    if (*n == 0) {
        error_set(e, "4.3.5", "no names between the braces");
        memory_free(words);
        return NULL;
    }
    return words;
}

static bool open_list(struct table *t, struct error *e)
{
    size_t n;
    struct view *words = take_words(t, &n, e);

    if (words == NULL)
        return false;
    struct combined *m = NEW(struct combined);
    m->inner = memory_alloc_array(n, sizeof(struct table *));
    for (m->n = 0; m->n < n; m->n++)
        m->inner[m->n] = table_open_inner(t, words[m->n]);
    memory_free(words);
    t->state = m;
    return true;
}

static enum table_result get_union(struct table *t, struct view key, struct arena *a,
                                   struct view *value, struct error *e)
{
    struct combined *m = t->state;
    struct str all = STR_INIT(TABLE_VALUE_MAX);
    enum table_result result = TABLE_NOT_FOUND, one = TABLE_NOT_FOUND;

    for (size_t i = 0; i < m->n && one != TABLE_ERROR; i++) {
        struct view part;
        one = table_get(m->inner[i], key, a, &part, e);
        if (one != TABLE_FOUND)
            continue;
        if (result == TABLE_FOUND)
            str_add_char(&all, ',');
        str_add(&all, part);
        result = TABLE_FOUND;
    }
    if (one != TABLE_ERROR && all.overflow) {
        error_set(e, "4.3.0", "result longer than %zu bytes", TABLE_VALUE_MAX);
        one = TABLE_ERROR;
    }
    *value = result == TABLE_FOUND ? arena_dup(a, str_view(&all)) : VIEW_NONE;
    str_done(&all);
    return one == TABLE_ERROR ? TABLE_ERROR : result;
}

static enum table_result get_pipe(struct table *t, struct view key, struct arena *a,
                                  struct view *value, struct error *e)
{
    struct combined *m = t->state;
    enum table_result result = TABLE_NOT_FOUND;

    for (size_t i = 0; i < m->n; i++) {
        result = table_get(m->inner[i], key, a, value, e);
        if (result != TABLE_FOUND)
            return result;
        key = *value;
    }
    return result;
}

static bool open_random(struct table *t, struct error *e)
{
    size_t n;
    struct view *words = take_words(t, &n, e);

    if (words == NULL)
        return false;
    struct combined *m = NEW(struct combined);
    m->words = words;
    m->n = n;
    t->state = m;
    return true;
}

static enum table_result get_random(struct table *t, struct view key, struct arena *a,
                                    struct view *value, struct error *e)
{
    struct combined *m = t->state;
    uint64_t number;

    (void)key;
    if (getrandom(&number, sizeof number, 0) != sizeof number) {
        error_set_errno(e, "4.3.0", "getrandom");
        return TABLE_ERROR;
    }
    return table_found(a, m->words[number % m->n], value);
}

const struct table_type table_type_debug = {.name = "debug",
                                            .open = open_wrapper,
                                            .close = close_combined,
                                            .get = get_debug,
                                            .walk = walk_debug,
                                            .asks_inner = true};
const struct table_type table_type_unionmap = {.name = "unionmap",
                                               .open = open_list,
                                               .close = close_combined,
                                               .get = get_union,
                                               .asks_inner = true};
const struct table_type table_type_pipemap = {.name = "pipemap",
                                              .open = open_list,
                                              .close = close_combined,
                                              .get = get_pipe,
                                              .asks_inner = true};
const struct table_type table_type_randmap = {
    .name = "randmap", .open = open_random, .close = close_combined, .get = get_random};

bool table_is_pattern(const struct table *t)
{
    if (t->type == NULL)
        return false;
    if (t->type->is_pattern_by_name && t->is_open)
        return t->type->is_pattern_by_name(t);
    if (!t->type->asks_inner || !t->is_open)
        return t->type->is_pattern;
    const struct combined *m = t->state;
    for (size_t i = 0; i < m->n; i++)
        if (table_is_pattern(m->inner[i]))
            return true;
    return false;
}

bool table_combined_check(const struct table *t, struct error *e)
{
    const struct combined *m = t->state;

    for (size_t i = 0; i < m->n; i++)
        if (!table_check(m->inner[i], e))
            return false;
    return true;
}
