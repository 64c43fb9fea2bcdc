/* dsn - delivery status notifications as mail; see dsn.h
 *
 * The form of each line is Postfix's, so that programs that read its bounces read ours.
 */
#include "dsn/dsn.h"

#include "base/clock.h"
#include "format/address.h"
#include "format/date.h"

#include <time.h>

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
    struct str null_sender; /* "MAILER-DAEMON@myorigin" stands for mail from nobody */
    struct view sender;
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
    /* RFC 3834 5 */
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

/* Of the words for people: all mail may hold UTF-8 where SMTPUTF8 is on (postconf(5)
 * smtputf8_enable). */
static struct view text_charset(const struct writer *w)
{
    bool is_plain = view_eq_case(w->template->charset, VIEW("us-ascii"));
    return is_plain && w->encoding ? VIEW("utf-8") : w->template->charset;
}

static void write_notification(struct writer *w)
{
    begin_part(w, "Notification");
    putf(w, "Content-Type: text/plain; charset=%.*s", VIEW_FMT(text_charset(w)));
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
    if (o->smtputf8)
        end_part_header(w);
    else
        put(w, ""); /* RFC 3464 2.1: seven bits */
    putf(w, "Reporting-MTA: dns; %.*s", VIEW_FMT(conf_view(w->d->conf, P_myhostname)));
    struct str text = STR_INIT(LINE_MAX_BYTES);
    if (!view_is_empty(o->envid)) {
        add_printable(&text, o->envid, o->smtputf8);
        putf(w, "Original-Envelope-Id: %s", str_cstr(&text));
    }
    putf(w, "X-%s-Queue-ID: %.*s", w->mail_name, VIEW_FMT(o->queue_id));
    str_clear(&text);
    add_address(w, &text, w->sender);
    putf(w, "X-%s-Sender: %s; %s", w->mail_name, address_type(w, w->sender),
         str_cstr(&text));
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

/* As the sender gave it, or what stood in its envelope. */
static void put_original_recipient(struct writer *w, const struct report_recipient *r)
{
    struct str text = STR_INIT(LINE_MAX_BYTES);
    if (!view_is_empty(r->orcpt)) {
        add_printable(&text, r->orcpt, w->d->original.smtputf8);
    } else if (!view_is_empty(r->original)) {
        str_addf(&text, "%s;", address_type(w, r->original));
        add_address(w, &text, r->original);
    }
    if (text.n > 0)
        putf(w, "Original-Recipient: %s", str_cstr(&text));
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

static bool write_original(struct writer *w, struct error *e)
{
    const struct dsn *d = w->d;
    uint64_t limit = (uint64_t)conf_int(d->conf, P_bounce_size_limit);
    bool headers_only = d->ret != DSN_RET_FULL || d->original.content_size > limit;
    bool undelivered = d->kind == DSN_FAILURE || d->kind == DSN_DELAY;
    bool utf8 = d->original.smtputf8;
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
    add_address(w, &sender, w->sender);
    putf(w, "Return-Path: <%s>", str_cstr(&sender));
    str_done(&sender);
    return dsn_copy_original(&d->original, headers_only, w->write_line, w->arg, e);
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
        .null_sender = STR_INIT(LINE_MAX_BYTES),
        .sender = d->original.sender,
        .mail_name = conf_cstr(d->conf, P_mail_name),
    };
    bool is_8bit = d->original.is_8bit || d->original.smtputf8 ||
                   !view_is_ascii(w.template->text) ||
                   conf_bool(d->conf, P_smtputf8_enable);
    w.encoding = is_8bit ? "8bit" : NULL;
    if (view_is_empty(w.sender)) {
        str_addf(&w.null_sender, "MAILER-DAEMON@%.*s",
                 VIEW_FMT(conf_view(d->conf, P_myorigin)));
        w.sender = str_view(&w.null_sender);
    }
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
    str_done(&w.null_sender);
    return ok;
}
