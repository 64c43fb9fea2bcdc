/* client_socketmap - socketmap:inet:host:port:name and socketmap:unix:path:name
 *
 * Question and answer are netstrings: "name key" and "OK value", "NOTFOUND ", "TEMP why",
 * "TIMEOUT why", "PERM why".  Source: socketmap_table(5).
 */
#include "table/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"
#include "table/wire.h"

enum { TIME_LIMIT = 100, LENGTH_DIGITS = 10 };

struct session {
    const struct client_source *source;
    struct view endpoint, map;
    struct wire wire;
};

static void *open_socketmap(const struct client_source *source, struct error *e)
{
    struct view name = view_of(source->name), endpoint, map;

    if (!view_rcut(name, ':', &endpoint, &map) || map.n == 0 ||
        !(view_starts(endpoint, VIEW("inet:")) || view_starts(endpoint, VIEW("unix:")))) {
        error_set(e, "4.3.5",
                  "bad name: need socketmap:inet:host:port:name or "
                  "socketmap:unix:path:name");
        return NULL;
    }
    struct session *s = NEW(struct session);
    *s = (struct session){.source = source, .endpoint = endpoint, .map = map};
    wire_init(&s->wire);
    return s;
}

static void close_socketmap(void *session)
{
    struct session *s = session;

    wire_close(&s->wire);
    memory_free(s);
}

/* "length:bytes,", the bytes appended to OUT. */
static bool read_netstring(struct session *s, struct str *out, struct error *e)
{
    struct str digits = STR_INIT(LENGTH_DIGITS + 1), comma = STR_INIT(1);
    uint64_t length = 0;
    bool ok = false;

    while (digits.n < LENGTH_DIGITS && wire_bytes(&s->wire, 1, &digits, e)) {
        if (digits.p[digits.n - 1] != ':')
            continue;
        digits.n--;
        ok = number_parse_u64(str_view(&digits), 0, (uint64_t)s->source->reply_max,
                              &length) &&
             wire_bytes(&s->wire, (size_t)length, out, e) &&
             wire_bytes(&s->wire, 1, &comma, e) && comma.p[0] == ',';
        break;
    }
    if (!ok && !error_is_set(e))
        error_set(e, "4.3.0", "malformed reply, or longer than %lld bytes",
                  (long long)s->source->reply_max);
    str_done(&digits);
    str_done(&comma);
    return ok;
}

static bool exchange(struct session *s, struct view request, struct str *reply,
                     struct error *e)
{
    s->wire.deadline = clock_in(TIME_LIMIT * CLOCK_SECOND);
    wire_expire(&s->wire, s->source->idle_max, s->source->life_max);
    if (!wire_is_open(&s->wire) && !wire_open(&s->wire, s->endpoint, e))
        return false;
    return wire_send(&s->wire, request, e) && read_netstring(s, reply, e);
}

static enum table_result take_reply(struct view reply, struct str *out, struct error *e)
{
    struct view word, text;

    (void)view_cut(reply, ' ', &word, &text);
    if (view_eq(word, VIEW("OK"))) {
        str_add(out, text);
        return TABLE_FOUND;
    }
    if (view_eq(word, VIEW("NOTFOUND")))
        return TABLE_NOT_FOUND;
    if (view_eq(word, VIEW("TEMP")) || view_eq(word, VIEW("TIMEOUT")) ||
        view_eq(word, VIEW("PERM")))
        error_set(e, "4.3.0", "server says: %.*s", VIEW_FMT(reply));
    else
        error_set(e, "4.3.0", "unexpected reply: %.*s", VIEW_FMT(reply));
    return TABLE_ERROR;
}

static enum table_result get_socketmap(void *session, struct view key, struct str *out,
                                       struct error *e)
{
    struct session *s = session;
    size_t length = s->map.n + 1 + key.n;
    struct str request = STR_INIT(length + 32), reply = STR_INIT(CLIENT_VALUE_MAX);
    enum table_result result = TABLE_ERROR;

    str_addf(&request, "%zu:", length);
    str_add(&request, s->map);
    str_add_char(&request, ' ');
    str_add(&request, key);
    str_add_char(&request, ',');
    if (length > (size_t)s->source->query_max)
        error_set(e, "4.3.0", "query longer than %lld bytes (socketmap_max_query_size)",
                  (long long)s->source->query_max);
    else if (exchange(s, str_view(&request), &reply, e))
        result = take_reply(str_view(&reply), out, e);
    else
        wire_close(&s->wire);
    str_done(&request);
    str_done(&reply);
    return result;
}

const struct table_client client_socketmap = {.version = CLIENT_VERSION,
                                              .name = "socketmap",
                                              .open = open_socketmap,
                                              .close = close_socketmap,
                                              .get = get_socketmap};
