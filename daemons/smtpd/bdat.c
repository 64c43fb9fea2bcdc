/* bdat - BDAT: content in counted chunks (RFC 3030)
 *
 * A chunk's bytes are read also after an error, to stay in step with a client
 * that does not wait for replies.
 */
#include "base/log.h"
#include "base/number.h"
#include "transaction.h"

/* "count [LAST]". */
static bool parse_arguments(struct view args, uint64_t *count, bool *last)
{
    struct view number, word;
    if (!smtp_command_argument(&args, &number) ||
        !number_parse_u64(number, 0, INT64_MAX, count))
        return false;
    *last = smtp_command_argument(&args, &word);
    return !*last ||
           (view_eq_case(word, VIEW("LAST")) && view_is_empty(view_trim_space(args)));
}

/* Read COUNT bytes and pass them on, or throw them away.  False: the connection is gone.
 */
static bool read_chunk(struct session *s, uint64_t count, bool keep)
{
    struct transaction *t = s->transaction;
    request_begin(s);
    if (t)
        t->in_content = true;
    while (count > 0) {
        struct view input, text;
        enum dot_status status;
        enum stream_result result =
            stream_read_some(s->stream, count < 65536 ? (size_t)count : 65536, &input);
        if (result != STREAM_OK) {
            connection_failed(s, result);
            return false;
        }
        size_t got = input.n;
        count -= got;
        while (keep && (status = dot_reader_next(&t->chunks, &input, &text)) != DOT_NEED)
            transaction_line(s, text, status == DOT_PART);
        request_received(s, got);
    }
    if (t)
        t->in_content = false;
    return true;
}

/* The chunk is not wanted: swallow it, and those behind it up to the last, to stay in
 * step with a client that does not wait.  True when a reply is to be given. */
static bool skip_chunk(struct session *s, uint64_t count, bool last)
{
    struct transaction *t = s->transaction;
    if (!read_chunk(s, count, false))
        return false;
    if (t)
        t->chunk_failed = true;
    if (last)
        transaction_end(s);
    return true;
}

/* The first chunk: may there be content, and where does it go? */
static bool begin_chunks(struct session *s)
{
    struct transaction *t = s->transaction;
    if (t->chunking)
        return true;
    s->facts.command = "BDAT";
    if (!transaction_may_have_content(s))
        return false;
    dot_reader_init_bdat(&t->chunks, s->trusted_newlines ? DOT_NO : s->server->dot_mode,
                         (size_t)conf_int(s->server->conf, P_line_length_limit));
    t->chunking = true;
    transaction_begin(s);
    return true;
}

static bool finish_chunks(struct session *s)
{
    struct transaction *t = s->transaction;
    struct view text;
    if (dot_reader_finish(&t->chunks, &text) == DOT_LINE)
        transaction_line(s, text, false);
    if (dot_reader_must_reject(&t->chunks)) {
        refuse_bare_newline(s);
        return false;
    }
    if (t->chunks.mode == DOT_NOTE && t->chunks.seen_bare_lf)
        log_info("bare <LF> received from %.*s", VIEW_FMT(s->facts.client_display));
    struct view prefix =
        arena_printf(t->arena, "Ok: %llu bytes", (unsigned long long)t->chunk_bytes);
    return transaction_finish(s, prefix);
}

/* "4F1A2B3C4D" or "NOQUEUE". */
static struct view queue_id(const struct session *s)
{
    return view_is_empty(s->facts.queue_id) ? VIEW("NOQUEUE") : s->facts.queue_id;
}

/* Is the chunk one that can be taken?  False: it was swallowed, and the reply given. */
static bool chunk_is_acceptable(struct session *s, uint64_t count, bool last)
{
    const struct transaction *t = s->transaction;
    uint64_t limit = (uint64_t)conf_int(s->server->conf, P_message_size_limit);
    if (count == 0 && !last) { /* costs nothing and leads nowhere */
        log_warning("%.*s: null BDAT request from %.*s", VIEW_FMT(queue_id(s)),
                    VIEW_FMT(s->facts.client_display));
        if (skip_chunk(s, count, last))
            reply_error(s, "551 5.7.1 Null BDAT request");
        return false;
    }
    if (t && t->chunk_failed) {
        if (skip_chunk(s, count, last))
            reply_error(s, "551 5.0.0 Discarded %llu bytes after earlier error",
                        (unsigned long long)count);
        return false;
    }
    if (!t || t->recipients == 0) {
        const char *text = t ? "554 5.5.1 Error: no valid recipients"
                             : "503 5.5.1 Error: need RCPT command";
        if (skip_chunk(s, count, last))
            reply_error(s, "%s", text);
        return false;
    }
    if (limit > 0 && (count > limit || t->chunk_bytes > limit - count)) {
        log_warning("%.*s: BDAT request from %.*s exceeds message size limit",
                    VIEW_FMT(queue_id(s)), VIEW_FMT(s->facts.client_display));
        if (skip_chunk(s, count, last))
            reply_error_about(s, NOTICE_POLICY,
                              "552 5.3.4 Chunk exceeds message size limit");
        return false;
    }
    return true;
}

bool verb_bdat(struct session *s, const struct command *c)
{
    uint64_t count;
    bool last;
    if (s->ehlo_hidden & EHLO_CHUNKING) {
        reply_error(s, "521 5.5.1 Error: command not implemented");
        return false;
    }
    if (!parse_arguments(c->args, &count, &last)) {
        log_warning("%.*s: malformed BDAT command syntax from %.*s: %.*s",
                    VIEW_FMT(queue_id(s)), VIEW_FMT(s->facts.client_display),
                    VIEW_FMT(view_sub(c->verb, 0, 100)));
        reply_error(s, "521 5.5.4 Syntax: BDAT count [LAST]");
        return false;
    }
    if (!chunk_is_acceptable(s, count, last))
        return false;
    if (!begin_chunks(s)) {
        (void)skip_chunk(s, count, last);
        return false;
    }
    s->transaction->chunk_bytes += count;
    if (!read_chunk(s, count, true))
        return false;
    if (last)
        return finish_chunks(s);
    reply(s, "250 2.0.0 Ok: %llu bytes", (unsigned long long)count);
    return true;
}
