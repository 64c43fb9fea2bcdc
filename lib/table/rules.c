/* rules - tables of ordered rules: regexp, pcre, cidr */
#include "table/rules.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "conf/lines.h"

enum rule_kind { RULE_RESULT, RULE_IF, RULE_ENDIF };

struct rule {
    enum rule_kind kind;
    bool negated; /* fits when the pattern does not */
    void *compiled;
    size_t groups;
    bool substitutes; /* the result has $ in it */
    struct view result;
    unsigned line;
    size_t endif; /* of RULE_IF: where its RULE_ENDIF is */
};

struct rules {
    unsigned answered; /* line of the rule that gave the last answer */
    const struct rules_engine *engine;
    struct arena *arena;
    struct rule *items;
    size_t n, cap;
    struct rules_subject subject; /* of the look-up at hand */
};

struct parser {
    struct rules *rules;
    const char *path;
    unsigned line, flags;
    size_t open_ifs[64];
    size_t n_ifs;
};

__attribute__((format(printf, 2, 3))) static void warn(const struct parser *p,
                                                       const char *format, ...)
{
    struct str text = STR_INIT(1000);
    va_list args;

    va_start(args, format);
    str_addv(&text, format, args);
    va_end(args);
    log_warning("%s %s, line %u: %s", p->rules->engine->name, p->path, p->line,
                str_cstr(&text));
    str_done(&text);
}

static struct rule *add_rule(struct parser *p, struct rule rule)
{
    struct rules *r = p->rules;

    if (r->n == r->cap) {
        r->cap = r->cap * 2 + 16;
        r->items = memory_resize(r->items, r->cap * sizeof *r->items);
    }
    rule.line = p->line;
    r->items[r->n] = rule;
    return &r->items[r->n++];
}

/* The next reference in TEXT, which starts at its '$': the number of a group, or "$$" as
 * SIZE_MAX.  *REST is what is behind it. */
static bool take_reference(struct view text, size_t *group, struct view *rest)
{
    struct view at = view_from(text, 1);
    char close = '\0';
    uint64_t number;

    if (at.n == 0)
        return false;
    if (at.p[0] == '$') {
        *group = SIZE_MAX;
        *rest = view_from(at, 1);
        return true;
    }
    if (at.p[0] == '{' || at.p[0] == '(') {
        close = at.p[0] == '{' ? '}' : ')';
        at = view_from(at, 1);
    }
    if (!number_take_u64(&at, RULES_GROUPS_MAX, &number))
        return false;
    if (close != '\0') {
        if (at.n == 0 || at.p[0] != close)
            return false;
        at = view_from(at, 1);
    }
    *group = (size_t)number;
    *rest = at;
    return true;
}

/* Can the result of RULE be used?  Warns when not. */
static bool check_result(struct parser *p, struct rule *rule)
{
    struct view rest = rule->result;
    size_t group;

    if (!p->rules->engine->substitutes)
        return true;
    for (;;) {
        size_t at = view_find(rest, '$');
        if (at == VIEW_NPOS)
            return true;
        if (!take_reference(view_from(rest, at), &group, &rest)) {
            warn(p, "bad replacement syntax: \"%.*s\": skipping this rule",
                 VIEW_FMT(rule->result));
            return false;
        }
        rule->substitutes = true;
        if (group == SIZE_MAX)
            continue;
        if (p->flags & TABLE_NO_REGEXP_SUBST) {
            warn(p, "regular expression substitution is not allowed: skipping this rule");
            return false;
        }
        if (rule->negated) {
            warn(p, "$number found in negative match replacement text: skipping this "
                    "rule");
            return false;
        }
        if (group == 0 || group > rule->groups) {
            warn(p, "out of range replacement index \"%zu\": skipping this rule", group);
            return false;
        }
    }
}

/* "!"s, then the engine's pattern. */
static bool take_pattern(struct parser *p, struct view *rest, struct rule *rule)
{
    struct error e = ERROR_INIT;

    *rest = view_trim_space(*rest);
    while (rest->n > 0 && rest->p[0] == '!') {
        rule->negated = !rule->negated;
        *rest = view_trim_space(view_from(*rest, 1));
    }
    if (rest->n == 0) {
        warn(p, "no pattern: skipping this rule");
        return false;
    }
    if (p->rules->engine->take(rest, p->rules->arena, &rule->compiled, &rule->groups, &e))
        return true;
    warn(p, "%s: skipping this rule", e.text);
    return false;
}

static void parse_if(struct parser *p, struct view rest)
{
    struct rule rule = {.kind = RULE_IF};

    if (!take_pattern(p, &rest, &rule))
        return;
    if (view_trim_space(rest).n > 0)
        warn(p, "ignoring extra text after IF statement: \"%.*s\"",
             VIEW_FMT(view_trim_space(rest)));
    if (p->n_ifs == sizeof p->open_ifs / sizeof p->open_ifs[0]) {
        warn(p, "IF statements nested too deep: skipping this rule");
        if (p->rules->engine->free)
            p->rules->engine->free(rule.compiled);
        return;
    }
    p->open_ifs[p->n_ifs++] = p->rules->n;
    add_rule(p, rule);
}

static void parse_endif(struct parser *p, struct view rest)
{
    if (view_trim_space(rest).n > 0)
        warn(p, "ignoring extra text after ENDIF");
    if (p->n_ifs == 0) {
        warn(p, "ignoring ENDIF without matching IF");
        return;
    }
    p->rules->items[p->open_ifs[--p->n_ifs]].endif = p->rules->n;
    add_rule(p, (struct rule){.kind = RULE_ENDIF});
}

static void parse_result(struct parser *p, struct view rest)
{
    struct rule rule = {.kind = RULE_RESULT};

    if (!take_pattern(p, &rest, &rule))
        return;
    rule.result = arena_dup(p->rules->arena, view_trim_space(rest));
    if (rule.result.n == 0)
        warn(p, "no replacement text: using empty string");
    if (check_result(p, &rule))
        add_rule(p, rule);
    else if (p->rules->engine->free)
        p->rules->engine->free(rule.compiled);
}

/* Is WORD at the front of LINE, in any case, and nothing that goes on? */
static bool is_word(struct view line, struct view word)
{
    return view_starts_case(line, word) &&
           (line.n == word.n || !ascii_is_alnum((unsigned char)line.p[word.n]));
}

static void parse_line(struct parser *p, const struct line *line)
{
    p->line = line->first;
    if (line->starts_with_space)
        warn(p, "logical line must not start with whitespace: \"%.*s...\"",
             (int)(line->text.n > 30 ? 30 : line->text.n), line->text.p);
    else if (line->too_long)
        warn(p, "line too long: skipping this rule");
    else if (is_word(line->text, VIEW("if")))
        parse_if(p, view_from(line->text, 2));
    else if (is_word(line->text, VIEW("endif")))
        parse_endif(p, view_from(line->text, 5));
    else
        parse_result(p, line->text);
}

struct rules *rules_parse(const struct rules_engine *engine, const char *path,
                          struct view text, unsigned flags)
{
    struct rules *r = NEW(struct rules);
    struct parser p = {.rules = r, .path = path, .flags = flags};
    struct lines lines;
    struct line line;

    r->engine = engine;
    r->arena = arena_new();
    lines_init(&lines, text);
    while (lines_next(&lines, &line))
        parse_line(&p, &line);
    lines_done(&lines);
    while (p.n_ifs > 0) {
        struct rule *rule = &r->items[p.open_ifs[--p.n_ifs]];
        p.line = rule->line;
        warn(&p, "IF has no matching ENDIF");
        rule->endif = r->n;
    }
    return r;
}

void rules_free(struct rules *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n; i++)
        if (r->engine->free && r->items[i].compiled)
            r->engine->free(r->items[i].compiled);
    memory_free(r->items);
    arena_free(r->arena);
    memory_free(r);
}

size_t rules_count(const struct rules *r)
{
    return r->n;
}

/* The result of RULE with its references filled in. */
static enum table_result substitute(const struct rule *rule,
                                    const struct rules_subject *s, struct arena *a,
                                    struct view *value, struct error *e)
{
    struct str out = STR_INIT(TABLE_VALUE_MAX);
    struct view rest = rule->result;
    size_t group, at;

    while ((at = view_find(rest, '$')) != VIEW_NPOS) {
        str_add(&out, view_sub(rest, 0, at));
        if (!take_reference(view_from(rest, at), &group, &rest))
            break; /* cannot be: checked when the rule was read */
        if (group == SIZE_MAX)
            str_add_char(&out, '$');
        else if (group < s->n_groups)
            str_add(&out, s->groups[group]);
    }
    str_add(&out, rest);
    if (out.overflow)
        error_set(e, "4.3.0", "result longer than %zu bytes", TABLE_VALUE_MAX);
    else
        *value = arena_dup(a, str_view(&out));
    bool ok = !out.overflow;
    str_done(&out);
    return ok ? TABLE_FOUND : TABLE_ERROR;
}

enum table_result rules_get(struct rules *r, struct view key, struct arena *a,
                            struct view *value, struct error *e)
{
    struct rules_subject *s = &r->subject;

    r->answered = 0;
    s->text = key;
    s->has_address = false;
    if (r->engine->prepare)
        r->engine->prepare(s, a);
    for (size_t i = 0; i < r->n; i++) {
        const struct rule *rule = &r->items[i];
        if (rule->kind == RULE_ENDIF)
            continue;
        s->n_groups = 0;
        if (r->engine->match(rule->compiled, s) == rule->negated) {
            if (rule->kind == RULE_IF)
                i = rule->endif; /* its endif, or the end */
            continue;
        }
        if (rule->kind == RULE_IF)
            continue;
        r->answered = rule->line;
        if (rule->substitutes)
            return substitute(rule, s, a, value, e);
        return table_found(a, rule->result, value);
    }
    return TABLE_NOT_FOUND;
}

bool rules_take_delimited(struct view *rest, struct view *pattern, struct view *flags,
                          struct error *e)
{
    char delimiter = rest->p[0];
    size_t i = 1;

    if (ascii_is_alnum((unsigned char)delimiter) || delimiter == '\\') {
        error_set(e, "4.3.5", "ignoring unrecognized request");
        return false;
    }
    while (i < rest->n && rest->p[i] != delimiter)
        i += rest->p[i] == '\\' ? 2 : 1;
    if (i >= rest->n) {
        error_set(e, "4.3.5", "no closing regexp delimiter \"%c\"", delimiter);
        return false;
    }
    *pattern = view_sub(*rest, 1, i - 1);
    *rest = view_from(*rest, i + 1);
    size_t n = 0;
    while (n < rest->n && !ascii_is_space((unsigned char)rest->p[n]))
        n++;
    *flags = view_sub(*rest, 0, n);
    *rest = view_from(*rest, n);
    return true;
}

/* Put the rules of "{ {rule}, {rule} }" into OUT, one a line. */
static bool inline_text(struct view body, struct str *out, struct error *e)
{
    struct view element, rule;

    while (conf_list_next(&body, &element)) {
        if (!table_inline_body(element, &rule)) {
            error_set(e, "4.3.5", "bad syntax: \"%.*s\" is not \"{rule}\"",
                      VIEW_FMT(element));
            return false;
        }
        str_add(out, rule);
        str_add_char(out, '\n');
    }
    return true;
}

bool rules_open(struct table *t, const struct rules_engine *engine, struct error *e)
{
    struct str text = STR_INIT(TABLE_FILE_MAX);
    struct view body;
    bool ok;

    if (table_inline_body(t->name, &body)) {
        ok = inline_text(body, &text, e);
        if (ok)
            t->state = rules_parse(engine, t->spec, str_view(&text), t->flags);
    } else {
        char *path = table_path(t->conf, t->name, "");
        table_watch(t, path);
        ok = lines_read_file(path, &text, e);
        if (ok)
            t->state = rules_parse(engine, path, str_view(&text), t->flags);
        memory_free(path);
    }
    str_done(&text);
    return ok;
}

void rules_close(struct table *t)
{
    rules_free(t->state);
}

enum table_result rules_table_get(struct table *t, struct view key, struct arena *a,
                                  struct view *value, struct error *e)
{
    struct rules *r = t->state;
    enum table_result result = rules_get(r, key, a, value, e);

    t->line = r->answered;
    return result;
}
