/* literal - lines and literals from the client (RFC 9051 4.3, RFC 7888)
 *
 * Whatever a command consists of is copied into its arena.
 */
#include "base/log.h"
#include "imap.h"

bool imap_read_line(struct imap *s, struct view *line)
{
    struct view got;
    int ending;
    enum stream_result r = stream_read_line(s->stream, IMAP_LINE_MAX, &got, &ending);

    /* What is told meanwhile uses the arena too. */
    teller_stop(s);
    if (r == STREAM_TOO_LONG) {
        imap_untagged(s, "BYE Line too long");
        s->is_closing = true;
        return false;
    }
    if (r != STREAM_OK) {
        s->is_closing = true;
        return false;
    }
    *line = arena_dup(s->arena, got);
    return true;
}

void imap_invite(struct imap *s, const struct imap_literal *literal)
{
    if (literal->is_sync)
        stream_write(s->stream, VIEW("+ OK\r\n"));
}

bool imap_read_literal(void *context, const struct imap_literal *literal,
                       struct view *bytes, struct view *next_line)
{
    struct imap *s = context;
    struct str got = STR_INIT(literal->size);

    imap_invite(s, literal);
    bool is_whole = literal->size == 0 ||
                    stream_read_exact(s->stream, literal->size, &got) == STREAM_OK;
    *bytes = arena_dup(s->arena, str_view(&got));
    str_done(&got);
    if (!is_whole) {
        s->is_closing = true;
        return false;
    }
    return imap_read_line(s, next_line);
}

static bool discard(struct imap *s, uint64_t n)
{
    struct view piece;

    while (n > 0) {
        size_t most = n < 65536 ? (size_t)n : 65536;
        if (stream_read_some(s->stream, most, &piece) != STREAM_OK)
            return false;
        n -= piece.n;
    }
    return true;
}

void imap_discard_literals(struct imap *s)
{
    struct view line = view_from(s->in.line, s->in.at);
    struct imap_literal literal;

    while (imap_line_literal(line, &literal) && !literal.is_sync) {
        if (!discard(s, literal.size)) {
            s->is_closing = true;
            return;
        }
        if (!imap_read_line(s, &line))
            return;
    }
}
