/* hosts_rules_fuzz - hosts.allow from nowhere: bounded, and asked without harm */
#include "access/hosts_rules.h"

#include <stdint.h>

static void fault(void *arg, unsigned line, const char *text)
{
    (void)text;
    *(unsigned *)arg += line;
}

/* Files hold what the rules hold: also themselves. */
static bool read_again(void *arg, struct view path, struct arena *a, struct view *text,
                       struct error *e)
{
    (void)arg;
    (void)e;
    *text = arena_dup(a, view_sub(path, 0, 100));
    return path.n % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    unsigned faults = 0;
    const struct hosts_reader how = {.fault = fault, .read = read_again, .arg = &faults};
    const struct view names[] = {VIEW("smtpd"), VIEW("submission")};
    const struct hosts_client clients[] = {
        {names, 2, VIEW("unknown"), true, VIEW("192.0.2.7"), VIEW("192.0.2.1")},
        {names, 1, VIEW("mail.example.com"), false, VIEW("2001:db8::1"), VIEW_NONE},
        {names, 2, VIEW_NONE, false, VIEW_NONE, VIEW_NONE}};
    struct view text = {(const char *)data, n};
    if (n > 4096)
        return -1;
    struct hosts_rules *r = hosts_rules_parse(text, n % 2, &how);
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++)
        (void)hosts_rules_find(r, &clients[i]);
    hosts_rules_free(r);
    return 0;
}
