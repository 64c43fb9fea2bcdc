/* data - DATA: the content up to the final dot (RFC 5321 4.1.1.4)
 *
 * Only CR LF . CR LF ends a message: smtp/dot.h has the reasons.
 */
#include "base/log.h"
#include "transaction.h"

/* Is a message under way that can get its content with VERB? */
static bool ready_for_content(struct session *s)
{
    struct transaction *t = s->transaction;
    if (!t) {
        reply_error(s, "503 5.5.1 Error: need RCPT command");
        return false;
    }
    if (transaction_has_chunks(t)) {
        reply_error(s, "503 5.5.1 Error: DATA after BDAT");
        return false;
    }
    if (t->recipients == 0) {
        reply_error(s, "554 5.5.1 Error: no valid recipients");
        return false;
    }
    return true;
}

/* Feed the reader until the end of the message or of the connection. */
static enum stream_result read_content(struct session *s, struct dot_reader *reader)
{
    request_begin(s);
    for (;;) {
        struct view input, text;
        enum stream_result result = stream_read_some(s->stream, 65536, &input);
        if (result != STREAM_OK)
            return result;
        size_t got = input.n;
        enum dot_status status;
        while ((status = dot_reader_next(reader, &input, &text)) != DOT_NEED) {
            if (status == DOT_END) {
                stream_unread(s->stream, input.n);
                return STREAM_OK;
            }
            transaction_line(s, text, status == DOT_PART);
        }
        request_received(s, got);
    }
}

bool refuse_bare_newline(struct session *s)
{
    const struct conf *c = s->server->conf;
    struct str text = STR_INIT(512);
    str_addf(&text, "%lld 5.5.2 %.*s Error: bare <LF> received",
             (long long)conf_int(c, P_smtpd_forbid_bare_newline_reject_code),
             VIEW_FMT(conf_view(c, P_myhostname)));
    access_log_event(&s->facts, "reject", str_view(&text));
    transaction_answer_all(s);
    reply_error(s, "%s", str_cstr(&text));
    str_done(&text);
    s->closing = true;
    transaction_end(s);
    return false;
}

bool verb_data(struct session *s, const struct command *c)
{
    if (!ready_for_content(s))
        return false;
    if (!view_is_empty(c->args)) {
        reply_error(s, "501 5.5.4 Syntax: DATA");
        return false;
    }
    s->facts.command = "DATA";
    if (!transaction_may_have_content(s))
        return false;
    reply(s, "354 End data with <CR><LF>.<CR><LF>");
    transaction_begin(s);
    s->transaction->in_content = true;

    struct dot_reader reader;
    dot_reader_init(&reader, s->trusted_newlines ? DOT_NO : s->server->dot_mode,
                    (size_t)conf_int(s->server->conf, P_line_length_limit));
    enum stream_result result = read_content(s, &reader);
    bool refuse = dot_reader_must_reject(&reader);
    bool note = reader.mode == DOT_NOTE && reader.seen_bare_lf;
    dot_reader_done(&reader);
    if (result != STREAM_OK) {
        connection_failed(s, result);
        transaction_end(s);
        return false;
    }
    if (note)
        log_info("bare <LF> received from %.*s", VIEW_FMT(s->facts.client_display));
    return refuse ? refuse_bare_newline(s) : transaction_finish(s, VIEW("Ok"));
}
