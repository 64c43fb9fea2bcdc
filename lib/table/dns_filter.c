/* dns_filter - a table that drops DNS answers; see dns_filter.h */
#include "table/dns_filter.h"

#include "base/log.h"
#include "net/dns_filter.h"

/* What does not answer, or answers something else, drops nothing. */
static bool is_wanted(struct view record, void *arg)
{
    struct maps *tables = arg;
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct view action;
    bool wanted = true;
    enum table_result found = maps_get(tables, record, a, &action, &e);
    if (found == TABLE_ERROR)
        log_warning("DNS reply filter: %s", e.text);
    else if (found == TABLE_FOUND && view_eq_case(action, VIEW("IGNORE")))
        wanted = false;
    else if (found == TABLE_FOUND)
        log_warning("DNS reply filter: unknown action \"%.*s\"", VIEW_FMT(action));
    if (!wanted)
        log_info("ignoring DNS RR: %.*s", VIEW_FMT(record));
    arena_free(a);
    return wanted;
}

void dns_filter_use(const struct conf *c, enum parameter p)
{
    static struct maps *tables;
    if (tables)
        maps_close(tables);
    tables = NULL;
    dns_set_filter(NULL, NULL);
    if (view_is_empty(conf_view(c, p)))
        return;
    tables = maps_open(c, conf_view(c, p), 0);
    dns_set_filter(is_wanted, tables);
}
