/* dialogue - tests: a client's whole connection in memory */
#include "dialogue.h"

#include "base/log.h"
#include "base/memory.h"
#include "login.h"
#include "run/loop.h"

#include <assert.h>

static void keep_quiet(enum log_level level, const char *text)
{
    (void)level;
    (void)text;
}

struct run {
    const struct dialogue *d;
    struct login *login;
    struct str *out;
};

static void client_fiber(void *arg)
{
    struct run *r = arg;
    struct net_address nobody = {.length = 0};
    struct stream *s = stream_open_memory(r->d->input, r->out);

    stream_set_chunk(s, r->d->chunk);
    session_serve(r->login, s, &nobody);
}

void dialogue_run(const struct dialogue *d, struct str *out)
{
    struct error e = ERROR_INIT;
    struct conf *conf;
    struct service service = {
        .process_name = "login", .name = "test", .is_standalone = true};
    struct str text = STR_INIT(4096);

    log_set_hook(keep_quiet);
    str_addf(&text, "login_protocol = %s\nmyhostname = gw1.maison.mrs\n%s\n", d->protocol,
             d->settings ? d->settings : "");
    str_add_cstr(&text, "queue_directory = /nonexistent\n");
    if (!conf_load_text("/nonexistent", str_view(&text), NULL, 0, &conf, &e))
        log_fatal("%s", error_cstr(&e));
    str_done(&text);
    service.conf = conf;
    struct run r = {.d = d, .login = login_new(&service, &e), .out = out};
    assert(r.login);
    fiber_spawn("client", client_fiber, &r);
    loop_run();
    login_free(r.login);
    conf_free(conf);
}
