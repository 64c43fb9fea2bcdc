/* rehearsal - tests: one delivery against a peer that is a string in memory */
#include "rehearsal.h"

#include "agent/agent_private.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/fiber.h"
#include "run/loop.h"
#include "setup.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static struct rehearsal_result *current; /* whose log is kept */

static void keep_log(enum log_level level, const char *text)
{
    if (current && level > LOG_LEVEL_DEBUG)
        str_addf(&current->log, "%s\n", text);
}

static struct conf *load(const char *settings)
{
    struct conf *c;
    struct error e = ERROR_INIT;
    struct str text = STR_INIT(65536);
    str_addf(&text,
             "compatibility_level = 3.7\nmyhostname = gw1.maison.mrs\n"
             "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nrelayhost =\n%s\n",
             settings ? settings : "");
    if (!conf_load_text("/", str_view(&text), NULL, 0, &c, &e))
        log_fatal("%s", error_cstr(&e));
    str_done(&text);
    return c;
}

static struct recipient one_recipient(const struct rehearsal *r, struct arena *a,
                                      size_t i)
{
    struct view address =
        r->many ? arena_printf(a, "r%zu@x.example", i) : view_of(r->recipients[i]);
    return (struct recipient){.address = address,
                              .original = address,
                              .orcpt = view_of(r->orcpt),
                              .notify = (uint8_t)r->notify};
}

static void make_delivery(const struct rehearsal *r, struct delivery *d,
                          const struct agent_policy *policy)
{
    size_t size = strlen(r->content);
    *d = (struct delivery){.arena = arena_new(),
                           .content_size = size,
                           .nexthop = VIEW("x.example"),
                           .transport = VIEW("smtp"),
                           .arrival = clock_wall(),
                           .policy = policy};
    (void)snprintf(d->id.text, sizeof d->id.text, "4F1A2B3C4D");
    d->envelope = (struct envelope){.sender = view_of(r->sender),
                                    .flags = r->message_flags,
                                    .ret = r->ret,
                                    .envid = view_of(r->envid),
                                    .client_name = view_of(r->client_name),
                                    .client_address = view_of(r->client_address),
                                    .helo_name = view_of(r->helo_name)};
    d->content_fd = memfd_create("content", MFD_CLOEXEC);
    assert(write(d->content_fd, r->content, size) == (ssize_t)size);
    size_t n = r->many;
    while (!r->many && r->recipients[n])
        n++;
    assert(n <= REHEARSAL_RECIPIENTS);
    d->n_recipients = n;
    d->recipients = arena_alloc_array(d->arena, n, sizeof *d->recipients);
    for (size_t i = 0; i < n; i++)
        d->recipients[i].in = one_recipient(r, d->arena, i);
}

static void take_outcomes(const struct delivery *d, enum outcome *out)
{
    for (size_t i = 0; i < d->n_recipients; i++)
        out[i] = d->recipients[i].outcome;
}

struct stage {
    const struct rehearsal *in;
    struct rehearsal_result *out;
    struct delivery delivery;
};

/* What was said, with LF for CR LF. */
static void take_output(struct rehearsal_result *out, struct view output)
{
    for (size_t i = 0; i < output.n; i++)
        if (output.p[i] != '\r')
            str_add_char(&out->said, output.p[i]);
}

static void converse(struct stage *s, struct job *j)
{
    struct host t = {.name = VIEW("mx.example"), .is_best = true};
    struct str output = STR_INIT((size_t)64 << 20);
    struct error e = ERROR_INIT;
    struct stream *stream = stream_open_memory(s->in->script, &output);
    if (s->in->chunk)
        stream_set_chunk(stream, s->in->chunk);
    if (!net_address_parse(VIEW("192.0.2.25"), 25, &t.address))
        log_panic("address");
    struct connection *k = connection_new(j->client, &t, VIEW("x.example"), stream);
    k->queue_id = j->delivery->id.text;
    if (hello_exchange(j, k, &e) == HELLO_OK) {
        k->reused = s->in->reused;
        k->replies = 0;
        s->out->usable = transaction_run(j, k);
    } else {
        failure_host(j, k, &e);
    }
    take_output(s->out, str_view(&output));
    k->broken = true;
    connection_quit(k);
    fiber_yield(); /* the fiber that closes it */
    str_done(&output);
}

/* What a process has, of smtp and of lmtp; kept while the settings stay the same. */
struct process {
    const char *settings, *flags;
    struct conf *conf;
    struct service service;
    struct agent_policy policy;
    struct client *client;
};
static struct process processes[2];

static struct process *prepare(const struct rehearsal *r)
{
    struct error e = ERROR_INIT;
    const char *name = r->process_name ? r->process_name : "smtp";
    struct process *p = &processes[strcmp(name, "lmtp") == 0];
    if (p->client && p->settings == r->settings && p->flags == r->flags)
        return p;
    if (p->client) {
        client_free(p->client);
        conf_free(p->conf);
    }
    p->settings = r->settings;
    p->flags = r->flags;
    p->conf = load(r->settings);
    p->service = (struct service){.conf = p->conf,
                                  .process_name = name,
                                  .transport = "smtp",
                                  .args = &p->flags,
                                  .n_args = r->flags ? 1 : 0};
    p->policy = (struct agent_policy){.delay_digits = 2,
                                      .original_recipient = true,
                                      .soft_bounce = conf_bool(p->conf, P_soft_bounce)};
    p->client = client_new(&p->service, &e);
    if (!p->client)
        log_fatal("%s", e.text);
    return p;
}

static void take_results(struct rehearsal_result *out, const struct delivery *d)
{
    take_outcomes(d, out->in_the_end);
    out->n = d->n_recipients;
    out->is_dead = d->destination_dead;
    for (size_t i = 0; i < out->n; i++) {
        memcpy(out->status[i], d->recipients[i].status, sizeof out->status[i]);
        if (i < 8)
            (void)snprintf(out->text[i], sizeof out->text[i], "%.*s",
                           VIEW_FMT(d->recipients[i].text));
    }
}

static void run(void *arg)
{
    struct stage *s = arg;
    struct delivery *d = &s->delivery;
    struct process *p = prepare(s->in);
    make_delivery(s->in, d, &p->policy);
    struct job *j = ARENA_NEW(d->arena, struct job);
    *j = (struct job){.client = p->client,
                      .delivery = d,
                      .last_target = !s->in->not_last,
                      .may_loop = true,
                      .sender = d->envelope.sender};
    j->failures = arena_alloc_array(d->arena, d->n_recipients + 1, sizeof *j->failures);
    converse(s, j);
    take_outcomes(d, s->out->outcomes);
    s->out->stale = j->stale;
    failure_finish(j);
    take_results(s->out, d);
    close(d->content_fd);
    arena_free(d->arena);
}

void rehearse(const struct rehearsal *r, struct rehearsal_result *out)
{
    struct stage s = {.in = r, .out = out};
    memset(out, 0, sizeof *out);
    str_init(&out->said, (size_t)64 << 20);
    str_init(&out->log, 1 << 20);
    current = r->keep_log ? out : NULL;
    log_set_hook(keep_log);
    (void)fiber_spawn("rehearsal", run, &s);
    loop_run();
    current = NULL;
}

void rehearsal_done(struct rehearsal_result *r)
{
    str_done(&r->said);
    str_done(&r->log);
}
