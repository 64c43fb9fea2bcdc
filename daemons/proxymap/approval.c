/* approval - which tables may be asked for
 *
 * A program that was broken into must not make proxymap open whatever it likes: a table
 * is opened when the configuration names it.  proxymap(8), "SECURITY".
 */
#include "proxymap.h"

#include "base/log.h"
#include "conf/master_cf.h"

static void approve(struct proxymap *p, struct view table)
{
    static char yes;

    (void)hash_put(p->approved, table, &yes);
}

/* Elements "proxy:type:name" of the parameter; others are not spoken of here. */
static void approve_listed(struct proxymap *p, struct view list)
{
    struct view element;

    while (conf_list_next(&list, &element))
        if (view_starts(element, VIEW("proxy:")))
            approve(p, view_from(element, strlen("proxy:")));
}

/* Network tables among the words of VALUE, also inside of { }. */
static void approve_network(struct proxymap *p, struct view value)
{
    struct view word, type, name;

    while (view_token(&value, VIEW(", \t\r\n{}"), &word)) {
        while (view_cut(word, ':', &type, &name) && !table_is_network_type(type))
            word = name; /* proxy:, debug: */
        if (name.n > 0)
            approve(p, word);
    }
}

/* Values of main.cf, and those that master.cf gives with -o. */
static void approve_named(struct proxymap *p, const char *directory)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct master_cf services;
    struct str text = STR_INIT(1024 * 1024);

    for (size_t i = 0; i < conf_entry_count(p->conf); i++)
        approve_network(p, conf_named(p->conf, conf_entry(p->conf, i)->name, NULL));
    if (!master_cf_load(directory, a, &services, &e))
        log_warning("%s", error_cstr(&e));
    else
        for (size_t i = 0; i < services.n; i++)
            for (size_t j = 0; j < services.items[i].n_overrides; j++) {
                str_clear(&text);
                if (conf_expand(p->conf, view_of(services.items[i].overrides[j]), NULL,
                                NULL, &text, &e)) {
                    struct view name, value;
                    (void)view_cut(str_view(&text), '=', &name, &value);
                    approve_network(p, value);
                }
            }
    str_done(&text);
    arena_free(a);
}

void approval_read(struct proxymap *p, const char *directory)
{
    p->approved = hash_new();
    if (p->writes) {
        approve_listed(p, conf_view(p->conf, P_proxy_write_maps));
        return;
    }
    approve_listed(p, conf_view(p->conf, P_proxy_read_maps));
    approve_named(p, directory);
}
