/* tls_policy_fuzz - hostile bytes as a line of a policy table, and as lists of versions
 * and ciphers */
#include "base/log.h"
#include "tls/policy.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void quiet(enum log_level level, const char *text)
{
    (void)level;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *c;
    struct view text = {(const char *)data, size}, bad;
    struct error e = ERROR_INIT;
    struct tls_policy p;
    struct tls_protocols versions;
    struct str list = STR_INIT(1000);
    struct arena *a = arena_new();
    log_set_hook(quiet);
    if (!c && !conf_load_text("/", VIEW(""), NULL, 0, &c, &e))
        __builtin_trap();
    if (tls_policy_parse(c, false, VIEW("x"), text, a, &p, &e) == OK) {
        if (p.n_match > TLS_MATCH_MAX || p.level == TLS_LEVEL_HALF_DANE)
            __builtin_trap();
    } else if (!error_is_set(&e)) {
        __builtin_trap();
    }
    (void)tls_protocols_parse(text, &versions);
    if (tls_ciphers_exclude(text, &list, &bad) && list.n > 0 && list.p[0] != ':')
        __builtin_trap();
    str_done(&list);
    arena_free(a);
    return 0;
}
