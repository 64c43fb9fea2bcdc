/* content - the message on its way out: LF to CRLF, dots, conversions
 *
 * Most mail leaves as it is; only when generic maps or checks are set, or when
 * 8-bit text meets a host without 8BITMIME, it passes the MIME machine, which
 * rewrites headers and turns 8-bit parts into quoted-printable (S031).
 */
#include "client.h"

#include "base/log.h"
#include "format/address_list.h"
#include "format/header.h"
#include "format/mime.h"
#include "smtp/dot.h"

#include <errno.h>
#include <unistd.h>

#define CHUNK ((size_t)32 * 1024)

/* Where converted content goes: a connection, or one string. */
struct output {
    struct job *job;
    struct connection *k; /* NULL: all stays in BYTES */
    struct dot_writer dots;
    struct str bytes;
    struct arena *arena; /* of one header or line */
    int64_t deadline;    /* ..._per_request_deadline */
    bool failed;         /* tables, or it did not fit */
};

struct content_plan content_plan_for(const struct job *j, const struct connection *k)
{
    const struct client *c = j->client;
    bool checks = !maps_is_empty(c->generic) || !maps_is_empty(c->header_checks) ||
                  !maps_is_empty(c->mime_header_checks) ||
                  !maps_is_empty(c->nested_header_checks) ||
                  !maps_is_empty(c->body_checks);
    bool downgrade = (j->delivery->envelope.flags & MESSAGE_8BIT) &&
                     !(k->features.keywords & EHLO_8BITMIME) &&
                     !conf_bool(c->conf, P_disable_mime_output_conversion);
    return (struct content_plan){.convert = checks || downgrade, .downgrade = downgrade};
}

/* Bytes buy time at smtp_min_data_rate, but no more than one time-out's worth. */
static void extend_deadline(struct output *o, size_t n)
{
    const struct client *c = o->job->client;
    if (o->deadline == CLOCK_NEVER)
        return;
    int64_t latest = clock_in(conf_time(c->conf, c->lmtp ? P_lmtp_data_xfer_timeout
                                                         : P_smtp_data_xfer_timeout));
    o->deadline +=
        (int64_t)n * CLOCK_SECOND / conf_int(c->conf, PARAMETER(c, min_data_rate));
    if (o->deadline > latest)
        o->deadline = latest;
    stream_set_deadline(o->k->stream, o->deadline);
}

/* Pass a piece of at most CHUNK bytes on; what has gathered leaves with the connection.
 */
static void put_piece(struct output *o, struct view v)
{
    bool had_folded = o->dots.has_folded;
    if (!dot_writer_feed(&o->dots, v, &o->bytes))
        o->failed = true;
    if (o->dots.has_folded && !had_folded)
        log_info("%s: breaking line > %zu bytes with <CR><LF>SPACE",
                 o->job->delivery->id.text, o->dots.line_limit);
    if (!o->k || o->bytes.n == 0)
        return;
    stream_write(o->k->stream, str_view(&o->bytes));
    extend_deadline(o, o->bytes.n);
    str_clear(&o->bytes);
}

static void put(struct output *o, struct view v)
{
    for (; v.n > CHUNK; v = view_from(v, CHUNK))
        put_piece(o, view_sub(v, 0, CHUNK));
    put_piece(o, v);
}

static void put_line(struct output *o, struct view line)
{
    put(o, line);
    put(o, VIEW("\n"));
}

/* A mapping for address_list_rewrite_header. */
static bool map_address(void *context, struct view from, struct str *to)
{
    struct output *o = context;
    struct view mapped;
    struct error e = ERROR_INIT;
    if (generic_map(o->job->client, o->arena, from, &mapped, &e) != OK) {
        log_warning("%s: %s", o->job->delivery->id.text, e.text);
        o->failed = true;
        return false;
    }
    return !view_eq(from, mapped) && str_add(to, mapped);
}

/* Header addresses through smtp_generic_maps. */
static struct view generic_header(struct output *o, const struct header_type *type,
                                  struct view text)
{
    struct header h;
    struct str out = STR_INIT((size_t)1024 * 1024);
    if (maps_is_empty(o->job->client->generic) ||
        !(type->flags & (HEADER_IS_SENDER | HEADER_IS_RECIPIENT)) ||
        !header_parse(text, &h))
        return text;
    if (address_list_rewrite_header(o->arena, h.name, h.body, 0, map_address, o, &out))
        text = arena_dup(o->arena, str_view(&out));
    str_done(&out);
    return text;
}

static void on_header(void *context, enum mime_class class,
                      const struct header_type *type, struct view text, size_t offset)
{
    struct output *o = context;
    struct client *c = o->job->client;
    struct view line = text;
    (void)offset;
    /* As on the way in: headers of MIME are so wherever they stand. */
    struct maps *maps = class == MIME_MULTIPART || (type->flags & HEADER_IS_MIME)
                            ? c->mime_header_checks
                        : class == MIME_PRIMARY ? c->header_checks
                                                : c->nested_header_checks;
    if (class == MIME_PRIMARY)
        line = generic_header(o, type, text);
    if (checks_apply(o->job, maps, "header", line, o->arena, &line, &o->failed))
        put_line(o, line);
    arena_reset(o->arena);
}

static void on_body(void *context, struct view line, bool last, size_t offset)
{
    struct output *o = context;
    (void)offset;
    if (!maps_is_empty(o->job->client->body_checks) && last &&
        !checks_apply(o->job, o->job->client->body_checks, "body", line, o->arena, &line,
                      &o->failed))
        return;
    put(o, line);
    if (last)
        put(o, VIEW("\n"));
    arena_reset(o->arena);
}

/* The headers that master.cf's flags=DOR ask for. */
static bool feed_headers(const struct job *j,
                         void (*feed)(void *context, struct view chunk), void *context)
{
    static const struct {
        unsigned flag, header;
    } headers[] = {{FLAG_RETURN_PATH, DELIVERY_RETURN_PATH},
                   {FLAG_ORIGINAL_TO, DELIVERY_ORIGINAL_TO},
                   {FLAG_DELIVERED_TO, DELIVERY_DELIVERED_TO}};
    const struct delivery_recipient *r = &j->delivery->recipients[0];
    unsigned which = 0;
    for (size_t i = 0; i < 3; i++)
        which |= j->client->flags & headers[i].flag ? headers[i].header : 0;
    if (!which)
        return true;
    struct str text = STR_INIT(16384);
    bool good = delivery_headers(j->delivery, r, which, r->in.address, &text);
    feed(context, str_view(&text));
    str_done(&text);
    return good;
}

/* Read the content in pieces and hand each to FEED; false on a read error. */
static bool for_each_chunk(const struct job *j,
                           void (*feed)(void *context, struct view chunk), void *context)
{
    struct str buffer = STR_INIT(CHUNK);
    uint64_t at = 0, size = j->delivery->content_size;
    bool good = feed_headers(j, feed, context);
    while (at < size && good) {
        size_t want = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        str_clear(&buffer);
        char *p = str_reserve(&buffer, want);
        ssize_t got = pread(j->delivery->content_fd, p, want, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        good = got > 0;
        if (good) {
            feed(context, (struct view){p, (size_t)got});
            at += (uint64_t)got;
        }
    }
    str_done(&buffer);
    return good;
}

static void feed_plain(void *context, struct view chunk)
{
    put(context, chunk);
}

static void feed_mime(void *context, struct view chunk)
{
    (void)mime_feed(context, chunk);
}

/* All of the content through O. */
static bool produce(struct output *o, struct content_plan plan)
{
    if (!plan.convert)
        return for_each_chunk(o->job, feed_plain, o) && !o->failed;
    static const struct mime_events events = {.header = on_header, .body = on_body};
    const struct conf *c = o->job->client->conf;
    struct mime_limits limits = {
        .nesting = (size_t)conf_int(c, P_mime_nesting_limit),
        .boundary = (size_t)conf_int(c, P_mime_boundary_length_limit),
        .header = (size_t)conf_int(c, P_header_size_limit),
    };
    o->arena = arena_new();
    struct mime *m = mime_new(plan.downgrade ? MIME_DOWNGRADE : 0, &limits, &events, o);
    bool good = for_each_chunk(o->job, feed_mime, m);
    (void)mime_end(m);
    mime_free(m);
    arena_free(o->arena);
    return good && !o->failed;
}

static void writer_init(struct output *o, bool stuff)
{
    const struct client *c = o->job->client;
    dot_writer_init(&o->dots, stuff,
                    (size_t)conf_int(c->conf, PARAMETER(c, line_length_limit)));
}

bool content_send(struct job *j, struct connection *k, struct content_plan plan,
                  struct error *e)
{
    const struct client *c = j->client;
    struct output o = {
        .job = j, .k = k, .bytes = STR_INIT(4 * CHUNK + 65536), .deadline = CLOCK_NEVER};
    if (conf_bool(c->conf, PARAMETER(c, per_request_deadline)))
        o.deadline = clock_in(conf_time(c->conf, c->lmtp ? P_lmtp_data_xfer_timeout
                                                         : P_smtp_data_xfer_timeout));
    stream_set_deadline(k->stream, o.deadline);
    writer_init(&o, true);
    if (!produce(&o, plan) || !dot_writer_end(&o.dots, &o.bytes)) {
        str_done(&o.bytes);
        k->broken = true;
        k->seen |= NOTICE_DATA;
        error_set(e, "4.3.0", "local data error while talking to %.*s",
                  VIEW_FMT(k->display));
        return false;
    }
    stream_write(k->stream, str_view(&o.bytes));
    str_done(&o.bytes);
    enum stream_result result = stream_flush(k->stream);
    if (result != STREAM_OK)
        connection_lost(k, result, "sending message body", e);
    return result == STREAM_OK;
}

bool content_render(struct job *j, struct content_plan plan, struct str *out)
{
    struct output o = {.job = j, .bytes = *out, .deadline = CLOCK_NEVER};
    writer_init(&o, false);
    bool good =
        produce(&o, plan) && dot_writer_end(&o.dots, &o.bytes) && !o.bytes.overflow;
    *out = o.bytes;
    return good;
}

bool content_header_is_8bit(const struct job *j)
{
    struct str head = STR_INIT(65536);
    uint64_t size = j->delivery->content_size;
    size_t want = size < 65536 ? (size_t)size : 65536;
    char *p = str_reserve(&head, want);
    ssize_t got = want > 0 ? pread(j->delivery->content_fd, p, want, 0) : 0;
    struct view block = {p, got > 0 ? (size_t)got : 0};
    size_t end = view_find_view(block, VIEW("\n\n"));
    bool found = !view_is_ascii(view_sub(block, 0, end));
    str_done(&head);
    return found;
}
