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

static void connection_lost(struct session *s, enum stream_result result)
{
    log_info("%s after BDAT from %.*s",
             result == STREAM_TIMEOUT ? "timeout" : "lost connection",
             VIEW_FMT(s->facts.client_display));
    if (result == STREAM_TIMEOUT)
        reply(s, "421 4.4.2 %.*s Error: timeout exceeded",
              VIEW_FMT(conf_view(s->server->conf, P_myhostname)));
    s->lost = true;
}

/* Read COUNT bytes and pass them on, or throw them away.  False: the connection is gone.
 */
static bool read_chunk(struct session *s, uint64_t count, bool keep)
{
    struct transaction *t = s->transaction;
    while (count > 0) {
        struct view input, text;
        enum dot_status status;
        enum stream_result result =
            stream_read_some(s->stream, count < 65536 ? (size_t)count : 65536, &input);
        if (result != STREAM_OK) {
            connection_lost(s, result);
            return false;
        }
        count -= input.n;
        while (keep && (status = dot_reader_next(&t->chunks, &input, &text)) != DOT_NEED)
            transaction_line(s, text, status == DOT_PART);
    }
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
    t->chunking = true;
    transaction_begin(s);
    dot_reader_init_bdat(&t->chunks, s->trusted_newlines ? DOT_NO : s->server->dot_mode,
                         (size_t)conf_int(s->server->conf, P_line_length_limit));
    return true;
}

static bool finish_chunks(struct session *s)
{
    struct transaction *t = s->transaction;
    struct view text;
    if (dot_reader_finish(&t->chunks, &text) == DOT_LINE)
        transaction_line(s, text, false);
    if (dot_reader_must_reject(&t->chunks)) {
        const struct conf *c = s->server->conf;
        reply_error(s, "%lld 5.5.2 %.*s Error: bare <LF> received",
                    (long long)conf_int(c, P_smtpd_forbid_bare_newline_reject_code),
                    VIEW_FMT(conf_view(c, P_myhostname)));
        s->closing = true;
        transaction_end(s);
        return false;
    }
    struct view prefix =
        arena_printf(t->arena, "Ok: %llu bytes", (unsigned long long)t->chunk_bytes);
    return transaction_finish(s, prefix);
}

/* Swallow the bytes of a refused chunk, then give the reply that was decided. */
static bool discard_chunk(struct session *s, uint64_t count, bool last)
{
    if (!read_chunk(s, count, false))
        return false;
    reply_error(s, "551 5.0.0 Discarded %llu bytes after earlier error",
                (unsigned long long)count);
    if (last)
        transaction_end(s);
    return false;
}

bool verb_bdat(struct session *s, const struct command *c)
{
    struct transaction *t = s->transaction;
    uint64_t count;
    bool last;
    if (s->ehlo_hidden & EHLO_CHUNKING) {
        reply_error(s, "521 5.5.1 Error: command not implemented");
        return false;
    }
    if (!parse_arguments(c->args, &count, &last)) {
        log_warning("%.*s: malformed BDAT command syntax: %.*s",
                    VIEW_FMT(s->facts.client_display),
                    VIEW_FMT(view_sub(c->args, 0, 100)));
        reply_error(s, "521 5.5.4 Syntax: BDAT count [LAST]");
        return false;
    }
    if (!t || t->recipients == 0) {
        if (!read_chunk(s, count, false))
            return false;
        reply_error(s, t ? "554 5.5.1 Error: no valid recipients"
                         : "503 5.5.1 Error: need RCPT command");
        return false;
    }
    if (t->chunk_failed)
        return discard_chunk(s, count, last);
    if (!begin_chunks(s)) {
        t->chunk_failed = true;
        t->chunking = true;
        return read_chunk(s, count, false) && false;
    }
    t->chunk_bytes += count;
    uint64_t limit = (uint64_t)conf_int(s->server->conf, P_message_size_limit);
    if (limit > 0 && t->chunk_bytes > limit) {
        t->chunk_failed = true;
        if (!read_chunk(s, count, false))
            return false;
        log_warning("%.*s: BDAT request exceeds message size limit",
                    VIEW_FMT(s->facts.client_display));
        reply_error(s, "552 5.3.4 Chunk exceeds message size limit");
        if (last)
            transaction_end(s);
        return false;
    }
    if (!read_chunk(s, count, true))
        return false;
    if (last)
        return finish_chunks(s);
    reply(s, "250 2.0.0 Ok: %llu bytes", (unsigned long long)count);
    return true;
}
