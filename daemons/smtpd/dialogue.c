/* dialogue - tests: a whole session over a stream in memory */
#include "dialogue.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/loop.h"
#include "setup.h"
#include "transaction.h"

#include <assert.h>
#include <stdio.h>

/* --- a sink that keeps what it gets --- */

static const struct dialogue *told;
static struct dialogue_result *kept;

static bool keep_open(struct session *s, struct error *e)
{
    (void)s;
    if (told->cannot_open)
        error_set(e, "4.3.0", "no queue");
    kept->opened += !told->cannot_open;
    return !told->cannot_open;
}

static bool keep_recipient(struct session *s, struct view address, struct view orcpt,
                           unsigned notify)
{
    (void)s;
    str_addf(&kept->recipients, "<%.*s>%.*s/%u;", VIEW_FMT(address), VIEW_FMT(orcpt),
             notify);
    return true;
}

static void keep_begin(struct session *s)
{
    (void)s;
}

static void keep_line(struct session *s, struct view text, bool more)
{
    (void)s;
    str_add(&kept->content, text);
    if (!more)
        str_add_char(&kept->content, '\n');
}

static int keep_finish(struct session *s, struct error *e)
{
    for (const struct access_effect *x = s->transaction->effects; x; x = x->next)
        str_addf(&kept->recipients, "effect %d %.*s;", (int)x->kind, VIEW_FMT(x->value));
    kept->finished++;
    if (told->finish_code)
        error_set(e, told->finish_code / 100 == 5 ? "5.7.1" : "4.3.1", "Error: no room");
    return told->finish_code ? told->finish_code : 250;
}

static void keep_abort(struct session *s)
{
    (void)s;
    kept->aborted++;
}

static const struct sink keeper = {.open = keep_open,
                                   .recipient = keep_recipient,
                                   .begin = keep_begin,
                                   .line = keep_line,
                                   .finish = keep_finish,
                                   .abort = keep_abort};

static void keep_log(enum log_level level, const char *text)
{
    if (level >= LOG_LEVEL_FATAL)
        (void)fprintf(stderr, "%s\n", text);
    if (kept && level > LOG_LEVEL_DEBUG)
        str_addf(&kept->log, "%s\n", text);
}

/* --- the server --- */

static struct {
    const char *settings;
    bool standalone;
    struct conf *conf;
    struct smtpd *server;
} process;

static struct smtpd *prepare(const struct dialogue *d)
{
    struct error e = ERROR_INIT;
    struct str text = STR_INIT(65536);
    bool standalone = d->client == NULL;
    if (process.server && process.settings == d->settings &&
        process.standalone == standalone)
        return process.server;
    if (process.server) {
        smtpd_free(process.server);
        conf_free(process.conf);
    }
    str_addf(&text,
             "compatibility_level = 3.7\nmyhostname = gw1.maison.mrs\n"
             "mydestination = maison.mrs\nmynetworks = 127.0.0.0/8\n"
             "inet_interfaces = 127.0.0.1\nlocal_recipient_maps =\nalias_maps =\n"
             "smtpd_peername_lookup = no\nsmtpd_error_sleep_time = 0\n"
             "smtpd_forbid_unauth_pipelining = no\n%s\n",
             d->settings);
    if (!conf_load_text("/", str_view(&text), NULL, 0, &process.conf, &e))
        log_fatal("%s", error_cstr(&e));
    str_done(&text);
    process.settings = d->settings;
    process.standalone = standalone;
    process.server = smtpd_new(process.conf, standalone, &e);
    if (!process.server)
        log_fatal("%s", error_cstr(&e));
    process.server->sink = &keeper;
    return process.server;
}

static void run(void *arg)
{
    const struct dialogue *d = arg;
    struct net_address peer = {.length = 0};
    struct session s = {
        .server = prepare(d), .facts.where = "CONNECT", .arena = arena_new()};
    if (d->client && !net_address_parse(view_of(d->client), 4711, &peer))
        log_fatal("bad address %s", d->client);
    s.stream = stream_open_memory(d->input, &kept->output);
    if (d->chunk)
        stream_set_chunk(s.stream, d->chunk);
    client_identify(&s, d->client ? &peer : NULL);
    smtpd_judge_client(&s);
    session_run(&s);
    session_trail_end();
    assert(!s.transaction && !s.transcript && !s.helo.p);
    stream_close(s.stream);
    arena_free(s.arena);
}

void dialogue_run(const struct dialogue *d, struct dialogue_result *out)
{
    memset(out, 0, sizeof *out);
    str_init(&out->output, (size_t)64 << 20);
    str_init(&out->log, 1 << 20);
    str_init(&out->content, (size_t)64 << 20);
    str_init(&out->recipients, 1 << 20);
    told = d;
    kept = out;
    log_set_hook(keep_log);
    (void)fiber_spawn("dialogue", run, (void *)(uintptr_t)d);
    loop_run();
    kept = NULL;
}

void dialogue_done(struct dialogue_result *r)
{
    str_done(&r->output);
    str_done(&r->log);
    str_done(&r->content);
    str_done(&r->recipients);
}
