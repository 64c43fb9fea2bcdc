/* rewrite_fuzz - hostile addresses through standard form and resolution
 *
 * Whatever comes, both end, a result that is no error has exactly a local part and a
 * domain, and standard form is final: a second time changes nothing but what operators
 * hid.
 */
#include "rewrite/recipients.h"

#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "compatibility_level = 3.6\nmyhostname = h.example.org\nmydomain = example.org\n"
    "inet_interfaces = 127.0.0.1\nmydestination = example.org, h.example.org, h\n"
    "append_dot_mydomain = yes\nresolve_numeric_domain = yes\nresolve_null_domain = yes\n"
    "recipient_delimiter = +\nrelocated_maps = inline:{a@example.org=b}\n"
    "virtual_alias_domains = v.org\nvirtual_mailbox_domains = m.org\nrelay_domains = "
    "r.org\n"
    "transport_maps = inline:{ {.t.org=x:y} {u@t.org=:z} }\n"
    "sender_dependent_relayhost_maps = inline:{@s.org=[hop]}\n";

static void quiet(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *conf;
    static struct rewrite *rewrite;
    struct view sender, address, input = {(const char *)data, size};
    struct error e = ERROR_INIT;
    struct resolved to;
    if (!conf) {
        log_set_hook(quiet);
        if (!conf_load_text("/nonexistent", view_of(text), NULL, 0, &conf, &e))
            __builtin_trap();
        rewrite = rewrite_new(conf);
    }
    struct arena *a = arena_new();
    view_cut(input, '\n', &sender, &address);
    (void)rewrite_address(rewrite, REWRITE_REMOTE, address, a);
    struct view local = rewrite_address(rewrite, REWRITE_LOCAL, address, a);
    if (resolve_address(rewrite, sender, local, a, &to, &e) == OK && !to.is_error) {
        if (view_is_empty(to.transport) || view_is_empty(to.nexthop) ||
            !view_has(to.recipient, '@'))
            __builtin_trap();
    }
    arena_free(a);
    return 0;
}
