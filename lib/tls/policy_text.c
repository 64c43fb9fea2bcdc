/* policy_text - a line of a policy table, and the defaults beneath it
 *
 * "secure match=example.com:.example.com ciphers=high": a level, then attributes that
 * override parameters of main.cf.  Whatever does not fit makes the whole policy void:
 * mail waits rather than go less safely than was meant.
 */
#include "base/log.h"
#include "tls/policy_private.h"

#define SPACE_COMMA VIEW(" \t\r\n,")

/* Add each word of LIST. */
static bool add_matches(struct tls_policy *p, struct view list, struct view separators,
                        struct arena *a)
{
    struct view word, rest = list;
    size_t n = p->n_match;
    while (view_token(&rest, separators, &word))
        n++;
    if (n > TLS_MATCH_MAX)
        return false;
    struct view *grown = arena_alloc_array(a, n + 1, sizeof *grown);
    if (p->n_match > 0)
        memcpy(grown, p->match, p->n_match * sizeof *grown);
    p->match = grown;
    while (view_token(&list, separators, &word))
        p->match[p->n_match++] = word;
    return true;
}

static bool default_matches(const struct tls_policy_source *s, struct arena *a,
                            struct tls_policy *p)
{
    const struct tls_client_role *r = s->client;
    switch (p->level) {
    case TLS_LEVEL_FINGERPRINT:
        return add_matches(p, conf_view(s->conf, r->fingerprint_match), VIEW(" \t\r\n,|"),
                           a);
    case TLS_LEVEL_VERIFY:
        return add_matches(p, conf_view(s->conf, r->verify_match), VIEW(" \t\r\n,:"), a);
    case TLS_LEVEL_SECURE:
        return add_matches(p, conf_view(s->conf, r->secure_match), VIEW(" \t\r\n,:"), a);
    case TLS_LEVEL_NONE:
    case TLS_LEVEL_MAY:
    case TLS_LEVEL_ENCRYPT:
    case TLS_LEVEL_HALF_DANE:
    case TLS_LEVEL_DANE:
    case TLS_LEVEL_DANE_ONLY:
        break;
    }
    return true;
}

bool tls_policy_defaults(const struct tls_policy_source *s, enum tls_level level,
                         struct arena *a, struct tls_policy *p)
{
    const struct conf *c = s->conf;
    bool must = level > TLS_LEVEL_MAY;
    struct view list =
        conf_view(c, must ? s->role->mandatory_protocols : s->role->protocols);
    struct view grade =
        conf_view(c, must ? s->role->mandatory_ciphers : s->role->ciphers);
    *p = (struct tls_policy){.level = level};
    if (!tls_protocols_parse(list, &p->protocols)) {
        log_warning("%.*s: invalid TLS protocol list \"%.*s\"", VIEW_FMT(s->name),
                    VIEW_FMT(list));
        return false;
    }
    if (!tls_grade_parse(view_trim_space(grade), &p->grade)) {
        log_warning("%.*s: invalid cipher grade: \"%.*s\"", VIEW_FMT(s->name),
                    VIEW_FMT(grade));
        return false;
    }
    p->exclude = conf_view(c, s->role->exclude);
    if (must)
        p->own_exclude = conf_view(c, s->role->mandatory_exclude);
    p->servername = view_trim_space(conf_view(c, s->client->servername));
    p->reuse = conf_bool(c, s->client->connection_reuse);
    if (tls_policy_by_name(p))
        p->trust_anchors = conf_view(c, s->client->trust_anchor_file);
    if (default_matches(s, a, p))
        return true;
    log_warning("%.*s: more than %d certificate matches", VIEW_FMT(s->name),
                TLS_MATCH_MAX);
    return false;
}

/* What the attributes said so far. */
struct text {
    const struct tls_policy_source *source;
    struct tls_policy *policy;
    struct arena *arena;
    unsigned seen; /* a bit for each attribute */
    bool has_match, has_anchor;
};

static bool set_protocols(struct text *t, struct view value)
{
    return tls_protocols_parse(value, &t->policy->protocols);
}

static bool set_ciphers(struct text *t, struct view value)
{
    return tls_grade_parse(value, &t->policy->grade);
}

static bool set_exclude(struct text *t, struct view value)
{
    t->policy->own_exclude = value;
    return true;
}

/* Several "match" attributes add up. */
static bool set_match(struct text *t, struct view value)
{
    struct tls_policy *p = t->policy;
    bool by_print = p->level == TLS_LEVEL_FINGERPRINT;
    if (!by_print && !tls_policy_by_name(p)) {
        log_warning("%.*s: attribute \"match\" invalid at security level \"%s\"",
                    VIEW_FMT(t->source->name), tls_level_name(p->level));
        return false;
    }
    if (!t->has_match)
        p->n_match = 0;
    t->has_match = true;
    return add_matches(p, value, by_print ? VIEW("|") : VIEW(":"), t->arena);
}

static bool set_trust_anchor(struct text *t, struct view value)
{
    struct tls_policy *p = t->policy;
    if (!tls_policy_by_name(p)) {
        log_warning("%.*s: attribute \"tafile\" invalid at security level \"%s\"",
                    VIEW_FMT(t->source->name), tls_level_name(p->level));
        return false;
    }
    p->trust_anchors = t->has_anchor
                           ? arena_printf(t->arena, "%.*s %.*s",
                                          VIEW_FMT(p->trust_anchors), VIEW_FMT(value))
                           : value;
    t->has_anchor = true;
    return true;
}

static bool set_servername(struct text *t, struct view value)
{
    t->policy->servername = value;
    return true;
}

static bool set_reuse(struct text *t, struct view value)
{
    t->policy->reuse = view_eq_case(value, VIEW("yes"));
    return t->policy->reuse || view_eq_case(value, VIEW("no"));
}

static const struct {
    const char *name;
    bool (*set)(struct text *t, struct view value);
    bool many; /* may stand more than once */
} attributes[] = {
    {"protocols", set_protocols, false},    {"ciphers", set_ciphers, false},
    {"exclude", set_exclude, false},        {"match", set_match, true},
    {"tafile", set_trust_anchor, true},     {"servername", set_servername, false},
    {"connection_reuse", set_reuse, false},
};

static bool set_once(struct text *t, size_t i, struct view value)
{
    unsigned bit = 1u << i;
    struct view name = view_of(attributes[i].name);
    if (t->seen & bit && !attributes[i].many) {
        log_warning("%.*s: attribute \"%.*s\" is specified multiple times",
                    VIEW_FMT(t->source->name), VIEW_FMT(name));
        return false;
    }
    t->seen |= bit;
    if (attributes[i].set(t, value))
        return true;
    log_warning("%.*s: attribute \"%.*s\" has bad value: \"%.*s\"",
                VIEW_FMT(t->source->name), VIEW_FMT(name), VIEW_FMT(value));
    return false;
}

static bool apply(struct text *t, struct view word)
{
    struct view name, value;
    if (!view_cut(word, '=', &name, &value) || name.n == 0) {
        log_warning("%.*s: malformed attribute/value pair \"%.*s\"",
                    VIEW_FMT(t->source->name), VIEW_FMT(word));
        return false;
    }
    if (value.n == 0) {
        log_warning("%.*s: attribute \"%.*s\" has empty value", VIEW_FMT(t->source->name),
                    VIEW_FMT(name));
        return false;
    }
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (view_eq_case(name, view_of(attributes[i].name)))
            return set_once(t, i, value);
    }
    log_warning("%.*s: invalid attribute name: \"%.*s\"", VIEW_FMT(t->source->name),
                VIEW_FMT(name));
    return false;
}

bool tls_policy_text(const struct tls_policy_source *s, struct view text, struct arena *a,
                     struct tls_policy *p)
{
    struct view word;
    enum tls_level level;
    if (!view_token(&text, SPACE_COMMA, &word)) {
        log_warning("%.*s: invalid empty policy", VIEW_FMT(s->name));
        return false;
    }
    if (!tls_level_parse(word, &level) || level == TLS_LEVEL_HALF_DANE) {
        log_warning("%.*s: invalid security level \"%.*s\"", VIEW_FMT(s->name),
                    VIEW_FMT(word));
        return false;
    }
    if (!tls_policy_defaults(s, level, a, p))
        return false;
    struct text t = {.source = s, .policy = p, .arena = a};
    while (view_token(&text, SPACE_COMMA, &word)) {
        if (level == TLS_LEVEL_NONE) {
            log_warning("%.*s: ignoring attribute \"%.*s\" with TLS disabled",
                        VIEW_FMT(s->name), VIEW_FMT(word));
            return true;
        }
        if (!apply(&t, word))
            return false;
    }
    return true;
}
