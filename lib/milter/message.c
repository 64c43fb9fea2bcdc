/* message - show a message to one milter: headers, body, end
 *
 * Source: libmilter; a header is name and value, LF in front of continuation lines, the
 * body comes in chunks with CR LF.
 */
#include "milter/milter_private.h"

#include "base/log.h"
#include "base/memory.h"

static struct milter_reply tell_header(struct client *c, struct view text)
{
    const struct event x = {SMFIC_HEADER, SMFIP_NOHDRS, SMFIP_NR_HDR, STAGE_END_OF_DATA,
                            c->milter->content_timeout};
    struct str *out = &c->all->out;
    struct view name, value;
    if (!view_cut(text, ':', &name, &value))
        return CONTINUE; /* what is no header is not shown */
    if (!(c->steps & SMFIP_HDR_LEADSPC) && view_starts(value, VIEW(" ")))
        value = view_from(value, 1);
    str_clear(out);
    packet_add_text(out, view_trim_space(name));
    packet_add_text(out, value);
    return client_tell(c, &x, str_view(out), NULL);
}

static struct milter_reply tell_headers(struct client *c, const struct milter_message *m)
{
    struct view text;
    struct milter_reply reply = CONTINUE;
    for (size_t i = 0; reply.verdict == MILTER_CONTINUE && c->state == CLIENT_READY &&
                       m->header(m->context, i, &text);
         i++)
        reply = tell_header(c, text);
    return reply;
}

static struct milter_reply tell_end_of_header(struct client *c)
{
    const struct event x = {SMFIC_EOH, SMFIP_NOEOH, SMFIP_NR_EOH, STAGE_END_OF_HEADER,
                            c->milter->content_timeout};
    return client_tell(c, &x, VIEW_NONE, NULL);
}

/* Append TEXT with the line ends of the wire. */
static void add_wire_lines(struct str *out, struct view text)
{
    struct view line, rest;
    while (view_cut(text, '\n', &line, &rest)) {
        str_add(out, line);
        str_add(out, VIEW("\r\n"));
        text = rest;
    }
    str_add(out, text);
}

/* Tell as much of what waits in OUT as fills chunks; all of it at the end. */
static struct milter_reply tell_chunks(struct client *c, const struct event *x,
                                       struct str *out, bool at_end)
{
    struct milter_reply reply = CONTINUE;
    while (reply.verdict == MILTER_CONTINUE && client_wants(c, x) && out->n > 0 &&
           (at_end || out->n >= MILTER_CHUNK_MAX)) {
        struct view chunk = view_sub(str_view(out), 0, MILTER_CHUNK_MAX);
        reply = client_tell(c, x, chunk, NULL);
        str_consume(out, chunk.n);
    }
    return reply;
}

static struct milter_reply tell_body(struct client *c, const struct milter_message *m)
{
    enum { PIECE = 32 * 1024 };
    const struct event x = {SMFIC_BODY, SMFIP_NOBODY, SMFIP_NR_BODY, STAGE_END_OF_DATA,
                            c->milter->content_timeout};
    struct milter_reply reply = CONTINUE;
    struct str *out = &c->all->out;
    uint64_t offset = 0;
    ssize_t n = 1;
    char *buffer = memory_alloc(PIECE);
    str_clear(out);
    while (n > 0 && reply.verdict == MILTER_CONTINUE && client_wants(c, &x)) {
        n = m->body(m->context, offset, buffer, PIECE);
        if (n < 0) {
            reply = client_failed(c);
            break;
        }
        offset += (uint64_t)n;
        add_wire_lines(out, (struct view){buffer, (size_t)n});
        reply = tell_chunks(c, &x, out, n == 0);
    }
    memory_free(buffer);
    return reply;
}

static struct milter_reply tell_end(struct client *c, const struct milter_message *m)
{
    const struct event x = {SMFIC_BODYEOB, 0, 0, STAGE_END_OF_DATA,
                            c->milter->content_timeout};
    return client_tell(c, &x, VIEW_NONE, m);
}

struct milter_reply client_message(struct client *c, const struct milter_message *m)
{
    c->body_is_replaced = c->has_held = false;
    if (c->state != CLIENT_READY)
        return c->state == CLIENT_ACCEPTED || c->state == CLIENT_CONTENT ? CONTINUE
                                                                         : c->fixed;
    struct milter_reply reply = tell_headers(c, m);
    if (reply.verdict == MILTER_CONTINUE)
        reply = tell_end_of_header(c);
    if (reply.verdict == MILTER_CONTINUE)
        reply = tell_body(c, m);
    if (reply.verdict == MILTER_CONTINUE)
        reply = tell_end(c, m);
    c->in_message = false;
    if (c->body_is_replaced)
        m->end_body(m->context);
    if (reply.verdict == MILTER_CONTINUE && c->has_held)
        reply.verdict = MILTER_HOLD;
    return reply;
}
