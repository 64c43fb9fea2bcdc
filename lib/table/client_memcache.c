/* client_memcache - memcache:file, the text protocol of memcached
 *
 * Settings: memcache (inet:localhost:11211), backup (network.c), key_format, flags, ttl,
 * data_size_limit, line_size_limit, max_try, retry_pause, timeout, domain.  A key that
 * the protocol cannot carry is not found.  Source: memcache_table(5), protocol.txt of
 * memcached.
 */
#include "table/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"
#include "table/expand.h"
#include "table/wire.h"

#include <unistd.h>

enum { KEY_MAX = 250 };

struct session {
    const struct client_source *source;
    struct view server, key_format;
    int64_t flags, ttl, data_max, line_max, tries, pause, timeout;
    struct wire wire;
};

static bool take_settings(struct session *s, struct error *e)
{
    const struct client_source *from = s->source;

    s->server = view_of(client_text(from, "memcache", "inet:localhost:11211"));
    s->key_format = view_of(client_text(from, "key_format", "%s"));
    return client_number(from, "flags", 0, UINT32_MAX, 0, &s->flags, e) &&
           client_number(from, "ttl", 0, INT32_MAX, 3600, &s->ttl, e) &&
           client_number(from, "data_size_limit", 1, CLIENT_VALUE_MAX, 10240,
                         &s->data_max, e) &&
           client_number(from, "line_size_limit", 1, 65536, 1024, &s->line_max, e) &&
           client_number(from, "max_try", 1, 100, 2, &s->tries, e) &&
           client_time(from, "retry_pause", CLOCK_SECOND, &s->pause, e) &&
           client_time(from, "timeout", 2 * CLOCK_SECOND, &s->timeout, e) &&
           expand_check(s->key_format, "key_format", e);
}

static void close_memcache(void *session)
{
    struct session *s = session;

    wire_close(&s->wire);
    memory_free(s);
}

static void *open_memcache(const struct client_source *source, struct error *e)
{
    struct session *s = NEW(struct session);

    s->source = source;
    wire_init(&s->wire);
    if (take_settings(s, e))
        return s;
    close_memcache(s);
    return NULL;
}

/* The key as the server knows it; false when there is none. */
static bool make_key(const struct session *s, struct view key, struct str *out)
{
    if (!expand_query(s->key_format, key, NULL, NULL, out) || out->n == 0)
        return false;
    for (size_t i = 0; i < out->n; i++)
        if ((unsigned char)out->p[i] <= ' ' || out->p[i] == 0x7f)
            return false;
    return true;
}

/* Send REQUEST and read one line. */
static bool exchange(struct session *s, struct view request, struct view *line,
                     struct error *e)
{
    return wire_send(&s->wire, request, e) &&
           wire_line(&s->wire, (size_t)s->line_max, line, e);
}

/* Behind "VALUE key flags bytes": the data, and END. */
static enum table_result read_value(struct session *s, struct view line, struct str *out,
                                    struct error *e)
{
    struct str end = STR_INIT(2);
    struct view word, tail;
    uint64_t length = 0;
    bool ok;

    for (int i = 0; i < 4; i++)
        (void)view_token(&line, VIEW(" "), &word);
    if (!number_parse_u64(word, 0, (uint64_t)s->data_max, &length)) {
        error_set(e, "4.3.0", "reply too long (data_size_limit), or malformed");
        return TABLE_ERROR;
    }
    ok = wire_bytes(&s->wire, (size_t)length, out, e) &&
         wire_bytes(&s->wire, 2, &end, e) &&
         wire_line(&s->wire, (size_t)s->line_max, &tail, e);
    str_done(&end);
    if (ok && view_eq(tail, VIEW("END")))
        return TABLE_FOUND;
    if (ok)
        error_set(e, "4.3.0", "malformed reply");
    return TABLE_ERROR;
}

static enum table_result get_once(struct session *s, struct view key, struct str *out,
                                  struct error *e)
{
    struct str request = STR_INIT(KEY_MAX + 10);
    struct view line;
    enum table_result result = TABLE_ERROR;

    str_addf(&request, "get %.*s\r\n", VIEW_FMT(key));
    if (exchange(s, str_view(&request), &line, e)) {
        if (view_eq(line, VIEW("END")))
            result = TABLE_NOT_FOUND;
        else if (view_starts(line, VIEW("VALUE ")))
            result = read_value(s, line, out, e);
        else
            error_set(e, "4.3.0", "server says: %.*s", VIEW_FMT(line));
    }
    str_done(&request);
    return result;
}

static bool put_once(struct session *s, struct view key, const struct view *value,
                     struct error *e)
{
    struct str request = STR_INIT(CLIENT_VALUE_MAX + 2 * KEY_MAX);
    struct view line;
    bool ok = false;

    if (value) {
        str_addf(&request, "set %.*s %lld %lld %zu\r\n", VIEW_FMT(key),
                 (long long)s->flags, (long long)s->ttl, value->n);
        str_add(&request, *value);
        str_add_cstr(&request, "\r\n");
    } else {
        str_addf(&request, "delete %.*s\r\n", VIEW_FMT(key));
    }
    if (exchange(s, str_view(&request), &line, e)) {
        ok = view_eq(line, VIEW("STORED")) || view_eq(line, VIEW("DELETED")) ||
             view_eq(line, VIEW("NOT_FOUND"));
        if (!ok)
            error_set(e, "4.3.0", "server says: %.*s", VIEW_FMT(line));
    }
    str_done(&request);
    return ok;
}

/* One try: connected, within the time limit.  OUT NULL: store VALUE. */
static enum table_result try_once(struct session *s, struct view key,
                                  const struct view *value, struct str *out,
                                  struct error *e)
{
    enum table_result result = TABLE_ERROR;

    s->wire.deadline = clock_in(s->timeout);
    wire_expire(&s->wire, s->source->idle_max, s->source->life_max);
    if (!wire_is_open(&s->wire) && !wire_open(&s->wire, s->server, e))
        return TABLE_ERROR;
    if (out)
        result = get_once(s, key, out, e);
    else
        result = put_once(s, key, value, e) ? TABLE_FOUND : TABLE_ERROR;
    return result;
}

/* A server that takes no connection is not asked again. */
static enum table_result try_often(struct session *s, struct view key,
                                   const struct view *value, struct str *out,
                                   struct error *e)
{
    enum table_result result = TABLE_ERROR;
    bool was_open = true;

    for (int64_t i = 0; i < s->tries && result == TABLE_ERROR && was_open; i++) {
        if (i > 0)
            (void)usleep((useconds_t)s->pause);
        error_clear(e);
        if (out)
            str_clear(out);
        result = try_once(s, key, value, out, e);
        was_open = wire_is_open(&s->wire);
        if (result == TABLE_ERROR)
            wire_close(&s->wire);
    }
    return result;
}

static enum table_result get_memcache(void *session, struct view key, struct str *out,
                                      struct error *e)
{
    struct str name = STR_INIT(KEY_MAX);
    enum table_result result = TABLE_NOT_FOUND;

    if (make_key(session, key, &name))
        result = try_often(session, str_view(&name), NULL, out, e);
    str_done(&name);
    return result;
}

static bool put_memcache(void *session, struct view key, const struct view *value,
                         struct error *e)
{
    struct session *s = session;
    struct str name = STR_INIT(KEY_MAX);
    bool ok = true;

    if (make_key(s, key, &name))
        ok = try_often(s, str_view(&name), value, NULL, e) == TABLE_FOUND;
    else
        s->source->warn(s->source, "update of \"%.*s\" skipped: no usable key",
                        VIEW_FMT(key));
    str_done(&name);
    return ok;
}

const struct table_client client_memcache = {.version = CLIENT_VERSION,
                                             .name = "memcache",
                                             .has_file = true,
                                             .open = open_memcache,
                                             .close = close_memcache,
                                             .get = get_memcache,
                                             .put = put_memcache};
