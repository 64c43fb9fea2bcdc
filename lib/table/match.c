/* match - lists of domains, hosts and networks
 *
 * Elements are tried in order, the first that fits decides: "!" turns it into a no. Files
 * named in the list are read once, when it is opened.
 */
#include "table/match.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"
#include "conf/parameter.h"
#include "net/address.h"
#include "run/trail.h"

enum { FILE_NESTING_MAX = 5, LIST_FILE_MAX = 64 << 20 };

enum item_kind { ITEM_NAME, ITEM_NETWORK, ITEM_TABLE, ITEM_BROKEN };

struct item {
    enum item_kind kind;
    bool negated;
    struct view text; /* as written; of ITEM_BROKEN the reason */
    struct net_network network;
    struct table *table;
};

struct match_list {
    const struct conf *conf;
    const char *title; /* name of the parameter */
    bool subdomains;   /* "domain" means what is below it too */
    unsigned flags;
    struct arena *arena;
    struct arena *scratch; /* of one look-up */
    struct item *items;
    size_t n, cap;
    struct error error; /* while opening: of the element at hand */
};

static struct item *add_item(struct match_list *m, enum item_kind kind, bool negated,
                             struct view text)
{
    if (m->n == m->cap) {
        m->cap = m->cap * 2 + 8;
        m->items = memory_resize(m->items, m->cap * sizeof *m->items);
    }
    struct item *i = &m->items[m->n++];
    *i = (struct item){.kind = kind, .negated = negated};
    i->text = arena_dup(m->arena, text);
    return i;
}

/* An element that cannot be used: reaching it is an error, not a no. */
static void add_broken(struct match_list *m)
{
    log_warning("%s: %s", m->title, error_cstr(&m->error));
    add_item(m, ITEM_BROKEN, false, view_of(m->error.text));
}

/* Only characters that addresses and networks have, and a mask? */
static bool looks_like_network(struct view text)
{
    static const char allowed[] = "0123456789abcdefABCDEF.:/[]";

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\0' || strchr(allowed, text.p[i]) == NULL)
            return false;
    return view_has(text, '/');
}

static void add_element(struct match_list *m, struct view element, bool negated)
{
    struct net_network network;

    if (net_network_parse(element, &network, &m->error)) {
        add_item(m, ITEM_NETWORK, negated, element)->network = network;
    } else if (looks_like_network(element)) {
        add_broken(m);
    } else if (view_has(element, ':') && element.p[0] != '[') {
        add_item(m, ITEM_TABLE, negated, element)->table =
            table_open(m->conf, element, m->flags);
    } else {
        add_item(m, ITEM_NAME, negated, element);
    }
}

static void add_list(struct match_list *m, struct view list, bool negated, int nesting);

static void add_file(struct match_list *m, struct view name, bool negated, int nesting)
{
    struct str text = STR_INIT(LIST_FILE_MAX);
    struct lines lines;
    struct line line;

    if (nesting >= FILE_NESTING_MAX) {
        error_set(&m->error, "4.3.5", "%.*s: files inside of files too deep",
                  VIEW_FMT(name));
        add_broken(m);
        return;
    }
    if (lines_read_file(arena_cstr(m->arena, name), &text, &m->error)) {
        lines_init(&lines, str_view(&text));
        while (lines_next(&lines, &line))
            add_list(m, line.text, negated, nesting + 1);
        lines_done(&lines);
    } else {
        add_broken(m);
    }
    str_done(&text);
}

static void add_list(struct match_list *m, struct view list, bool negated, int nesting)
{
    struct view element;

    while (conf_list_next(&list, &element)) {
        bool turned = negated;
        while (view_starts(element, VIEW("!"))) {
            turned = !turned;
            element = view_from(element, 1);
        }
        if (element.n == 0) {
            error_set(&m->error, "4.3.5", "no pattern after '!'");
            add_broken(m);
        } else if (element.p[0] == '/') {
            add_file(m, element, turned, nesting);
        } else {
            add_element(m, element, turned);
        }
    }
}

static struct match_list *open_list(const struct conf *c, const char *title,
                                    struct view list, bool subdomains, unsigned flags)
{
    struct match_list *m = NEW(struct match_list);

    m->conf = c;
    m->subdomains = subdomains;
    m->flags = flags | TABLE_FOLD;
    m->arena = arena_new();
    m->scratch = arena_new();
    m->title = arena_cstr(m->arena, view_of(title));
    add_list(m, list, false, 0);
    return m;
}

/* Is NAME among the lists whose "domain" means subdomains too? */
static bool matches_subdomains(const struct conf *c, const char *name)
{
    struct view rest = conf_view(c, P_parent_domain_matches_subdomains), word;

    while (conf_list_next(&rest, &word))
        if (view_eq(word, view_of(name)))
            return true;
    return false;
}

struct match_list *match_open(const struct conf *c, enum parameter p, unsigned flags)
{
    const char *name = parameter_table[p].name;

    return open_list(c, name, conf_view(c, p), matches_subdomains(c, name), flags);
}

struct match_list *match_open_view(const struct conf *c, const char *title,
                                   struct view list, bool subdomains)
{
    return open_list(c, title, list, subdomains, 0);
}

void match_close(struct match_list *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->n; i++)
        table_close(m->items[i].table);
    memory_free(m->items);
    arena_free(m->arena);
    arena_free(m->scratch);
    memory_free(m);
}

bool match_is_empty(const struct match_list *m)
{
    return m == NULL || m->n == 0;
}

static enum match_result from_table(enum table_result result)
{
    switch (result) {
    case TABLE_FOUND:
        return MATCH_YES;
    case TABLE_NOT_FOUND:
        return MATCH_NO;
    case TABLE_ERROR:
        break;
    }
    return MATCH_ERROR;
}

static enum match_result ask_table(struct match_list *m, const struct item *i,
                                   struct view key, struct error *e)
{
    struct view value;
    enum match_result result =
        from_table(table_get(i->table, key, m->scratch, &value, e));

    arena_reset(m->scratch);
    return result;
}

/* NAME, then its parents ("parent" or ".parent"); pattern tables see NAME only. */
static enum match_result ask_table_for_domain(struct match_list *m, const struct item *i,
                                              struct view name, struct error *e)
{
    enum match_result result = ask_table(m, i, name, e);

    while (result == MATCH_NO && name.n > 0 && !table_is_pattern(i->table)) {
        size_t dot = view_find(view_from(name, 1), '.');
        if (dot == VIEW_NPOS)
            break;
        name = view_from(name, dot + (m->subdomains ? 2 : 1));
        if (name.n > 0)
            result = ask_table(m, i, name, e);
    }
    return result;
}

static bool is_below(struct view name, struct view parent, bool dotted)
{
    if (name.n <= parent.n || !view_ends_case(name, parent))
        return false;
    return dotted || name.p[name.n - parent.n - 1] == '.';
}

static enum match_result item_has_domain(struct match_list *m, const struct item *i,
                                         struct view name, struct error *e)
{
    if (i->kind == ITEM_TABLE)
        return ask_table_for_domain(m, i, name, e);
    if (view_eq_case(i->text, name))
        return MATCH_YES;
    if (m->subdomains)
        return is_below(name, i->text, false) ? MATCH_YES : MATCH_NO;
    return i->text.p[0] == '.' && is_below(name, i->text, true) ? MATCH_YES : MATCH_NO;
}

static enum match_result item_has_string(struct match_list *m, const struct item *i,
                                         struct view text, struct error *e)
{
    if (i->kind == ITEM_TABLE)
        return ask_table(m, i, text, e);
    return view_eq_case(i->text, text) ? MATCH_YES : MATCH_NO;
}

static enum match_result item_has_address(struct match_list *m, const struct item *i,
                                          struct view address,
                                          const struct net_address *parsed,
                                          struct error *e)
{
    if (i->kind == ITEM_TABLE)
        return ask_table(m, i, address, e);
    if (i->kind == ITEM_NETWORK && parsed)
        return net_network_has(&i->network, parsed) ? MATCH_YES : MATCH_NO;
    return view_eq_case(i->text, address) ? MATCH_YES : MATCH_NO;
}

enum question { ASK_DOMAIN, ASK_STRING, ASK_CLIENT };

/* What is looked for. */
struct asked {
    enum question question;
    struct view name, address;
    const struct net_address *parsed; /* NULL when it is no address */
};

static enum match_result ask_item(struct match_list *m, const struct item *i,
                                  const struct asked *q, struct error *e)
{
    enum match_result result;

    if (i->kind == ITEM_BROKEN) {
        error_set(e, "4.3.5", "%s: %.*s", m->title, VIEW_FMT(i->text));
        return MATCH_ERROR;
    }
    if (q->question == ASK_STRING)
        return item_has_string(m, i, q->name, e);
    result = item_has_domain(m, i, q->name, e);
    if (result == MATCH_NO && q->question == ASK_CLIENT)
        result = item_has_address(m, i, q->address, q->parsed, e);
    return result;
}

/* FITS is the element that settled it; NULL: none. */
static void tell(const struct match_list *m, const struct asked *q,
                 const struct item *fits)
{
    trail_tell(
        &(struct trail_step){.kind = TRAIL_LIST,
                             .where = view_of(m->title),
                             .asked = q->question == ASK_CLIENT ? q->address : q->name,
                             .answer = !fits           ? VIEW_NONE
                                       : fits->negated ? VIEW("excluded")
                                       : fits->text.n  ? fits->text
                                                       : VIEW("yes")});
}

static enum match_result ask(struct match_list *m, const struct asked *q, struct error *e)
{
    for (size_t i = 0; m && i < m->n; i++) {
        enum match_result result = ask_item(m, &m->items[i], q, e);
        if (result == MATCH_ERROR)
            return result;
        if (result == MATCH_YES) {
            tell(m, q, &m->items[i]);
            return m->items[i].negated ? MATCH_NO : MATCH_YES;
        }
    }
    if (m && m->n > 0)
        tell(m, q, NULL);
    return MATCH_NO;
}

enum match_result match_domain(struct match_list *m, struct view domain, struct error *e)
{
    return ask(m, &(struct asked){.question = ASK_DOMAIN, .name = domain}, e);
}

enum match_result match_string(struct match_list *m, struct view text, struct error *e)
{
    return ask(m, &(struct asked){.question = ASK_STRING, .name = text}, e);
}

enum match_result match_client(struct match_list *m, struct view name,
                               struct view address, struct error *e)
{
    struct net_address parsed;
    struct asked q = {.question = ASK_CLIENT, .name = name, .address = address};

    if (net_address_parse(address, 0, &parsed))
        q.parsed = &parsed;
    return ask(m, &q, e);
}

enum match_result match_eligible(struct match_list *m, struct view key, struct error *e)
{
    struct view user, domain;

    if (m == NULL)
        return MATCH_YES;
    if (!view_rcut(key, '@', &user, &domain) || user.n == 0 || domain.n == 0)
        return MATCH_NO;
    return match_domain(m, domain, e);
}
