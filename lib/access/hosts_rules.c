/* hosts_rules - the lines of hosts.allow and hosts.deny; see hosts_rules.h
 *
 * Here are lines, fields and options; hosts_patterns.c has what stands in the fields.
 */
#include "access/hosts_rules.h"

#include "access/hosts_rules_private.h"
#include "base/memory.h"
#include "base/str.h"

struct rule {
    struct rule *next;
    struct hosts_rule told;
    struct hosts_patterns *daemons, *clients;
};

struct hosts_rules {
    struct arena *arena;
    struct rule *first, **end;
};

/* FIELD without the backslashes in front of its colons, and blanks around it. */
static struct view unescape(struct arena *a, struct view field)
{
    struct str plain = STR_INIT(HOSTS_LINE_MAX);
    field = view_trim_space(field);
    if (view_find_view(field, VIEW("\\:")) == VIEW_NPOS)
        return field;
    for (size_t i = 0; i < field.n; i++)
        if (field.p[i] != '\\' || i + 1 == field.n || field.p[i + 1] != ':')
            str_add_char(&plain, field.p[i]);
    field = arena_dup(a, str_view(&plain));
    str_done(&plain);
    return field;
}

/* The next field of *REST, up to a colon that is neither escaped nor inside of [ ]. */
static struct view next_field(struct arena *a, struct view *rest, bool *more)
{
    bool is_inside = false;
    for (size_t i = 0; i < rest->n; i++) {
        char c = rest->p[i];
        if (c == '\\' && i + 1 < rest->n) {
            i++;
        } else if (c == '[') {
            is_inside = true;
        } else if (c == ']') {
            is_inside = false;
        } else if (c == ':' && !is_inside) {
            struct view field = view_sub(*rest, 0, i);
            *rest = view_from(*rest, i + 1);
            *more = true;
            return unescape(a, field);
        }
    }
    struct view field = *rest;
    *rest = VIEW_NONE;
    *more = false;
    return unescape(a, field);
}

/* The options behind the second colon: does the rule deny? */
static bool parse_options(const struct hosts_parse *p, struct view rest, bool denies)
{
    bool more = true;
    while (more) {
        struct view option = next_field(p->arena, &rest, &more), word = option, name;
        bool allow = view_eq_case(option, VIEW("allow"));
        if (!view_token(&word, VIEW(" \t="), &name)) {
            hosts_fault(p, "an empty option");
            return true;
        }
        if (!allow && !view_eq_case(option, VIEW("deny"))) {
            hosts_fault(p,
                        "option \"%.*s\" is not supported (only allow and deny are), so "
                        "the rule denies",
                        VIEW_FMT(name));
            return true;
        }
        if (more) {
            hosts_fault(p, "option \"%.*s\" must be the last, so the rule denies",
                        VIEW_FMT(name));
            return true;
        }
        denies = !allow;
    }
    return denies;
}

static void parse_line(struct hosts_rules *r, struct hosts_parse *p, struct view line,
                       bool denies)
{
    bool more, has_options;
    struct view rest = line, daemons = next_field(r->arena, &rest, &more), clients;
    if (!more) {
        hosts_fault(p, "no \":\" between daemons and clients; the line is passed over");
        return;
    }
    clients = next_field(r->arena, &rest, &has_options);
    struct rule *rule = ARENA_NEW(r->arena, struct rule);
    if (has_options)
        denies = parse_options(p, rest, denies);
    rule->told = (struct hosts_rule){
        .line = p->line, .text = arena_dup(r->arena, line), .denies = denies};
    p->bad_fits = denies;
    rule->daemons = hosts_patterns_parse(p, daemons, true);
    rule->clients = hosts_patterns_parse(p, clients, false);
    *r->end = rule;
    r->end = &rule->next;
}

/* Everybody is denied here. */
static void add_wall(struct hosts_rules *r, struct hosts_parse *p)
{
    hosts_fault(p, "a line of more than %d bytes; it denies", HOSTS_LINE_MAX);
    parse_line(r, p, VIEW("ALL : ALL : deny"), true);
}

struct hosts_rules *hosts_rules_parse(struct view text, bool is_deny_file,
                                      const struct hosts_reader *how)
{
    struct hosts_rules *r = NEW(struct hosts_rules);
    struct str joined = STR_INIT(HOSTS_LINE_MAX);
    unsigned number = 0;
    bool goes_on = false, fits = true;
    r->arena = arena_new();
    r->end = &r->first;
    struct hosts_parse p = {.arena = r->arena, .how = how};
    while (text.n > 0) {
        size_t end = view_find(text, '\n');
        struct view line = view_sub(text, 0, end);
        text = end == VIEW_NPOS ? VIEW_NONE : view_from(text, end + 1);
        number++;
        if (!goes_on) {
            p.line = number;
            fits = true;
            str_clear(&joined);
        }
        goes_on = view_ends(line, VIEW("\\"));
        fits = str_add(&joined, goes_on ? view_sub(line, 0, line.n - 1) : line) && fits;
        if (goes_on && text.n > 0)
            continue;
        struct view whole = view_trim_space(str_view(&joined));
        if (!fits)
            add_wall(r, &p);
        else if (whole.n > 0 && whole.p[0] != '#')
            parse_line(r, &p, whole, is_deny_file);
    }
    str_done(&joined);
    return r;
}

void hosts_rules_free(struct hosts_rules *r)
{
    if (!r)
        return;
    arena_free(r->arena);
    memory_free(r);
}

const struct hosts_rule *hosts_rules_find(const struct hosts_rules *r,
                                          const struct hosts_client *client)
{
    for (const struct rule *rule = r->first; rule; rule = rule->next)
        if (hosts_patterns_fit_service(rule->daemons, client) &&
            hosts_patterns_fit_client(rule->clients, client))
            return &rule->told;
    return NULL;
}
