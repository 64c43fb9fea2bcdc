/* explain - what the SMTP server would say, and why
 *
 * Usage: diligence explain --client IP [--helo NAME] --from ADDRESS --to ADDRESS
 * [--user LOGIN] [--message FILE] [--service NAME] [--json].  The lists of restrictions
 * are evaluated by lib/access as in smtpd, then the message by lib/cleanup and
 * lib/rewrite; tables, DNS and milters are asked, nothing is sent and nothing is logged.
 * Exit status 0 when the mail would be taken, 1 when refused, 75 when put off.
 */
#include "explain.h"

#include "access/hosts_access.h"
#include "base/log.h"
#include "conf/master_cf.h"
#include "format/address.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

static struct explanation *listener; /* of log lines */

static void keep_log(enum log_level level, const char *text)
{
    if (level == LOG_LEVEL_FATAL)
        (void)fprintf(stderr, "diligence explain: %s\n", text);
    else if (listener && level > LOG_LEVEL_DEBUG)
        show_log(listener, text);
}

static void usage(void)
{
    log_fatal("usage: diligence explain --client IP [--helo NAME] --from ADDRESS --to "
              "ADDRESS [--user LOGIN] [--message FILE] [--service NAME] [--json]");
}

static void take_options(struct explanation *x, int argc, char **argv)
{
    static const struct option options[] = {{"client", required_argument, NULL, 'c'},
                                            {"helo", required_argument, NULL, 'h'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 't'},
                                            {"user", required_argument, NULL, 'u'},
                                            {"message", required_argument, NULL, 'm'},
                                            {"service", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    int letter;
    optind = 0; /* the command's own options were read with it */
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (letter) {
        case 'c':
            x->client = optarg;
            break;
        case 'h':
            x->helo = optarg;
            break;
        case 'f':
            x->from = optarg;
            break;
        case 't':
            x->to = optarg;
            break;
        case 'u':
            x->user = optarg;
            break;
        case 'm':
            x->message = optarg;
            break;
        case 's':
            x->service = optarg;
            break;
        case 'j':
            x->form = EXPLAIN_JSON;
            break;
        default:
            usage();
        }
    }
    if (optind != argc || !x->client || !x->from || !x->to)
        usage();
}

/* The SMTP server of master.cf that is meant: the one named, else the first. */
static const struct master_service *find_service(const struct explanation *x,
                                                 const struct master_cf *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct master_service *s = &all->items[i];
        bool is_server = view_eq(s->command, VIEW("smtpd")) &&
                         (s->type == SERVICE_INET || s->type == SERVICE_PASS);
        if (is_server && (!x->service || view_eq(s->name, view_of(x->service))))
            return s;
    }
    return NULL;
}

/* The configuration as that service reads it, and what it makes of it. */
static void open_service(struct explanation *x)
{
    struct master_cf all;
    struct error e = ERROR_INIT;
    const char *directory = conf_directory(x->control->conf);
    if (!master_cf_load(directory, x->arena, &all, &e))
        log_fatal("%s", error_cstr(&e));
    const struct master_service *s = find_service(x, &all);
    if (!s)
        log_fatal("no SMTP server%s%s in master.cf", x->service ? " named " : "",
                  x->service ? x->service : "");
    if (!conf_load(directory, s->overrides, s->n_overrides, &x->conf, &e))
        log_fatal("%s", error_cstr(&e));
    x->service_name = arena_dup(x->arena, s->name);
    x->rewrite = rewrite_new(x->conf);
    x->recipients = recipients_new(x->conf, x->rewrite);
    x->access = access_new(x->conf, x->rewrite, x->recipients, &e);
    x->all_milters = x->access ? access_milters_new(x->conf, &e) : NULL;
    if (!x->all_milters)
        log_fatal("%s", error_cstr(&e));
}

/* TEXT as MAIL or RCPT would have it, in internal form. */
static struct view address(struct explanation *x, const char *text, bool may_be_empty)
{
    const struct address_options options = {.allow_empty = may_be_empty,
                                            .eight_bit = ADDRESS_8BIT_UTF8};
    struct str out = STR_INIT(ADDRESS_MAX);
    enum address_fault fault =
        text[0] ? address_parse_path(view_of(text), &options, &out) : ADDRESS_OK;
    if (fault != ADDRESS_OK || (out.n == 0 && !may_be_empty))
        log_fatal("bad address %s: %s", text, address_fault_text(fault));
    struct view result = arena_dup(x->arena, str_view(&out));
    str_done(&out);
    return result;
}

static void describe_client(struct explanation *x, const struct net_address *peer)
{
    struct access_subject *s = &x->subject;
    char text[NET_ADDRESS_TEXT];
    show_section(x, "client");
    s->client_address = arena_dup(x->arena, view_of(net_address_text(peer, text)));
    s->client_name = s->reverse_name = VIEW("unknown");
    s->name_status = s->reverse_name_status = ACCESS_NAME_PERMFAIL;
    if (conf_bool(x->conf, P_smtpd_peername_lookup))
        access_find_names(s, x->arena, peer);
    s->client_display = arena_printf(x->arena, "%.*s[%.*s]", VIEW_FMT(s->client_name),
                                     VIEW_FMT(s->client_address));
    show_fact(x, "client", s->client_display);
    show_section_end(x);
    s->client_port = s->server_address = s->server_port = VIEW_NONE;
    s->helo_name = view_of(x->helo ? x->helo : "");
    s->protocol = VIEW("ESMTP");
    s->sasl_username = view_of(x->user ? x->user : "");
    s->sasl_method = x->user ? VIEW("PLAIN") : VIEW_NONE;
    s->instance = VIEW("explain");
    s->rehearsal = true;
}

static void begin_stage(struct explanation *x, const char *command)
{
    x->stage = x->subject.command = x->subject.where = command;
    show_section(x, command);
}

/* One list of restrictions; true when it refused. */
static bool ask_list(struct explanation *x, enum access_stage stage,
                     struct access_outcome *out)
{
    access_evaluate(x->access, stage, &x->subject, NULL, x->arena, out);
    return out->refused;
}

/* The rules of hosts.allow and hosts.deny; true when the client is kept out. */
static bool ask_hosts(struct explanation *x, struct access_outcome *out)
{
    const struct view names[] = {VIEW("smtpd"), x->service_name};
    struct hosts_access *h = hosts_access_open(x->conf);
    if (!h)
        return false;
    bool refused = hosts_access_refuses(h, &x->subject, names, 2, x->arena, out);
    hosts_access_close(h);
    return refused;
}

static bool ask_connect(struct explanation *x, bool at_once, struct access_outcome *out)
{
    begin_stage(x, "CONNECT");
    bool refused = ask_hosts(x, out) || (at_once && ask_list(x, ACCESS_CLIENT, out)) ||
                   ask_milters_connect(x, out);
    show_section_end(x);
    return refused;
}

static bool ask_helo(struct explanation *x, bool at_once, struct access_outcome *out)
{
    begin_stage(x, "EHLO");
    bool refused = (at_once && ask_list(x, ACCESS_HELO, out)) || ask_milters_helo(x, out);
    show_section_end(x);
    return refused;
}

static bool ask_mail(struct explanation *x, bool at_once, struct access_outcome *out)
{
    begin_stage(x, "MAIL");
    if (at_once) {
        access_evaluate_sender(x->access, &x->subject, x->arena, out);
        add_effects(x, out->effects);
    }
    bool refused = out->refused || ask_milters_mail(x, out);
    show_section_end(x);
    return refused;
}

static bool ask_rcpt(struct explanation *x, struct access_outcome *out)
{
    begin_stage(x, "RCPT");
    access_evaluate_recipient(x->access, &x->subject, x->arena, out);
    add_effects(x, out->effects);
    bool refused = ask_milters_rcpt(x, out) || out->refused;
    show_section_end(x);
    return refused;
}

/* As smtpd asks, command by command; true when one refused. */
static bool ask_all(struct explanation *x, struct access_outcome *out)
{
    struct access_subject *s = &x->subject;
    bool at_once = !conf_bool(x->conf, P_smtpd_delay_reject);
    if (ask_connect(x, at_once, out) || (s->helo_name.n > 0 && ask_helo(x, at_once, out)))
        return true;
    s->sender = address(x, x->from, true);
    s->has_sender = true;
    if (ask_mail(x, at_once, out))
        return true;
    s->recipient = address(x, x->to, false);
    return ask_rcpt(x, out);
}

/* What comes behind RCPT. */
static bool ask_content(struct explanation *x, struct access_outcome *out)
{
    x->subject.recipients = 1;
    begin_stage(x, "DATA");
    bool refused = ask_list(x, ACCESS_DATA, out);
    add_effects(x, out->effects);
    refused = refused || ask_milters_data(x, out);
    show_section_end(x);
    if (refused)
        return true;
    begin_stage(x, "END-OF-MESSAGE");
    refused = ask_list(x, ACCESS_END_OF_DATA, out);
    add_effects(x, out->effects);
    show_section_end(x);
    return refused;
}

static void judge(struct explanation *x, const struct access_outcome *out)
{
    x->is_refused = true;
    x->reply = out->reply;
    x->status = out->code / 100 == 4 ? EX_TEMPFAIL : 1;
}

static void work(void *arg)
{
    struct explanation *x = arg;
    struct net_address peer;
    struct access_outcome out = {.effects = NULL};
    if (!net_address_parse(view_of(x->client), 0, &peer))
        log_fatal("bad address %s", x->client);
    const struct trail trail = {.told = show_step, .arg = x};
    open_service(x);
    trail_set(&trail);
    listener = x;
    describe_client(x, &peer);
    if (ask_all(x, &out) || ask_content(x, &out))
        judge(x, &out);
    else
        follow_message(x);
    trail_set(NULL);
    leave_milters(x);
    show_verdict(x);
    listener = NULL;
    access_free(x->access);
    recipients_free(x->recipients);
    rewrite_free(x->rewrite);
    conf_free(x->conf);
}

int explain(struct control *c)
{
    struct explanation x = {
        .control = c, .arena = arena_new(), .out = STR_INIT((size_t)64 << 20)};
    log_set_hook(keep_log);
    take_options(&x, c->argc + 1, c->argv - 1);
    table_network_directly();
    network_run(c, work, &x);
    (void)fwrite(x.out.p, 1, x.out.n, stdout);
    str_done(&x.out);
    arena_free(x.arena);
    return x.status;
}
