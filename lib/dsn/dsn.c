/* dsn - delivery status notifications as mail; see dsn.h
 *
 * The form of each line is Postfix's, so that programs that read its bounces read ours.
 */
#include "dsn/dsn.h"

#include "base/clock.h"
#include "format/address.h"
#include "format/date.h"
#include "format/header.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384
#define WIDTH          79
#define INDENT         4
#define BOUNDARY_MAX   512

/* A notification being written. */
struct writer {
    const struct dsn *d;
    const struct dsn_template *template;
    dsn_line_fn *write_line;
    void *arg;
    struct str line, boundary;
    const char *encoding; /* NULL, or "8bit" */
    const char *mail_name;
};

static void put(struct writer *w, const char *text)
{
    w->write_line(w->arg, view_of(text));
}

static void putf(struct writer *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void putf(struct writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    str_clear(&w->line);
    str_addv(&w->line, format, args);
    va_end(args);
    w->write_line(w->arg, str_view(&w->line));
}

/* Foreign text for one header line or a line of text: controls become '?', and so does
 * what is not ASCII unless the notification is in UTF-8. */
static void add_printable(struct str *out, struct view v, bool utf8)
{
    utf8 = utf8 && view_is_utf8(v);
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        bool fine = ascii_is_print(c) || (utf8 && c >= 0x80);
        str_add_char(out, fine ? (char)c : '?');
    }
}

/* ADDRESS in external form, printable, appended. */
static void add_address(const struct writer *w, struct str *out, struct view address)
{
    struct str quoted = STR_INIT(LINE_MAX_BYTES);
    address_quote_822(address, &quoted);
    add_printable(out, str_view(&quoted), w->d->original.smtputf8);
    str_done(&quoted);
}

/* "rfc822" or "utf-8" (RFC 6533 3). */
static const char *address_type(const struct writer *w, struct view address)
{
    return w->d->original.smtputf8 && !view_is_ascii(address) && view_is_utf8(address)
               ? "utf-8"
               : "rfc822";
}

static const char *date(char out[DATE_MAX], int64_t usec)
{
    struct tm local;
    time_t at = (time_t)(usec / CLOCK_SECOND);
    if (!localtime_r(&at, &local))
        gmtime_r(&(time_t){0}, &local);
    return date_format(out, &local);
}

static void begin_part(struct writer *w, const char *description)
{
    put(w, "");
    putf(w, "--%s", str_cstr(&w->boundary));
    putf(w, "Content-Description: %s", description);
}

static void end_part_header(struct writer *w)
{
    if (w->encoding)
        putf(w, "Content-Transfer-Encoding: %s", w->encoding);
    put(w, "");
}

static void write_header(struct writer *w)
{
    const struct dsn *d = w->d;
    struct view subject =
        d->for_postmaster ? w->template->postmaster_subject : w->template->subject;
    struct str to = STR_INIT(LINE_MAX_BYTES);
    putf(w, "From: %.*s", VIEW_FMT(w->template->from));
    putf(w, "Subject: %.*s", VIEW_FMT(subject));
    add_address(w, &to, d->to);
    putf(w, "To: %s", str_cstr(&to));
    str_done(&to);
    if (conf_bool(d->conf, P_enable_threaded_bounces) &&
        !view_is_empty(d->original.message_id)) {
        putf(w, "References: %.*s", VIEW_FMT(d->original.message_id));
        putf(w, "In-Reply-To: %.*s", VIEW_FMT(d->original.message_id));
    }
    putf(w, "Auto-Submitted: %s", d->for_postmaster ? "auto-generated" : "auto-replied");
    put(w, "MIME-Version: 1.0");
    putf(w, "Content-Type: multipart/report; report-type=%sdelivery-status;",
         d->original.smtputf8 ? "global-" : "");
    putf(w, "\tboundary=\"%s\"", str_cstr(&w->boundary));
    end_part_header(w);
    put(w, "This is a MIME-encapsulated message.");
}

/* The words of the template, line by line. */
static void write_words(struct writer *w)
{
    struct str text = STR_INIT(1 << 20);
    dsn_template_expand(w->template, w->d->kind, w->d->conf, &text);
    struct view line, rest = str_view(&text);
    while (!view_is_empty(rest)) {
        view_cut(rest, '\n', &line, &rest);
        w->write_line(w->arg, line);
    }
    str_done(&text);
}

static bool differs(const struct report_recipient *r)
{
    return !view_is_empty(r->original) && !view_eq_case(r->original, r->address);
}

/* "<x@y> (expanded from <z@y>): host mx said: 550 ..." */
static void explain_recipient(struct writer *w, const struct report_recipient *r)
{
    struct str text = STR_INIT(LINE_MAX_BYTES);
    str_add_char(&text, '<');
    add_address(w, &text, r->address);
    if (differs(r)) {
        str_add_cstr(&text, "> (expanded from <");
        add_address(w, &text, r->original);
        str_add_cstr(&text, ">): ");
    } else {
        str_add_cstr(&text, ">: ");
    }
    add_printable(&text, r->text, w->d->original.smtputf8);
    put(w, "");
    dsn_fold(str_view(&text), WIDTH, INDENT, w->write_line, w->arg);
    str_done(&text);
}

static void write_notification(struct writer *w)
{
    begin_part(w, "Notification");
    putf(w, "Content-Type: text/plain; charset=%.*s",
         VIEW_FMT(w->d->original.smtputf8 &&
                          view_eq_case(w->template->charset, VIEW("us-ascii"))
                      ? VIEW("utf-8")
                      : w->template->charset));
    end_part_header(w);
    if (!w->d->for_postmaster)
        write_words(w);
    for (size_t i = 0; i < w->d->n_recipients; i++)
        explain_recipient(w, &w->d->recipients[i]);
}

/* RFC 3464 2.2. */
static void write_message_fields(struct writer *w)
{
    const struct dsn_original *o = &w->d->original;
    char when[DATE_MAX];
    begin_part(w, "Delivery report");
    putf(w, "Content-Type: message/%sdelivery-status", o->smtputf8 ? "global-" : "");
    end_part_header(w);
    putf(w, "Reporting-MTA: dns; %.*s", VIEW_FMT(conf_view(w->d->conf, P_myhostname)));
    struct str text = STR_INIT(LINE_MAX_BYTES);
    if (!view_is_empty(o->envid)) {
        add_printable(&text, o->envid, o->smtputf8);
        putf(w, "Original-Envelope-Id: %s", str_cstr(&text));
    }
    putf(w, "X-%s-Queue-ID: %.*s", w->mail_name, VIEW_FMT(o->queue_id));
    if (!view_is_empty(o->sender)) {
        str_clear(&text);
        add_address(w, &text, o->sender);
        putf(w, "X-%s-Sender: %s; %s", w->mail_name, address_type(w, o->sender),
             str_cstr(&text));
    }
    if (o->arrival > 0)
        putf(w, "Arrival-Date: %s", date(when, o->arrival));
    str_done(&text);
}

/* "Name: type; text", folded. */
static void put_typed(struct writer *w, const char *name, struct view type,
                      struct view text)
{
    struct str line = STR_INIT(LINE_MAX_BYTES);
    str_addf(&line, "%s: ", name);
    add_printable(&line, type, false);
    str_add_cstr(&line, "; ");
    add_printable(&line, text, w->d->original.smtputf8);
    dsn_fold(str_view(&line), WIDTH, INDENT, w->write_line, w->arg);
    str_done(&line);
}

static void put_address_field(struct writer *w, const char *name, struct view address)
{
    struct str text = STR_INIT(LINE_MAX_BYTES);
    add_address(w, &text, address);
    putf(w, "%s: %s; %s", name, address_type(w, address), str_cstr(&text));
    str_done(&text);
}

static void put_original_recipient(struct writer *w, const struct report_recipient *r)
{
    struct str text = STR_INIT(LINE_MAX_BYTES);
    if (!view_is_empty(r->orcpt)) {
        struct view type, rest;
        add_printable(&text, r->orcpt, w->d->original.smtputf8);
        if (view_cut(str_view(&text), ';', &type, &rest))
            putf(w, "Original-Recipient: %.*s; %.*s", VIEW_FMT(type),
                 VIEW_FMT(view_trim_space(rest)));
    } else if (differs(r)) {
        put_address_field(w, "Original-Recipient", r->original);
    }
    str_done(&text);
}

/* RFC 3464 2.3. */
static void write_recipient_fields(struct writer *w, const struct report_recipient *r)
{
    char when[DATE_MAX];
    put(w, "");
    put_address_field(w, "Final-Recipient", r->address);
    put_original_recipient(w, r);
    putf(w, "Action: %s",
         w->d->kind == DSN_FAILURE ? "failed" : report_action_name(r->action));
    putf(w, "Status: %.*s", VIEW_FMT(r->status));
    if (!view_is_empty(r->remote_mta))
        put_typed(w, "Remote-MTA", VIEW("dns"), r->remote_mta);
    if (!view_is_empty(r->diagnostic) && !view_is_empty(r->diagnostic_type)) {
        put_typed(w, "Diagnostic-Code", r->diagnostic_type, r->diagnostic);
    } else {
        struct str type = STR_INIT(256);
        str_addf(&type, "X-%s", w->mail_name);
        put_typed(w, "Diagnostic-Code", str_view(&type),
                  view_is_empty(r->diagnostic) ? r->text : r->diagnostic);
        str_done(&type);
    }
    if (w->d->kind == DSN_DELAY && w->d->original.arrival > 0)
        putf(w, "Will-Retry-Until: %s",
             date(when, w->d->original.arrival +
                            conf_time(w->d->conf, P_maximal_queue_lifetime)));
}

/* Read LINES out of a file: gather until LF. */
struct line_reader {
    int fd;
    uint64_t offset, size;
    struct str buffer;
    size_t taken;
};

/* The next line of the original; false at its end, or with *E set after an error. */
static bool read_line(struct line_reader *r, struct view *line, struct error *e)
{
    for (;;) {
        struct view rest = view_from(str_view(&r->buffer), r->taken);
        size_t end = view_find(rest, '\n');
        if (end != VIEW_NPOS || (r->offset == r->size && rest.n > 0) || rest.n >= 2048) {
            size_t n = end != VIEW_NPOS ? end : rest.n < 2048 ? rest.n : 2048;
            *line = view_sub(rest, 0, n);
            r->taken += n + (end != VIEW_NPOS);
            return true;
        }
        if (r->offset == r->size)
            return false;
        str_consume(&r->buffer, r->taken);
        r->taken = 0;
        size_t want = r->size - r->offset < 8192 ? (size_t)(r->size - r->offset) : 8192;
        char *place = str_reserve(&r->buffer, want);
        ssize_t got = place ? pread(r->fd, place, want, (off_t)r->offset) : -1;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error_set_errno(e, "4.3.0", "read the message to be returned");
            r->offset = r->size;
            return false;
        }
        r->buffer.n += (size_t)got;
        r->offset += (uint64_t)got;
    }
}

static bool copy_original(struct writer *w, bool headers_only, struct error *e)
{
    struct line_reader r = {.fd = w->d->original.content_fd,
                            .size = w->d->original.content_size,
                            .buffer = STR_INIT(32768)};
    struct error failure = ERROR_INIT;
    struct view line;
    bool in_header = true, first = true;
    while (read_line(&r, &line, &failure)) {
        bool goes_on = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
        if (in_header && !(goes_on && !first) && header_name_length(line) == 0)
            in_header = false;
        if (headers_only && !in_header)
            break;
        first = false;
        w->write_line(w->arg, line);
    }
    str_done(&r.buffer);
    if (!error_is_set(&failure))
        return true;
    put(w, "");
    put(w, "\t--- The message could not be read to its end ---");
    if (e)
        *e = failure;
    return false;
}

static bool write_original(struct writer *w, struct error *e)
{
    const struct dsn *d = w->d;
    uint64_t limit = (uint64_t)conf_int(d->conf, P_bounce_size_limit);
    bool headers_only = d->ret != DSN_RET_FULL || d->original.content_size > limit;
    bool undelivered = d->kind == DSN_FAILURE || d->kind == DSN_DELAY;
    bool utf8 = d->original.smtputf8, ok = true;
    if (d->original.content_fd < 0)
        return true;
    str_clear(&w->line);
    struct str description = STR_INIT(128);
    str_addf(&description, "%s%s", undelivered ? "Undelivered " : "",
             headers_only ? "Message Headers" : "Message");
    begin_part(w, str_cstr(&description));
    str_done(&description);
    if (headers_only)
        put(w, utf8 ? "Content-Type: message/global-headers"
                    : "Content-Type: text/rfc822-headers");
    else
        put(w, utf8 ? "Content-Type: message/global" : "Content-Type: message/rfc822");
    end_part_header(w);
    struct str sender = STR_INIT(LINE_MAX_BYTES);
    add_address(w, &sender, d->original.sender);
    putf(w, "Return-Path: <%s>", str_cstr(&sender));
    str_done(&sender);
    ok = copy_original(w, headers_only, e);
    return ok;
}

bool dsn_is_wanted(const struct report_recipient *recipient, enum dsn_kind kind)
{
    unsigned notify =
        recipient->notify ? recipient->notify : NOTIFY_FAILURE | NOTIFY_DELAY;
    switch (kind) {
    case DSN_FAILURE:
        return notify & NOTIFY_FAILURE;
    case DSN_DELAY:
        return notify & NOTIFY_DELAY;
    case DSN_SUCCESS:
        return notify & NOTIFY_SUCCESS;
    case DSN_VERIFY:
    case DSN_KINDS:
    default:
        return true;
    }
}

bool dsn_write(const struct dsn *d, dsn_line_fn *write_line, void *arg, struct error *e)
{
    struct writer w = {
        .d = d,
        .template = &d->templates->kind[d->kind],
        .write_line = write_line,
        .arg = arg,
        .line = STR_INIT(LINE_MAX_BYTES),
        .boundary = STR_INIT(BOUNDARY_MAX),
        .mail_name = conf_cstr(d->conf, P_mail_name),
    };
    bool is_8bit =
        d->original.is_8bit || d->original.smtputf8 || !view_is_ascii(w.template->text);
    w.encoding = is_8bit ? "8bit" : NULL;
    str_addf(&w.boundary, "%.*s.%lld/%.*s", VIEW_FMT(d->new_id),
             (long long)(d->now / CLOCK_SECOND),
             VIEW_FMT(conf_view(d->conf, P_myhostname)));
    write_header(&w);
    write_notification(&w);
    write_message_fields(&w);
    for (size_t i = 0; i < d->n_recipients; i++)
        write_recipient_fields(&w, &d->recipients[i]);
    bool ok = write_original(&w, e);
    put(&w, "");
    putf(&w, "--%s--", str_cstr(&w.boundary));
    str_done(&w.line);
    str_done(&w.boundary);
    return ok;
}
