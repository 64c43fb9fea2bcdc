/* client_redis - redis:file, values in a Redis (or Valkey) server
 *
 * A type of our own.  The file has the form of main.cf, with these settings:
 *
 *   server (inet:127.0.0.1:6379)  inet:host:port or unix:/path
 *   user, password                AUTH, when there is a password; user may be left out
 *   database (0)                  number of the database
 *   command (GET %s)              what is sent, a word at a time; each word may have %s
 *                                 %u %d %1 ... %9 of the key, as query in mysql_table(5);
 *                                 nothing needs quotes: "HGET aliases %u", "SMEMBERS %s"
 *   result_format (%s), expansion_limit (0), domain
 *                                 as in mysql_table(5); a list (SMEMBERS, LRANGE) gives
 *                                 its members with commas between
 *   store_format (%s), ttl (0)    key and life (seconds; 0: for ever) of what Diligence
 *                                 itself writes
 *   timeout (2)                   seconds for a question and its answer
 *
 * No such key: not found.  Anything else than a value is an error and defers mail.
 * Source: the RESP2 protocol, redis.io/docs/reference/protocol-spec.
 */
#include "table/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"
#include "table/expand.h"
#include "table/wire.h"

enum { LINE_MAX_BYTES = 1024, MEMBERS_MAX = 100000, REQUEST_MAX = 2 * 1024 * 1024 };

struct session {
    const struct client_source *source;
    struct view server, command, result_format, store_format;
    const char *user, *password;
    int64_t database, expansion_limit, ttl, timeout;
    struct wire wire;
};

static bool take_settings(struct session *s, struct error *e)
{
    const struct client_source *from = s->source;

    s->server = view_of(client_text(from, "server", "inet:127.0.0.1:6379"));
    s->command = view_of(client_text(from, "command", "GET %s"));
    s->result_format = view_of(client_text(from, "result_format", "%s"));
    s->store_format = view_of(client_text(from, "store_format", "%s"));
    s->user = client_text(from, "user", "");
    s->password = client_text(from, "password", "");
    return client_number(from, "database", 0, INT32_MAX, 0, &s->database, e) &&
           client_number(from, "expansion_limit", 0, INT32_MAX, 0, &s->expansion_limit,
                         e) &&
           client_number(from, "ttl", 0, INT32_MAX, 0, &s->ttl, e) &&
           client_time(from, "timeout", 2 * CLOCK_SECOND, &s->timeout, e) &&
           expand_check(s->command, "command", e) &&
           expand_check(s->result_format, "result_format", e) &&
           expand_check(s->store_format, "store_format", e);
}

static void close_redis(void *session)
{
    struct session *s = session;

    wire_close(&s->wire);
    memory_free(s);
}

static void *open_redis(const struct client_source *source, struct error *e)
{
    struct session *s = NEW(struct session);

    s->source = source;
    wire_init(&s->wire);
    if (take_settings(s, e))
        return s;
    close_redis(s);
    return NULL;
}

/* --- requests: an array of byte strings --- */

static void add_word(struct str *request, struct view word)
{
    str_addf(request, "$%zu\r\n", word.n);
    str_add(request, word);
    str_add_cstr(request, "\r\n");
}

static void add_words(struct str *request, const char *const *words, size_t n)
{
    str_addf(request, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++)
        add_word(request, view_of(words[i]));
}

/* The command with KEY in its words; false when a part that it wants is missing. */
static bool make_request(struct view command, struct view key, struct str *request)
{
    struct view rest = command, word;
    struct str filled = STR_INIT(REQUEST_MAX);
    size_t n = 0;
    bool ok = true;

    while (view_token(&rest, VIEW(" \t"), &word))
        n++;
    str_addf(request, "*%zu\r\n", n);
    for (rest = command; ok && view_token(&rest, VIEW(" \t"), &word);) {
        str_clear(&filled);
        ok = expand_query(word, key, NULL, NULL, &filled);
        add_word(request, str_view(&filled));
    }
    str_done(&filled);
    return ok && !request->overflow;
}

/* --- replies --- */

/* "+OK", "-ERR ...", "$5", "*3", ":7": the first letter and the rest. */
static bool read_head(struct session *s, char *kind, struct view *rest, struct error *e)
{
    struct view line;

    if (!wire_line(&s->wire, LINE_MAX_BYTES, &line, e))
        return false;
    *kind = line.n > 0 ? line.p[0] : '\0';
    *rest = view_from(line, 1);
    if (*kind != '-')
        return true;
    error_set(e, "4.3.0", "server says: %.*s", VIEW_FMT(*rest));
    return false;
}

/* The length in REST, -1 for nothing there. */
static bool take_length(struct view rest, int64_t max, int64_t *length, struct error *e)
{
    if (number_parse_i64(rest, -1, max, length))
        return true;
    error_set(e, "4.3.0", "reply too long, or malformed");
    return false;
}

/* One value whose head was read, added to LIST; *FOUND unless it is nothing. */
static bool read_value(struct session *s, char kind, struct view rest,
                       struct expand_list *list, bool *found, struct error *e)
{
    struct str value = STR_INIT(CLIENT_VALUE_MAX + 2);
    int64_t length = 0;
    bool ok = true;

    *found = true;
    if (kind == '+' || kind == ':')
        return expand_list_add(list, rest, e);
    if (kind != '$') {
        error_set(e, "4.3.0", "the command gives no value and no list");
        return false;
    }
    if (!take_length(rest, CLIENT_VALUE_MAX, &length, e))
        return false;
    *found = length >= 0;
    if (length >= 0)
        ok = wire_bytes(&s->wire, (size_t)length + 2, &value, e) &&
             expand_list_add(list, view_sub(str_view(&value), 0, (size_t)length), e);
    str_done(&value);
    return ok;
}

/* A value, or a list of them. */
static enum table_result read_reply(struct session *s, struct expand_list *list,
                                    struct error *e)
{
    struct view rest;
    char kind;
    bool found = false;
    int64_t n;

    if (!read_head(s, &kind, &rest, e))
        return TABLE_ERROR;
    if (kind != '*') {
        if (!read_value(s, kind, rest, list, &found, e))
            return TABLE_ERROR;
        return found && list->out->n > 0 ? TABLE_FOUND : TABLE_NOT_FOUND;
    }
    if (!take_length(rest, MEMBERS_MAX, &n, e))
        return TABLE_ERROR;
    for (int64_t i = 0; i < n; i++)
        if (!read_head(s, &kind, &rest, e) || !read_value(s, kind, rest, list, &found, e))
            return TABLE_ERROR;
    return list->out->n > 0 ? TABLE_FOUND : TABLE_NOT_FOUND;
}

/* --- connection --- */

/* A command whose answer does not matter as long as it is no error. */
static bool say(struct session *s, const char *const *words, size_t n, struct error *e)
{
    struct str request = STR_INIT(REQUEST_MAX);
    struct view rest;
    char kind;

    add_words(&request, words, n);
    bool ok = wire_send(&s->wire, str_view(&request), e) && read_head(s, &kind, &rest, e);
    str_done(&request);
    return ok;
}

static bool log_in(struct session *s, struct error *e)
{
    const char *with_user[] = {"AUTH", s->user, s->password};
    const char *without[] = {"AUTH", s->password};
    char number[24];
    const char *database[] = {"SELECT", number};

    snprintf(number, sizeof number, "%lld", (long long)s->database);
    if (s->password[0] && s->user[0] && !say(s, with_user, 3, e))
        return false;
    if (s->password[0] && !s->user[0] && !say(s, without, 2, e))
        return false;
    return s->database == 0 || say(s, database, 2, e);
}

static bool connect_to(struct session *s, struct error *e)
{
    s->wire.deadline = clock_in(s->timeout);
    wire_expire(&s->wire, s->source->idle_max, s->source->life_max);
    return wire_is_open(&s->wire) || (wire_open(&s->wire, s->server, e) && log_in(s, e));
}

static enum table_result get_redis(void *session, struct view key, struct str *out,
                                   struct error *e)
{
    struct session *s = session;
    struct str request = STR_INIT(REQUEST_MAX);
    struct expand_list list = {
        .format = s->result_format, .key = key, .limit = s->expansion_limit, .out = out};
    enum table_result result = TABLE_NOT_FOUND;

    if (make_request(s->command, key, &request)) {
        result = TABLE_ERROR;
        if (connect_to(s, e) && wire_send(&s->wire, str_view(&request), e))
            result = read_reply(s, &list, e);
        if (result == TABLE_ERROR)
            wire_close(&s->wire);
    }
    str_done(&request);
    return result;
}

/* SET key value [EX ttl], or DEL key. */
static void make_update(const struct session *s, struct view name,
                        const struct view *value, struct str *request)
{
    char ttl[24];

    if (value == NULL) {
        str_add_cstr(request, "*2\r\n$3\r\nDEL\r\n");
        add_word(request, name);
        return;
    }
    str_addf(request, "*%d\r\n$3\r\nSET\r\n", s->ttl > 0 ? 5 : 3);
    add_word(request, name);
    add_word(request, *value);
    if (s->ttl > 0) {
        snprintf(ttl, sizeof ttl, "%lld", (long long)s->ttl);
        add_word(request, VIEW("EX"));
        add_word(request, view_of(ttl));
    }
}

static bool put_redis(void *session, struct view key, const struct view *value,
                      struct error *e)
{
    struct session *s = session;
    struct str request = STR_INIT(REQUEST_MAX), name = STR_INIT(REQUEST_MAX);
    struct view rest;
    char kind;
    bool ok = true;

    if (expand_query(s->store_format, key, NULL, NULL, &name)) {
        make_update(s, str_view(&name), value, &request);
        ok = connect_to(s, e) && wire_send(&s->wire, str_view(&request), e) &&
             read_head(s, &kind, &rest, e);
        if (!ok)
            wire_close(&s->wire);
    }
    str_done(&request);
    str_done(&name);
    return ok;
}

const struct table_client client_redis = {.version = CLIENT_VERSION,
                                          .name = "redis",
                                          .has_file = true,
                                          .open = open_redis,
                                          .close = close_redis,
                                          .get = get_redis,
                                          .put = put_redis};
