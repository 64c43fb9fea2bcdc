/* access_test_help - tests: put a question to the restriction lists of a main.cf */
#include "access/access_test_help.h"

#include "base/log.h"
#include "run/loop.h"

#include <stdio.h>

struct str logged;

static void keep_log(enum log_level level, const char *text)
{
    if (level >= LOG_LEVEL_FATAL)
        (void)fprintf(stderr, "%s\n", text);
    str_addf(&logged, "%s\n", text);
}

void keep_logged(void)
{
    log_set_hook(keep_log);
}

struct conf *load_settings(const char *settings)
{
    struct error e = ERROR_INIT;
    struct conf *c = NULL;
    struct str text = STR_INIT(65536);
    str_addf(&text,
             "myhostname = gw1.maison.mrs\nmydestination = maison.mrs\n"
             "myorigin = maison.mrs\ninet_interfaces = 127.0.0.1\n"
             "mynetworks = 127.0.0.0/8\nlocal_recipient_maps = inline:{chris=x}\n"
             "alias_maps =\n%s\n",
             settings);
    if (!conf_load_text("/", str_view(&text), NULL, 0, &c, &e))
        log_fatal("%s", error_cstr(&e));
    str_done(&text);
    return c;
}

static struct access_subject subject_of(const struct question *q, struct arena *a)
{
    const char *name = q->client_name ? q->client_name : "host.example";
    return (struct access_subject){
        .client_name = view_of(name),
        .reverse_name = view_of(name),
        .client_address = view_of(q->client),
        .client_display = arena_printf(a, "%s[%s]", name, q->client),
        .name_status = q->name_status,
        .reverse_name_status = q->reverse_status,
        .helo_name = view_of(q->helo ? q->helo : "host.example"),
        .protocol = VIEW("ESMTP"),
        .sender = view_of(q->sender),
        .has_sender = q->sender != NULL,
        .recipient = view_of(q->recipient),
        .recipients = q->recipients,
        .command = "RCPT",
        .content_received = q->content_received,
        .pipelined = q->pipelined,
    };
}

static void take_answer(struct question *q, const struct access_outcome *o)
{
    q->refused = o->refused;
    q->code = o->code;
    (void)snprintf(q->reply, sizeof q->reply, "%.*s", VIEW_FMT(o->reply));
    for (const struct access_effect *x = o->effects; x; x = x->next)
        (void)snprintf(q->effects + strlen(q->effects), 64, "%d:%.*s;", (int)x->kind,
                       VIEW_FMT(x->value));
}

static void ask_fiber(void *arg)
{
    struct question *q = arg;
    struct conf *c = load_settings(q->settings);
    struct error e = ERROR_INIT;
    struct rewrite *rewrite = rewrite_new(c);
    struct recipients *recipients = recipients_new(c, rewrite);
    struct access *a = access_new(c, rewrite, recipients, &e);
    struct arena *arena = arena_new();
    struct access_outcome outcome;
    if (!a)
        log_fatal("%s", e.text);
    struct access_subject s = subject_of(q, arena);
    if (q->at_stage)
        access_evaluate(a, q->stage, &s, NULL, arena, &outcome);
    else
        access_evaluate_recipient(a, &s, arena, &outcome);
    take_answer(q, &outcome);
    arena_free(arena);
    access_free(a);
    recipients_free(recipients);
    rewrite_free(rewrite);
    conf_free(c);
}

void ask_question(struct question *q)
{
    str_done(&logged);
    str_init(&logged, 65536);
    (void)fiber_spawn("ask", ask_fiber, q);
    loop_run();
}

struct question ask(const char *settings, const char *client, const char *sender,
                    const char *recipient)
{
    struct question q = {
        .settings = settings, .client = client, .sender = sender, .recipient = recipient};
    ask_question(&q);
    return q;
}
