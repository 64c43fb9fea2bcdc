/* screen_memory - the temporary allowlist: when each test of a client is due again
 *
 * postscreen_cache_map: a file of ours, or a table that several hosts share (memcache:,
 * proxy:).  "greet;dnsbl;pipelining;command;newline", seconds since 1970, as Postfix.
 */
#include "screen_private.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "table/cache.h"

struct screen_memory {
    struct cache *file;
    struct table *table;
};

struct screen_memory *screen_memory_open(const struct conf *c, struct error *e)
{
    struct view spec = conf_view(c, P_postscreen_cache_map);
    struct screen_memory *m = NEW(struct screen_memory);
    if (view_starts(spec, VIEW("proxy:")) || view_starts(spec, VIEW("memcache:")) ||
        view_starts(spec, VIEW("redis:")))
        m->table = table_open(c, spec, TABLE_READ_WRITE);
    else
        m->file = cache_open(spec, e);
    if (m->table || m->file)
        return m;
    memory_free(m);
    return NULL;
}

void screen_memory_close(struct screen_memory *m)
{
    if (m && m->file)
        cache_close(m->file);
    if (m && m->table)
        table_close(m->table);
    memory_free(m);
}

const char *screen_writable(struct arena *a, const struct conf *c)
{
    return cache_directory(a, conf_view(c, P_postscreen_cache_map));
}

static bool parse(struct view text, int64_t until[SCREEN_TESTS])
{
    struct view word;
    for (int i = 0; i < SCREEN_TESTS; i++) {
        if (!view_token(&text, VIEW(";"), &word) ||
            !number_parse_i64(word, 0, INT64_MAX / 2, &until[i]))
            return false;
    }
    return true;
}

bool screen_recall(struct screen *s, struct view address, int64_t until[SCREEN_TESTS])
{
    struct view found;
    struct error e = ERROR_INIT;
    struct screen_memory *m = s->memory;
    if (!m)
        return false;
    struct arena *a = arena_new();
    enum table_result got = m->file ? cache_get(m->file, address, a, &found, &e)
                                    : table_get(m->table, address, a, &found, &e);
    if (got == TABLE_ERROR)
        log_warning("postscreen_cache_map: %s", error_cstr(&e));
    bool good = got == TABLE_FOUND && parse(found, until);
    arena_free(a);
    return good;
}

void screen_remember(struct screen *s, struct view address,
                     const int64_t until[SCREEN_TESTS])
{
    struct str text = STR_INIT(256);
    struct error e = ERROR_INIT;
    if (!s->memory)
        return;
    for (int i = 0; i < SCREEN_TESTS; i++)
        str_addf(&text, "%s%lld", i ? ";" : "", (long long)until[i]);
    bool good = s->memory->file
                    ? cache_put(s->memory->file, address, str_view(&text), &e)
                    : table_put(s->memory->table, address, str_view(&text), &e);
    if (!good)
        log_warning("postscreen_cache_map: %s", error_cstr(&e));
    str_done(&text);
}

/* All tests are due, and have been for the time that ARG gives. */
static bool is_old(struct view key, struct view value, void *arg)
{
    int64_t until[SCREEN_TESTS];
    (void)key;
    if (!parse(value, until))
        return true;
    for (int i = 0; i < SCREEN_TESTS; i++)
        if (until[i] >= *(const int64_t *)arg)
            return false;
    return true;
}

void screen_memory_sweep(struct screen *s)
{
    struct cache_sweep count;
    struct error e = ERROR_INIT;
    int64_t limit =
        (clock_wall() - conf_time(s->conf, P_postscreen_cache_retention_time)) /
        CLOCK_SECOND;
    if (!s->memory || !s->memory->file)
        return;
    if (cache_sweep(s->memory->file, is_old, &limit, &count, &e))
        screen_log(s, "cache %s full cleanup: retained=%llu dropped=%llu entries",
                   conf_cstr(s->conf, P_postscreen_cache_map),
                   (unsigned long long)count.kept, (unsigned long long)count.dropped);
    else
        log_warning("postscreen_cache_map: %s", error_cstr(&e));
}
