/* template - the texts of delivery status notifications: the built-in ones, and expansion
 *
 * See template.h; the parser of files is template_file.c.
 */
#include "dsn/template.h"

#include "base/log.h"
#include "net/dns_name.h"

static const char *const names[DSN_KINDS] = {"failure", "delay", "success", "verify"};

const char *dsn_kind_name(enum dsn_kind kind)
{
    return names[kind];
}

bool dsn_kind_parse(struct view name, enum dsn_kind *kind)
{
    for (size_t i = 0; i < DSN_KINDS; i++) {
        if (view_eq(name, view_of(names[i]))) {
            *kind = (enum dsn_kind)i;
            return true;
        }
    }
    return false;
}

#define SIGNATURE "\n                   The mail system\n"
#define HELP                                                                             \
    "For further assistance, please write to postmaster and include\n"                   \
    "this report; your own text in the part at its end is not\n"                         \
    "needed and may be cut off.\n"

static const char failure_text[] =
    "This is the mail system at host $myhostname.\n"
    "\n"
    "I'm sorry to have to inform you that your message could not be\n"
    "delivered to all of its recipients. The reasons are given below,\n"
    "and your message is attached.\n"
    "\n" HELP SIGNATURE;

static const char delay_text[] =
    "This is the mail system at host $myhostname.\n"
    "\n"
    "##############################################################\n"
    "# THIS IS ONLY A WARNING. THERE IS NO NEED TO SEND IT AGAIN. #\n"
    "##############################################################\n"
    "\n"
    "For more than $delay_warning_time_hours hour(s) your message could not be "
    "delivered\n"
    "to the recipients below. More attempts will be made until it is\n"
    "$maximal_queue_lifetime_days day(s) old.\n"
    "\n" HELP SIGNATURE;

static const char success_text[] =
    "This is the mail system at host $myhostname.\n"
    "\n"
    "Your message has arrived at the destination(s) listed below.\n"
    "Where it went into a mailbox this is the last you hear of it;\n"
    "where it went on, other systems may still report to you.\n" SIGNATURE;

static const char verify_text[] =
    "This is the mail system at host $myhostname.\n"
    "\n"
    "Here is the report on mail delivery that you asked for.\n" SIGNATURE;

void dsn_templates_default(struct dsn_templates *t, bool obsolete)
{
    static const char *const texts[DSN_KINDS] = {failure_text, delay_text, success_text,
                                                 verify_text};
    static const char *const subjects[DSN_KINDS] = {
        "Undelivered Mail Returned to Sender", "Delayed Mail (still being retried)",
        "Successful Mail Delivery Report", "Mail Delivery Status Report"};
    static const char *const postmaster[DSN_KINDS] = {"Postmaster Copy: Undelivered Mail",
                                                      "Postmaster Warning: Delayed Mail"};
    for (size_t i = 0; i < DSN_KINDS; i++) {
        t->kind[i] = (struct dsn_template){
            .charset = VIEW("us-ascii"),
            .from = obsolete ? VIEW("MAILER-DAEMON (Mail Delivery System)")
                             : VIEW("Mail Delivery System <MAILER-DAEMON>"),
            .subject = view_of(subjects[i]),
            .postmaster_subject = view_of(postmaster[i]),
            .text = view_of(texts[i]),
        };
    }
}

/* One expansion under way. */
struct expansion {
    const struct conf *conf;
    enum dsn_kind kind;
};

static const struct {
    struct view suffix;
    int64_t seconds;
} units[] = {
    {{"_seconds", 8}, 1},  {{"_minutes", 8}, 60},      {{"_hours", 6}, 3600},
    {{"_days", 5}, 86400}, {{"_weeks", 6}, 7 * 86400},
};

/* NAME is PARAMETER with a unit behind it: append its value in that unit. */
static bool expand_time(const struct expansion *x, struct view name,
                        struct view parameter, enum parameter p, struct str *out)
{
    int64_t value = conf_time(x->conf, p) / 1000000;
    if (!view_starts(name, parameter))
        return false;
    struct view suffix = view_from(name, parameter.n);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!view_eq(suffix, units[i].suffix))
            continue;
        int64_t result = value / units[i].seconds;
        if (result == 0 && value > 0)
            log_warning("zero result in %s template conversion of parameter \"%.*s\"",
                        dsn_kind_name(x->kind), VIEW_FMT(name));
        return str_addf(out, "%lld", (long long)result);
    }
    return false;
}

static bool expand_name(struct view name, struct str *out, void *arg)
{
    const struct expansion *x = arg;
    bool found;
    if (expand_time(x, name, VIEW("delay_warning_time"), P_delay_warning_time, out) ||
        expand_time(x, name, VIEW("maximal_queue_lifetime"), P_maximal_queue_lifetime,
                    out))
        return true;
    struct view value = conf_named(x->conf, name, &found);
    if (conf_bool(x->conf, P_smtputf8_enable) &&
        (view_eq(name, VIEW("myhostname")) || view_eq(name, VIEW("mydomain"))))
        return dns_name_show(value, out);
    if (!found)
        log_warning("undefined $name in %s template: %.*s", dsn_kind_name(x->kind),
                    VIEW_FMT(name));
    return str_add(out, value);
}

void dsn_template_expand(const struct dsn_template *t, enum dsn_kind kind,
                         const struct conf *c, struct str *out)
{
    struct expansion x = {.conf = c, .kind = kind};
    struct error e = ERROR_INIT;
    size_t before = out->n;
    if (conf_expand(c, t->text, expand_name, &x, out, &e))
        return;
    log_warning("bad $name syntax in %s template: %s", dsn_kind_name(kind), e.text);
    str_truncate(out, before);
    str_add(out, t->text);
}

static void print_one(const struct dsn_template *t, enum dsn_kind kind,
                      const struct conf *c, bool raw, struct str *out)
{
    if (!raw) {
        str_addf(out, "expanded_%s_text = <<EOF\n", dsn_kind_name(kind));
        dsn_template_expand(t, kind, c, out);
        str_add_cstr(out, "EOF\n");
        return;
    }
    str_addf(out, "%s_template = <<EOF\nCharset: %.*s\nFrom: %.*s\nSubject: %.*s\n",
             dsn_kind_name(kind), VIEW_FMT(t->charset), VIEW_FMT(t->from),
             VIEW_FMT(t->subject));
    if (!view_is_empty(t->postmaster_subject))
        str_addf(out, "Postmaster-Subject: %.*s\n", VIEW_FMT(t->postmaster_subject));
    str_add_char(out, '\n');
    str_add(out, t->text);
    str_add_cstr(out, "EOF\n");
}

void dsn_templates_print(const struct dsn_templates *t, const struct conf *c, bool raw,
                         struct str *out)
{
    for (size_t i = 0; i < DSN_KINDS; i++) {
        if (i > 0)
            str_add_char(out, '\n');
        print_one(&t->kind[i], (enum dsn_kind)i, c, raw, out);
    }
}
