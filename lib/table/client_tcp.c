/* client_tcp - tcp:host:port, one line asked and one line answered
 *
 *     get KEY             200 VALUE | 500 not found | 400 try again
 *
 * %, white space and what does not print travel as %XX.  Source: tcp_table(5).
 */
#include "table/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "table/escape.h"
#include "table/wire.h"

enum { TIME_LIMIT = 100, REPLY_MAX = 4096, QUERY_MAX = 64 * 1024 };

struct session {
    const struct client_source *source;
    struct wire wire;
};

static void *open_tcp(const struct client_source *source, struct error *e)
{
    if (strchr(source->name, ':') == NULL) {
        error_set(e, "4.3.5", "bad name: need tcp:host:port");
        return NULL;
    }
    struct session *s = NEW(struct session);
    s->source = source;
    wire_init(&s->wire);
    return s;
}

static void close_tcp(void *session)
{
    struct session *s = session;

    wire_close(&s->wire);
    memory_free(s);
}

/* Ask, and read the line that comes back. */
static bool exchange(struct session *s, struct view request, struct view *reply,
                     struct error *e)
{
    s->wire.deadline = clock_in(TIME_LIMIT * CLOCK_SECOND);
    wire_expire(&s->wire, s->source->idle_max, s->source->life_max);
    if (!wire_is_open(&s->wire) && !wire_open(&s->wire, view_of(s->source->name), e))
        return false;
    return wire_send(&s->wire, request, e) && wire_line(&s->wire, REPLY_MAX, reply, e);
}

/* What the server said. */
static enum table_result take_reply(struct view reply, struct str *out, struct error *e)
{
    struct view text = view_from(reply, 4);

    if (reply.n < 4 || !ascii_is_space((unsigned char)reply.p[3]) ||
        !escape_decode(text, out)) {
        error_set(e, "4.3.0", "malformed reply");
        return TABLE_ERROR;
    }
    if (view_starts(reply, VIEW("200")))
        return TABLE_FOUND;
    if (view_starts(reply, VIEW("500")))
        return TABLE_NOT_FOUND;
    error_set(e, "4.3.0", "server says: %.*s", VIEW_FMT(reply));
    return TABLE_ERROR;
}

static enum table_result get_tcp(void *session, struct view key, struct str *out,
                                 struct error *e)
{
    struct session *s = session;
    struct str request = STR_INIT(QUERY_MAX);
    struct view reply;
    enum table_result result = TABLE_ERROR;

    str_add_cstr(&request, "get ");
    escape_encode(key, &request);
    str_add_char(&request, '\n');
    if (request.overflow)
        error_set(e, "4.3.0", "key too long");
    else if (exchange(s, str_view(&request), &reply, e))
        result = take_reply(reply, out, e);
    if (result == TABLE_ERROR)
        wire_close(&s->wire);
    str_done(&request);
    return result;
}

const struct table_client client_tcp = {.version = CLIENT_VERSION,
                                        .name = "tcp",
                                        .open = open_tcp,
                                        .close = close_tcp,
                                        .get = get_tcp};
