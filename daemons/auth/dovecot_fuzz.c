/* dovecot_fuzz - hostile programs on the socket that speaks Dovecot's protocol
 *
 * Whatever lines come: each answer names a login that was begun, and nothing of a login
 * is left when the connection ends.
 */
#include "auth.h"

#include "base/log.h"
#include "base/str.h"
#include "run/fiber.h"
#include "run/loop.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct auth auth;
static struct str output;

static void silence(enum log_level level, const char *text)
{
    (void)level;
    (void)text;
}

static void prepare(void)
{
    static const char settings[] =
        "myhostname = a.b\nauth_failure_delay = 0\n"
        "auth_password_maps = static:{PLAIN}x\n"
        "auth_password_rehash = no\n"
        "auth_mechanisms = PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\n";
    struct error e = ERROR_INIT;
    struct conf *c;
    log_set_hook(silence);
    loop_init();
    bool good = conf_load_text("/", view_of(settings), NULL, 0, &c, &e);
    assert(good);
    auth.conf = c;
    auth.passwords = maps_open(c, conf_view(c, P_auth_password_maps), TABLE_FOLD);
}

static void serve(void *arg)
{
    dovecot_serve(&auth, stream_open_memory(*(struct view *)arg, &output));
    for (int i = 0; i < 1000 && fiber_count() > 1; i++)
        (void)fiber_sleep(100);
    loop_stop();
}

/* OK or FAIL more often than AUTH? */
static unsigned count(struct view text, struct view word)
{
    unsigned n = 0;
    struct view line;
    while (view_token(&text, VIEW("\r\n"), &line))
        n += view_starts(line, word);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    struct view input = {(const char *)data, size};
    if (!is_ready)
        prepare();
    is_ready = true;
    str_init(&output, 4 << 20);
    fiber_spawn("serve", serve, &input);
    loop_run();
    assert(count(str_view(&output), VIEW("OK\t")) +
               count(str_view(&output), VIEW("FAIL\t")) <=
           count(input, VIEW("AUTH\t")));
    assert(turn_count() == 0);
    str_done(&output);
    return 0;
}
