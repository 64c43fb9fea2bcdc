/* notice - mail to postmaster about a session that went wrong; see notice.h */
#include "dsn/notice.h"

#include "dsn/dsn.h"

#include "base/clock.h"
#include "base/log.h"
#include "format/address.h"
#include "format/date.h"

#include <time.h>

#define TRANSCRIPT_MAX      (64 * 1024)
#define TRANSCRIPT_LINE_MAX 2048
#define WIDTH               78
#define INDENT              4

static const struct {
    struct view word;
    unsigned bits;
} classes[] = {
    {{"bounce", 6}, NOTICE_BOUNCE | NOTICE_2BOUNCE},
    {{"2bounce", 7}, NOTICE_2BOUNCE},
    {{"data", 4}, NOTICE_DATA},
    {{"delay", 5}, NOTICE_DELAY},
    {{"policy", 6}, NOTICE_POLICY},
    {{"protocol", 8}, NOTICE_PROTOCOL},
    {{"resource", 8}, NOTICE_RESOURCE},
    {{"software", 8}, NOTICE_SOFTWARE},
};

unsigned notice_classes(const struct conf *c)
{
    struct view word, rest = conf_view(c, P_notify_classes);
    unsigned bits = 0;
    while (conf_list_next(&rest, &word)) {
        size_t i = 0, n = sizeof classes / sizeof classes[0];
        while (i < n && !view_eq_case(word, classes[i].word))
            i++;
        if (i < n)
            bits |= classes[i].bits;
        else
            log_warning("unknown notify_classes value \"%.*s\"", VIEW_FMT(word));
    }
    return bits;
}

void transcript_init(struct transcript *t)
{
    str_init(&t->lines, TRANSCRIPT_MAX);
    t->is_cut = false;
}

void transcript_done(struct transcript *t)
{
    str_done(&t->lines);
}

void transcript_clear(struct transcript *t)
{
    str_clear(&t->lines);
    t->is_cut = false;
}

void transcript_add(struct transcript *t, const char *prefix, struct view line)
{
    line = view_sub(line, 0, TRANSCRIPT_LINE_MAX);
    while (t->lines.n + line.n + 32 > TRANSCRIPT_MAX) {
        size_t end = view_find(str_view(&t->lines), '\n');
        str_consume(&t->lines, end == VIEW_NPOS ? t->lines.n : end + 1);
        t->is_cut = true;
    }
    str_add_cstr(&t->lines, prefix);
    for (size_t i = 0; i < line.n; i++)
        str_add_char(&t->lines, ascii_is_print(line.p[i]) ? line.p[i] : '?');
    str_add_char(&t->lines, '\n');
}

struct view double_bounce_address(const struct conf *c, struct arena *a)
{
    struct view name = conf_view(c, P_double_bounce_sender);
    if (view_has(name, '@'))
        return name;
    return arena_printf(a, "%.*s@%.*s", VIEW_FMT(name),
                        VIEW_FMT(conf_view(c, P_myorigin)));
}

bool is_double_bounce(const struct conf *c, struct view address)
{
    struct view name = conf_view(c, P_double_bounce_sender), local, domain, own, ignored;
    if (view_eq_case(address, name))
        return true;
    address_split(address, &local, &domain);
    address_split(name, &own, &ignored);
    return view_eq_case(local, own) && view_eq_case(domain, conf_view(c, P_myorigin));
}

/* The flags of cleanup for mail of ours: addresses are mapped, content is inspected only
 * where internal_mail_filter_classes says so. */
static unsigned cleanup_flags(const struct conf *c, const char *class)
{
    struct view word, rest = conf_view(c, P_internal_mail_filter_classes);
    unsigned flags = CLEANUP_INTERNAL | CLEANUP_ADD_MISSING;
    while (conf_list_next(&rest, &word))
        if (view_eq_case(word, view_of(class)))
            flags |= CLEANUP_FILTER | CLEANUP_MILTERS;
    return flags;
}

static void write_trace(const struct conf *c, struct cleanup *mail,
                        const struct queue_id *id, int64_t now)
{
    char when[DATE_MAX];
    struct str line = STR_INIT(4096);
    struct tm local;
    time_t at = (time_t)(now / CLOCK_SECOND);
    if (!localtime_r(&at, &local))
        gmtime_r(&(time_t){0}, &local);
    date_format(when, &local);
    str_addf(&line, "Received: by %.*s (%.*s)", VIEW_FMT(conf_view(c, P_myhostname)),
             VIEW_FMT(conf_view(c, P_mail_name)));
    cleanup_line(mail, str_view(&line));
    str_setf(&line, "\tid %s; %s", id->text, when);
    cleanup_line(mail, str_view(&line));
    str_setf(&line, "Date: %s", when);
    cleanup_line(mail, str_view(&line));
    str_done(&line);
}

struct cleanup *internal_mail_open(const struct conf *c, struct cleanup_setup *s,
                                   struct queue_link *link, const char *class,
                                   struct view sender, struct view address, bool smtputf8,
                                   struct queue_id *id, struct error *e)
{
    struct draft *draft = draft_open(link, e);
    if (!draft)
        return NULL;
    struct envelope env = {
        .arrival = clock_wall(),
        .flags = MESSAGE_INTERNAL | (smtputf8 ? MESSAGE_SMTPUTF8 : 0u),
        .rewrite_context = VIEW("local"),
    };
    *id = *draft_id(draft);
    struct cleanup *mail = cleanup_open(s, draft, &env, cleanup_flags(c, class));
    cleanup_sender(mail, sender);
    cleanup_recipient(mail, address, VIEW_NONE, VIEW_NONE, 0);
    write_trace(c, mail, id, env.arrival);
    return mail;
}

static void mail_line(void *arg, struct view line)
{
    cleanup_line(arg, line);
}

/* Text that came from outside starts with a blank, so that nothing in it looks like ours.
 */
static void indented_line(void *arg, struct view line)
{
    struct str text = STR_INIT(2 * TRANSCRIPT_LINE_MAX);
    str_add_char(&text, ' ');
    str_add(&text, line);
    cleanup_line(arg, str_view(&text));
    str_done(&text);
}

static void write_notice(const struct conf *c, const struct notice *n, struct view to,
                         struct cleanup *mail)
{
    struct str line = STR_INIT(8192);
    bool obsolete = view_eq_case(conf_view(c, P_header_from_format), VIEW("obsolete"));
    mail_line(mail, obsolete ? VIEW("From: MAILER-DAEMON (Mail Delivery System)")
                             : VIEW("From: Mail Delivery System <MAILER-DAEMON>"));
    str_setf(&line, obsolete ? "To: %.*s (Postmaster)" : "To: Postmaster <%.*s>",
             VIEW_FMT(to));
    mail_line(mail, str_view(&line));
    str_setf(&line, "Subject: %.*s %s: errors from %.*s",
             VIEW_FMT(conf_view(c, P_mail_name)), n->role, VIEW_FMT(n->peer));
    mail_line(mail, str_view(&line));
    mail_line(mail, VIEW("Auto-Submitted: auto-generated"));
    mail_line(mail, VIEW(""));
    mail_line(mail, VIEW("Transcript of session follows."));
    mail_line(mail, VIEW(""));
    if (n->transcript->is_cut)
        mail_line(mail, VIEW(" (the beginning is left out)"));
    struct view text, rest = str_view(&n->transcript->lines);
    while (!view_is_empty(rest)) {
        view_cut(rest, '\n', &text, &rest);
        dsn_fold(text, WIDTH, INDENT, indented_line, mail);
    }
    mail_line(mail, VIEW(""));
    if (!view_is_empty(n->reason)) {
        str_setf(&line, "Session aborted, reason: %.*s", VIEW_FMT(n->reason));
        mail_line(mail, str_view(&line));
    }
    mail_line(mail, VIEW(""));
    mail_line(mail, VIEW("For other details, see the local mail logfile"));
    str_done(&line);
}

bool notice_post(const struct conf *c, struct cleanup_setup *s, struct queue_link *link,
                 const struct notice *n, struct error *e)
{
    if (!(n->classes & notice_classes(c)))
        return true;
    struct arena *a = arena_new();
    struct view to = n->classes & NOTICE_BOUNCE ? conf_view(c, P_bounce_notice_recipient)
                                                : conf_view(c, P_error_notice_recipient);
    struct queue_id id;
    bool ok = false;
    struct cleanup *mail = internal_mail_open(
        c, s, link, "notify", double_bounce_address(c, a), to, false, &id, e);
    if (mail) {
        write_notice(c, n, to, mail);
        ok = cleanup_finish(mail, NULL, e) == CLEANUP_QUEUED;
    }
    arena_free(a);
    return ok;
}
