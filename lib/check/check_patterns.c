/* check_patterns - rules of regexp, pcre and cidr files
 *
 * Rules that cannot be read, that never match, that a rule before them hides, and those
 * that match other mail than their author thinks: told by trying them on samples.
 */
#include "base/hash.h"
#include "check/check_private.h"
#include "table/rules.h"

#include <stdarg.h>

enum { NETWORKS_MAX = 4096 };

/* The file at hand. */
struct rule_file {
    struct check *check;
    const struct table_use *use;
    const struct rules_engine *engine;
    struct hash *patterns;               /* text of a pattern, to its line */
    const struct net_network **networks; /* cidr: of the rules so far */
    unsigned *network_lines;
    size_t n_networks;
    unsigned depth;          /* open IFs */
    unsigned catch_all_line; /* of a rule that matches all; 0 */
    unsigned line;
    struct rules_subject subject;
};

/* One rule, taken apart. */
struct rule_text {
    struct view pattern; /* as written: "/^x/i" */
    struct view body;    /* between the delimiters; cidr: the network */
    struct view result;
    bool negated;
    void *compiled;
};

__attribute__((format(printf, 2, 3))) static void tell(struct rule_file *f,
                                                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct view text = arena_vprintf(f->check->arena, format, args);
    va_end(args);
    check_found(f->check, CHECK_WARNING, f->use->file, f->line, "%.*s", VIEW_FMT(text));
}

static bool is_cidr(const struct rule_file *f)
{
    return f->engine == &rules_engine_cidr;
}

/* --- samples --- */

/* Does the rule match TEXT? */
static bool matches(struct rule_file *f, const struct rule_text *r, struct view text)
{
    struct rules_subject *s = &f->subject;

    s->text = text;
    s->n_groups = 0;
    s->has_address = false;
    if (f->engine->prepare)
        f->engine->prepare(s, f->check->arena);
    return f->engine->match(r->compiled, s) != r->negated;
}

/* The address that ends the pattern BODY ("chose@public\.com$"): as written, and without
 * its back slashes.  False when it ends with none. */
static bool take_address(struct arena *a, struct view body, struct view *written,
                         struct view *address)
{
    struct str out = STR_INIT(1000);
    size_t end, start;

    if (!view_ends(body, VIEW("$")))
        return false;
    end = start = body.n - 1;
    while (start > 0) {
        int c = (unsigned char)body.p[start - 1];
        if (!ascii_is_alnum(c) && !view_has(VIEW("@.\\-_"), (char)c))
            break;
        start--;
    }
    for (size_t i = start; i < end; i++)
        if (body.p[i] != '\\')
            str_add_char(&out, body.p[i]);
    *written = view_sub(body, start, end - start);
    *address = arena_dup(a, str_view(&out));
    str_done(&out);
    size_t at = view_find(*address, '@');
    return at != VIEW_NPOS && at > 0 && at + 1 < address->n;
}

/* "^from: *" at the front of a pattern: the header's name; empty when there is none. */
static struct view header_of(struct view body)
{
    size_t n = 0;

    if (!view_starts(body, VIEW("^")))
        return VIEW_NONE;
    body = view_from(body, 1);
    while (n < body.n && (ascii_is_alnum((unsigned char)body.p[n]) || body.p[n] == '-'))
        n++;
    return n < body.n && body.p[n] == ':' ? view_sub(body, 0, n) : VIEW_NONE;
}

/* A pattern for an address that misses "Name <address>". */
static void check_address_pattern(struct rule_file *f, const struct rule_text *r)
{
    struct arena *a = f->check->arena;
    struct view header = header_of(r->body), written, address;

    if (header.n == 0 || !take_address(a, r->body, &written, &address))
        return;
    struct view bare = arena_printf(a, "%.*s: %.*s", VIEW_FMT(header), VIEW_FMT(address));
    struct view named =
        arena_printf(a, "%.*s: Name <%.*s>", VIEW_FMT(header), VIEW_FMT(address));
    if (matches(f, r, bare) && !matches(f, r, named))
        tell(f, "matches \"%.*s\" and not \"%.*s\", the usual form; write /^%.*s:.*%.*s/",
             VIEW_FMT(bare), VIEW_FMT(named), VIEW_FMT(header), VIEW_FMT(written));
}

/* All Received: headers away, those of mail that comes in too. */
static void check_trace_removal(struct rule_file *f, const struct rule_text *r)
{
    struct view foreign = VIEW(
        "Received: from mx.example.org (mx.example.org [192.0.2.1]) by mail.example.com "
        "(Postfix) with ESMTP id 4711 for <x@example.com>; Sat, 1 Jan 2000 12:00:00");
    struct view rest = r->result, action;

    if (f->use->role != ROLE_HEADERS || !view_starts(f->use->setting, VIEW("header")) ||
        !view_token(&rest, VIEW(" \t"), &action))
        return;
    if ((view_eq_case(action, VIEW("IGNORE")) || view_eq_case(action, VIEW("STRIP"))) &&
        matches(f, r, foreign))
        tell(f,
             "removes the trace of received mail too, and with it the protection against "
             "loops (hopcount_limit); use smtp_header_checks, which sees only what goes "
             "out");
}

/* --- patterns by their text --- */

/* What can be seen of a pattern that never matches. */
static void check_impossible(struct rule_file *f, const struct rule_text *r)
{
    struct view body = r->body;

    for (size_t i = 1; i + 1 < body.n; i++) {
        char before = body.p[i - 1], c = body.p[i], after = body.p[i + 1];
        bool escaped = before == '\\' && (i < 2 || body.p[i - 2] != '\\');
        if (c == '^' && !escaped &&
            (ascii_is_alnum((unsigned char)before) || before == ':' || before == '@')) {
            tell(f,
                 "never matches: \"^\" in the middle of %.*s stands for the start of the "
                 "text; write \\^ for the character",
                 VIEW_FMT(r->pattern));
            return;
        }
        if (c == '$' && !escaped && ascii_is_alnum((unsigned char)after)) {
            tell(f,
                 "never matches: \"$\" in the middle of %.*s stands for the end of the "
                 "text; write \\$ for the character",
                 VIEW_FMT(r->pattern));
            return;
        }
    }
    if (f->use->role == ROLE_HEADERS && view_starts(body, VIEW("^")) &&
        view_starts(f->use->setting, VIEW("header")) && header_of(body).n == 0) {
        size_t n = 1;
        while (n < body.n &&
               (ascii_is_alnum((unsigned char)body.p[n]) || body.p[n] == '-'))
            n++;
        if (n > 2 && n < body.n && body.p[n] == ' ')
            tell(f,
                 "never matches: a header is \"Name: text\"; write \"^%.*s:\" with its "
                 "colon",
                 VIEW_FMT(view_sub(body, 1, n - 1)));
    }
}

static bool is_catch_all(struct rule_file *f, const struct rule_text *r)
{
    static const char *const all[] = {"",    "^", ".*", "^.*", "^.*$",
                                      ".*$", ".", "$",  "^.",  ".+"};

    if (r->negated)
        return false;
    if (is_cidr(f))
        return false; /* two families: see check_network */
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (view_eq(r->body, view_of(all[i])))
            return true;
    return false;
}

/* --- hidden rules --- */

/* Is the network of R inside one of a rule before it? */
static void check_network(struct rule_file *f, const struct rule_text *r)
{
    const struct net_network *network = r->compiled;
    struct net_address first = {.length = 0};

    if (r->negated || f->depth > 0)
        return;
    if (!net_address_parse(r->body, 0, &first)) {
        struct view address, bits;
        view_cut(r->body, '/', &address, &bits);
        if (!net_address_parse(address, 0, &first))
            return;
    }
    for (size_t i = 0; i < f->n_networks; i++)
        if (f->networks[i]->bits <= network->bits &&
            net_network_has(f->networks[i], &first)) {
            tell(f,
                 "%.*s is never reached: line %u has all of it; put the smaller network "
                 "first",
                 VIEW_FMT(r->body), f->network_lines[i]);
            return;
        }
    if (f->n_networks < NETWORKS_MAX) {
        f->networks[f->n_networks] = network;
        f->network_lines[f->n_networks++] = f->line;
    }
}

static void check_hidden(struct rule_file *f, const struct rule_text *r)
{
    const unsigned *first = hash_get(f->patterns, r->pattern);

    if (f->catch_all_line > 0)
        tell(f, "%.*s is never reached: line %u matches everything; put that one last",
             VIEW_FMT(r->pattern), f->catch_all_line);
    else if (first != NULL && f->depth == 0)
        tell(f,
             "%.*s is never reached: it stands already in line %u; delete one of the two",
             VIEW_FMT(r->pattern), *first);
    else if (is_cidr(f))
        check_network(f, r);
    if (f->depth > 0 || r->negated)
        return;
    if (first == NULL) {
        unsigned *line = ARENA_NEW(f->check->arena, unsigned);
        *line = f->line;
        hash_put(f->patterns, r->pattern, line);
    }
    if (f->catch_all_line == 0 && is_catch_all(f, r))
        f->catch_all_line = f->line;
}

/* --- lines --- */

/* Take the pattern from the front of *REST; told when it is none. */
static bool take_pattern(struct rule_file *f, struct view *rest, struct rule_text *r)
{
    struct error e = ERROR_INIT;
    size_t groups;

    *rest = view_trim_space(*rest);
    while (rest->n > 0 && rest->p[0] == '!') {
        r->negated = !r->negated;
        *rest = view_trim_space(view_from(*rest, 1));
    }
    struct view start = *rest, flags;
    if (rest->n == 0 ||
        !f->engine->take(rest, f->check->arena, &r->compiled, &groups, &e)) {
        tell(f, "the rule is passed over: %s: \"%.*s\"; correct the pattern",
             e.text[0] ? e.text : "no pattern", VIEW_FMT(view_sub(start, 0, 60)));
        return false;
    }
    r->pattern = view_trim_space(view_sub(start, 0, start.n - rest->n));
    r->body = r->pattern;
    if (!is_cidr(f)) {
        struct view again = start;
        if (!rules_take_delimited(&again, &r->body, &flags, &e))
            r->body = r->pattern;
    }
    return true;
}

static void check_rule(struct rule_file *f, struct view line)
{
    struct rule_text r = {.negated = false};

    if (!take_pattern(f, &line, &r))
        return;
    r.result = view_trim_space(line);
    if (r.result.n == 0)
        tell(f, "%.*s has no result; write what is to be done behind it",
             VIEW_FMT(r.pattern));
    else if (f->use->role == ROLE_HEADERS || f->use->role == ROLE_HEADERS_OUT ||
             f->use->role == ROLE_ACCESS)
        check_action(f->check, f->use->role, f->use->file, f->line, r.result);
    check_hidden(f, &r);
    if (!is_cidr(f)) {
        check_impossible(f, &r);
        check_address_pattern(f, &r);
        check_trace_removal(f, &r);
    }
    if (f->engine->free)
        f->engine->free(r.compiled);
}

static void check_if(struct rule_file *f, struct view rest)
{
    struct rule_text r = {.negated = false};

    if (!take_pattern(f, &rest, &r))
        return;
    f->depth++;
    if (f->engine->free)
        f->engine->free(r.compiled);
}

static bool is_word(struct view line, struct view word)
{
    return view_starts_case(line, word) &&
           (line.n == word.n || !ascii_is_alnum((unsigned char)line.p[word.n]));
}

static void check_line(struct rule_file *f, struct view line)
{
    if (is_word(line, VIEW("if"))) {
        check_if(f, view_from(line, 2));
    } else if (is_word(line, VIEW("endif"))) {
        if (f->depth == 0)
            tell(f, "an ENDIF without its IF; delete it");
        else
            f->depth--;
    } else {
        check_rule(f, line);
    }
}

static bool looks_like_rule(struct view content)
{
    return content.p[0] == '/' || content.p[0] == '!' || is_word(content, VIEW("if")) ||
           is_word(content, VIEW("endif"));
}

/* Rules that white space in front glues to the rule before. */
static void check_spaces(struct rule_file *f, struct view text)
{
    struct spaces s = {.rest = text};
    struct view content;

    while (spaces_next(&s, &content)) {
        f->line = s.line;
        if (!s.has_first)
            tell(
                f,
                "the rule is passed over, for it starts with white space: \"%.*s\"; take "
                "the white space away",
                VIEW_FMT(view_sub(content, 0, 60)));
        else if (looks_like_rule(content) && f->depth == 0)
            tell(f,
                 "the line starts with white space and so goes on with the rule before: "
                 "\"%.*s\"; take the white space away",
                 VIEW_FMT(view_sub(content, 0, 60)));
    }
}

static void check_text_of(struct rule_file *f, struct view text)
{
    struct lines lines;
    struct line line;

    check_spaces(f, text);
    lines_init(&lines, text);
    while (lines_next(&lines, &line)) {
        f->line = line.first;
        if (!line.starts_with_space)
            check_line(f, line.text);
    }
    lines_done(&lines);
    if (f->depth > 0)
        tell(f, "an IF without its ENDIF; write one");
}

static void check_file(struct check *k, const struct table_use *use,
                       const struct rules_engine *engine)
{
    struct str text = STR_INIT(LINES_FILE_MAX);
    struct error e = ERROR_INIT;

    if (lines_read_file(use->file, &text, &e)) {
        struct rule_file *f = ARENA_NEW(k->arena, struct rule_file);
        *f = (struct rule_file){.check = k, .use = use, .engine = engine};
        f->patterns = hash_new();
        f->networks = arena_alloc_array(k->arena, NETWORKS_MAX, sizeof *f->networks);
        f->network_lines =
            arena_alloc_array(k->arena, NETWORKS_MAX, sizeof *f->network_lines);
        check_text_of(f, str_view(&text));
        hash_free(f->patterns, NULL);
    }
    str_done(&text);
}

void check_patterns(struct check *k)
{
    static const struct {
        const char *type;
        const struct rules_engine *engine;
    } engines[] = {{"regexp", &rules_engine_regexp},
                   {"pcre", &rules_engine_pcre},
                   {"cidr", &rules_engine_cidr}};

    for (size_t i = 0; i < k->n_tables; i++)
        for (size_t n = 0; n < sizeof engines / sizeof engines[0]; n++)
            if (view_eq(k->tables[i].type, view_of(engines[n].type)))
                check_file(k, &k->tables[i], engines[n].engine);
}
