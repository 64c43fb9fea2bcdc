/* hosts_patterns - lists of daemons and clients of hosts.allow and hosts.deny
 */
#include "access/hosts_rules_private.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>

#define NESTING_MAX 4
/* Of one list, so that a line full of EXCEPT needs no deep stack. */
#define EXCEPT_MAX 32

static const struct view separators = {", \t\r\n", 5};

/* --- reading --- */

void hosts_fault(const struct hosts_parse *p, const char *format, ...)
{
    struct str text = STR_INIT(1024);
    va_list args;
    if (!p->how->fault)
        return;
    va_start(args, format);
    str_addv(&text, format, args);
    va_end(args);
    p->how->fault(p->how->arg, p->line, str_cstr(&text));
    str_done(&text);
}

static struct hosts_pattern *add(struct hosts_parse *p, struct hosts_patterns *list,
                                 enum hosts_pattern_kind kind, struct view text)
{
    struct hosts_pattern *pattern = ARENA_NEW(p->arena, struct hosts_pattern);
    pattern->kind = kind;
    pattern->text = arena_dup(p->arena, text);
    if (list->last)
        list->last->next = pattern;
    else
        list->first = pattern;
    list->last = pattern;
    return pattern;
}

static enum hosts_pattern_kind bad(const struct hosts_parse *p)
{
    return p->bad_fits ? HOSTS_BAD_FITS : HOSTS_BAD;
}

/* The length of "255.255.254.0"; false: it is no mask. */
static bool mask_length(struct view mask, unsigned *bits)
{
    struct net_address a;
    if (!net_address_parse(mask, 0, &a) || net_address_family(&a) != AF_INET)
        return false;
    uint32_t m = ntohl(a.in.sin_addr.s_addr);
    *bits = (unsigned)__builtin_popcount(m);
    return m == (*bits ? UINT32_MAX << (32 - *bits) : 0);
}

/* "net/mask", "net/length", "[net]/length", or one address; false: TEXT is none. */
static bool parse_network(struct hosts_parse *p, struct view text,
                          struct net_network *out, struct error *e)
{
    struct view net, mask;
    unsigned bits;
    if (view_rcut(text, '/', &net, &mask) && view_has(mask, '.')) {
        if (!mask_length(mask, &bits)) {
            error_set(e, "4.3.5", "bad mask");
            return false;
        }
        text = arena_printf(p->arena, "%.*s/%u", VIEW_FMT(net), bits);
    }
    return net_network_parse(text, out, e);
}

static void add_file(struct hosts_parse *p, struct hosts_patterns *list,
                     struct view path);

/* TEXT with one of the words that mean more than themselves. */
static bool add_keyword(struct hosts_parse *p, struct hosts_patterns *list,
                        struct view text)
{
    static const struct {
        const char *word;
        enum hosts_pattern_kind kind;
    } words[] = {{"ALL", HOSTS_ALL},
                 {"LOCAL", HOSTS_LOCAL},
                 {"KNOWN", HOSTS_KNOWN},
                 {"UNKNOWN", HOSTS_UNKNOWN},
                 {"PARANOID", HOSTS_PARANOID}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (view_eq_case(text, view_of(words[i].word))) {
            (void)add(p, list, words[i].kind, text);
            return true;
        }
    }
    return false;
}

static void add_host(struct hosts_parse *p, struct hosts_patterns *list, struct view text)
{
    struct error e = ERROR_INIT;
    struct net_network network;
    if (add_keyword(p, list, text))
        return;
    if (text.p[0] == '/') {
        add_file(p, list, text);
    } else if (text.p[0] == '@') {
        hosts_fault(p, "%.*s: netgroups are not supported", VIEW_FMT(text));
        (void)add(p, list, bad(p), text);
    } else if (view_has(text, '@')) {
        hosts_fault(p, "%.*s: names of users at clients are not supported",
                    VIEW_FMT(text));
        (void)add(p, list, bad(p), text);
    } else if (text.p[0] == '.') {
        (void)add(p, list, HOSTS_SUFFIX, text);
    } else if (text.p[text.n - 1] == '.') {
        (void)add(p, list, HOSTS_PREFIX, text);
    } else if (view_has(text, '*') || view_has(text, '?')) {
        (void)add(p, list, HOSTS_WILD, text);
    } else if (parse_network(p, text, &network, &e)) {
        add(p, list, HOSTS_NETWORK, text)->network = network;
    } else if (view_has(text, '/') || text.p[0] == '[') {
        hosts_fault(p, "%.*s: bad network: %s", VIEW_FMT(text), e.text);
        (void)add(p, list, bad(p), text);
    } else {
        (void)add(p, list, HOSTS_EXACT, text);
    }
}

/* Patterns of hosts, one after the other, no EXCEPT. */
static void add_file(struct hosts_parse *p, struct hosts_patterns *list, struct view path)
{
    struct view text, word;
    struct error e = ERROR_INIT;
    if (p->nesting >= NESTING_MAX || !p->how->read) {
        hosts_fault(p, "%.*s: files inside of files too deep", VIEW_FMT(path));
        (void)add(p, list, bad(p), path);
        return;
    }
    if (!p->how->read(p->how->arg, path, p->arena, &text, &e)) {
        hosts_fault(p, "%s", error_cstr(&e));
        (void)add(p, list, bad(p), path);
        return;
    }
    struct hosts_pattern *file = add(p, list, HOSTS_FILE, path);
    file->words = ARENA_NEW(p->arena, struct hosts_patterns);
    p->nesting++;
    while (view_token(&text, separators, &word))
        add_host(p, file->words, word);
    p->nesting--;
}

static void add_daemon(struct hosts_parse *p, struct hosts_patterns *list,
                       struct view text)
{
    struct view daemon = text, host = VIEW_NONE;
    struct hosts_patterns hosts = {.first = NULL};
    if (view_cut(text, '@', &daemon, &host) && (daemon.n == 0 || host.n == 0)) {
        hosts_fault(p, "%.*s: not of the form daemon@host", VIEW_FMT(text));
        (void)add(p, list, bad(p), text);
        return;
    }
    enum hosts_pattern_kind kind = view_eq_case(daemon, VIEW("ALL")) ? HOSTS_ALL
                                   : view_has(daemon, '*') || view_has(daemon, '?')
                                       ? HOSTS_WILD
                                       : HOSTS_EXACT;
    struct hosts_pattern *pattern = add(p, list, kind, daemon);
    if (host.n > 0) {
        add_host(p, &hosts, host);
        pattern->host = hosts.first;
    }
}

struct hosts_patterns *hosts_patterns_parse(struct hosts_parse *p, struct view text,
                                            bool are_daemons)
{
    struct hosts_patterns *whole = ARENA_NEW(p->arena, struct hosts_patterns),
                          *list = whole;
    struct view word;
    unsigned depth = 0;
    bool bad_fits = p->bad_fits;
    while (view_token(&text, separators, &word)) {
        if (view_eq_case(word, VIEW("EXCEPT")) && depth++ < EXCEPT_MAX) {
            list = list->except = ARENA_NEW(p->arena, struct hosts_patterns);
            p->bad_fits = !p->bad_fits;
        } else if (are_daemons) {
            add_daemon(p, list, word);
        } else {
            add_host(p, list, word);
        }
    }
    p->bad_fits = bad_fits;
    if (depth > EXCEPT_MAX)
        hosts_fault(p, "more than %d times EXCEPT", EXCEPT_MAX);
    if (!whole->first) {
        hosts_fault(p, "no %s", are_daemons ? "daemon" : "client");
        (void)add(p, whole, bad(p), VIEW("none"));
    }
    return whole;
}

/* --- asking --- */

/* * is any bytes, ? is one; case-blind.  Steps back to the last * only. */
static bool is_like(struct view pattern, struct view text)
{
    size_t i = 0, k = 0, star = VIEW_NPOS, from = 0;
    while (k < text.n) {
        if (i < pattern.n && pattern.p[i] == '*') {
            star = i++;
            from = k;
        } else if (i < pattern.n &&
                   (pattern.p[i] == '?' ||
                    view_eq_case(view_sub(pattern, i, 1), view_sub(text, k, 1)))) {
            i++;
            k++;
        } else if (star != VIEW_NPOS) {
            i = star + 1;
            k = ++from;
        } else {
            return false;
        }
    }
    while (i < pattern.n && pattern.p[i] == '*')
        i++;
    return i == pattern.n;
}

static bool is_known(const struct hosts_client *c)
{
    return !c->is_paranoid && c->name.n > 0 && !view_eq_case(c->name, VIEW("unknown"));
}

/* Has the client this very name or address, or one of the form? */
static bool fits_text(const struct hosts_pattern *pattern, struct view text)
{
    size_t n = pattern->text.n;
    if (text.n == 0)
        return false;
    switch ((int)pattern->kind) {
    case HOSTS_SUFFIX:
        return text.n > n && view_eq_case(view_from(text, text.n - n), pattern->text);
    case HOSTS_PREFIX:
        return text.n > n && view_eq_case(view_sub(text, 0, n), pattern->text);
    case HOSTS_WILD:
        return is_like(pattern->text, text);
    default:
        return view_eq_case(text, pattern->text);
    }
}

static bool fits_host(const struct hosts_pattern *pattern, const struct hosts_client *c)
{
    struct net_address a;
    switch (pattern->kind) {
    case HOSTS_ALL:
    case HOSTS_BAD_FITS:
        return true;
    case HOSTS_LOCAL:
        return is_known(c) && !view_has(c->name, '.');
    case HOSTS_KNOWN:
        return is_known(c) && c->address.n > 0;
    case HOSTS_UNKNOWN:
        return !c->is_paranoid && !is_known(c);
    case HOSTS_PARANOID:
        return c->is_paranoid;
    case HOSTS_NETWORK:
        return net_address_parse(c->address, 0, &a) &&
               net_network_has(&pattern->network, &a);
    case HOSTS_FILE:
        return hosts_patterns_fit_client(pattern->words, c);
    case HOSTS_SUFFIX:
    case HOSTS_PREFIX:
    case HOSTS_WILD:
    case HOSTS_EXACT:
        return fits_text(pattern, c->address) ||
               (is_known(c) && fits_text(pattern, c->name));
    case HOSTS_BAD:
    default:
        return false;
    }
}

static bool fits_service(const struct hosts_pattern *pattern,
                         const struct hosts_client *c)
{
    bool fits = pattern->kind == HOSTS_ALL || pattern->kind == HOSTS_BAD_FITS;
    for (size_t i = 0; i < c->n_services && !fits && pattern->kind != HOSTS_BAD; i++)
        fits = fits_text(pattern, c->services[i]);
    if (!fits || !pattern->host)
        return fits;
    const struct hosts_client server = {.name = VIEW("unknown"),
                                        .address = c->server_address};
    return fits_host(pattern->host, &server);
}

/* With EXCEPT: in the first list, and not in (the second, and not in (the third ...)). */
static bool fit(const struct hosts_patterns *list, const struct hosts_client *c,
                bool (*one)(const struct hosts_pattern *, const struct hosts_client *))
{
    bool fits = true;
    for (; list; list = list->except) {
        const struct hosts_pattern *p = list->first;
        while (p && !one(p, c))
            p = p->next;
        if (!p)
            return !fits;
        fits = !fits;
    }
    return !fits;
}

bool hosts_patterns_fit_service(const struct hosts_patterns *list,
                                const struct hosts_client *c)
{
    return fit(list, c, fits_service);
}

bool hosts_patterns_fit_client(const struct hosts_patterns *list,
                               const struct hosts_client *c)
{
    return fit(list, c, fits_host);
}
