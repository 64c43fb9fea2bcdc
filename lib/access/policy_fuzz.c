/* policy_fuzz - any bytes as the answer of a policy server, and as its options */
#include "access/internal.h"
#include "access/policy_private.h"

#include "base/log.h"

#include <assert.h>

static void ignore(enum log_level level, const char *text)
{
    (void)level;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *conf;
    struct error e = ERROR_INIT;
    struct view input = {(const char *)data, size}, action;
    if (!conf) {
        log_set_hook(ignore);
        if (!conf_load_text("/", VIEW(""), NULL, 0, &conf, &e))
            log_fatal("%s", e.text);
    }
    struct arena *a = arena_new();
    struct stream *s = stream_open_memory(input, NULL);
    if (policy_reply_read(s, a, &action, &e)) {
        assert(action.n > 0);
        assert(!view_has(action, '\n'));
    }
    stream_close(s);
    struct policy_service p = {.conf = conf};
    if (policy_options_read(&p, a, input, &e))
        assert(p.try_limit >= 1 && view_has(p.endpoint, ':'));
    (void)rbl_pattern_matches(input, VIEW("127.0.0.4"));
    arena_free(a);
    return 0;
}
