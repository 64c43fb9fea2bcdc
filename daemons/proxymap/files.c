/* files - tables in files that proxywrite keeps: proxy:btree:/path and its kin
 *
 * Several processes must not write one file: here one process does it for all
 * (smtp_sasl_auth_cache_name).  A file is opened, or made, when it is first asked for; an
 * entry that was taken out stays as an empty one.
 */
#include "proxymap.h"

#include "table/cache.h"

const char *const *proxymap_directories(const struct proxymap *p)
{
    /* Lives as long as the process. */
    static const char *items[MOST_DIRECTORIES + 1];
    static struct arena *arena;
    struct view spec;
    size_t position = 0, n = 0;
    void *value;

    if (arena == NULL)
        arena = arena_new();
    while (n < MOST_DIRECTORIES && hash_next(p->approved, &position, &spec, &value)) {
        const char *directory = cache_directory(arena, spec);
        if (directory != NULL)
            items[n++] = directory;
    }
    items[n] = NULL;
    return items;
}

bool proxymap_is_file(const struct proxymap *p, struct view spec)
{
    struct arena *a = arena_new();
    bool is_file = p->writes && cache_directory(a, spec) != NULL;

    arena_free(a);
    return is_file;
}

static struct cache *find(struct proxymap *p, struct view spec, struct error *e)
{
    struct cache *c = hash_get(p->files, spec);

    if (c == NULL && (c = cache_open(spec, e)) != NULL)
        (void)hash_put(p->files, spec, c);
    return c;
}

enum table_result proxymap_file_get(struct proxymap *p, struct view spec, struct view key,
                                    struct arena *a, struct view *value, struct error *e)
{
    struct cache *c = find(p, spec, e);
    enum table_result found = c ? cache_get(c, key, a, value, e) : TABLE_ERROR;

    return found == TABLE_FOUND && value->n == 0 ? TABLE_NOT_FOUND : found;
}

enum table_result proxymap_file_put(struct proxymap *p, struct view spec, struct view key,
                                    struct view value, struct error *e)
{
    struct cache *c = find(p, spec, e);

    return c && cache_put(c, key, value, e) ? TABLE_FOUND : TABLE_ERROR;
}
