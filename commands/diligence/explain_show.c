/* explain_show - the report of `diligence explain`, for people or as JSON
 *
 * What is consulted is kept until the verdict that it led to, and written below it.
 */
#include "explain.h"

#include "queue/queue_list.h"

/* --- keeping --- */

static struct told *keep(struct explanation *x)
{
    struct told *t = ARENA_NEW(x->arena, struct told);
    if (x->last)
        x->last->next = t;
    else
        x->first = t;
    x->last = t;
    return t;
}

void show_forget(struct explanation *x)
{
    x->first = x->last = NULL;
}

void show_log(struct explanation *x, const char *text)
{
    struct told *t = keep(x);
    t->is_log = true;
    t->answer = arena_dup(x->arena, view_of(text));
}

/* --- writing --- */

static void add_pair(struct explanation *x, const char *name, struct view value,
                     bool more)
{
    str_addf(&x->out, "\"%s\": ", name);
    (void)queue_json_string(value, &x->out);
    str_add_cstr(&x->out, more ? ", " : "");
}

/* Foreign bytes, fit for a terminal. */
static void add_clean(struct str *out, struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        str_add_char(out, (unsigned char)v.p[i] < ' ' || v.p[i] == 127 ? '?' : v.p[i]);
}

static void show_json(struct explanation *x, const struct told *t)
{
    str_add_cstr(&x->out, "{");
    add_pair(x, "kind", view_of(t->is_log ? "log" : trail_kind_name(t->kind)), true);
    add_pair(x, "where", t->where, true);
    add_pair(x, "asked", t->asked, true);
    add_pair(x, "answer", t->answer, t->line > 0);
    if (t->line)
        str_addf(&x->out, "\"line\": %u", t->line);
    str_add_cstr(&x->out, "}");
}

static void show_text(struct explanation *x, const struct told *t)
{
    if (t->is_log) {
        str_add_cstr(&x->out, "      log: ");
        add_clean(&x->out, t->answer);
        str_add_char(&x->out, '\n');
        return;
    }
    str_add_cstr(&x->out, "      ");
    trail_describe(&(struct trail_step){.kind = t->kind,
                                        .where = t->where,
                                        .asked = t->asked,
                                        .answer = t->answer,
                                        .line = t->line},
                   &x->out);
    str_add_char(&x->out, '\n');
}

/* All that was consulted since the last verdict. */
static void show_consulted(struct explanation *x)
{
    bool is_json = x->form == EXPLAIN_JSON;
    if (is_json)
        str_add_cstr(&x->out, ", \"consulted\": [");
    for (const struct told *t = x->first; t; t = t->next) {
        if (is_json)
            show_json(x, t);
        else
            show_text(x, t);
        str_add_cstr(&x->out, is_json && t->next ? ", " : "");
    }
    if (is_json)
        str_add_cstr(&x->out, "]}");
    show_forget(x);
}

static void next_item(struct explanation *x)
{
    str_add_cstr(&x->out, x->form == EXPLAIN_JSON && x->has_items ? ",\n  " : "");
    x->has_items = true;
}

/* The rule of hosts.deny that led to a refusal. */
static void note_rule(struct explanation *x, const struct trail_step *s)
{
    if (!view_eq(s->where, VIEW("hosts_access_enable")))
        return;
    for (const struct told *t = x->first; t; t = t->next) {
        if (t->kind != TRAIL_LIST || !t->answer.n)
            continue;
        x->decided_table = t->where;
        x->decided_key = t->answer;
        x->decided_line = t->line;
    }
}

/* The entry that led to a refusal, for the hint. */
static void note_decision(struct explanation *x, const struct trail_step *s)
{
    x->decided_list = arena_dup(x->arena, s->where);
    x->decided_by = arena_dup(x->arena, s->asked);
    x->decided_table = x->decided_key = VIEW_NONE;
    for (const struct told *t = x->first; t; t = t->next) {
        if (t->kind != TRAIL_TABLE || t->is_log || !t->answer.n)
            continue;
        x->decided_table = t->where;
        x->decided_key = t->asked;
        x->decided_line = t->line;
    }
    note_rule(x, s);
}

static void show_restriction(struct explanation *x, const struct trail_step *s)
{
    next_item(x);
    if (s->reply.n && !x->decided_by.n)
        note_decision(x, s);
    if (x->form == EXPLAIN_JSON) {
        str_add_cstr(&x->out, "{");
        add_pair(x, "list", s->where, true);
        add_pair(x, "restriction", s->asked, true);
        if (s->reply.n)
            add_pair(x, "reply", s->reply, true);
        add_pair(x, "verdict", s->answer, false);
    } else {
        str_add_cstr(&x->out, "  ");
        trail_describe(s, &x->out);
        str_add_char(&x->out, '\n');
    }
    show_consulted(x);
}

void show_step(void *arg, const struct trail_step *step)
{
    struct explanation *x = arg;
    if (step->kind == TRAIL_RESTRICTION) {
        show_restriction(x, step);
        return;
    }
    struct told *t = keep(x);
    t->kind = step->kind;
    t->where = arena_dup(x->arena, step->where);
    t->asked = arena_dup(x->arena, step->asked);
    t->answer = arena_dup(x->arena, step->answer);
    t->line = step->line;
    if (t->kind == TRAIL_TABLE && !t->line && t->answer.n)
        t->line = table_line(x->conf, t->where, t->asked);
    if (t->kind == TRAIL_LIST && !t->line)
        t->line = parameter_line(x->conf, t->where);
}

void show_section(struct explanation *x, const char *name)
{
    if (x->form == EXPLAIN_JSON) {
        str_addf(&x->out, "%s{\"stage\": \"%s\", \"steps\": [",
                 x->out.n ? ",\n " : "{\"stages\": [\n ", name);
        x->has_items = false;
    } else {
        str_addf(&x->out, "%s\n", name);
    }
}

void show_section_end(struct explanation *x)
{
    if (x->first)
        show_fact(x, "also", VIEW_NONE);
    if (x->form == EXPLAIN_JSON)
        str_add_cstr(&x->out, "]}");
}

void show_fact(struct explanation *x, const char *name, struct view value)
{
    next_item(x);
    if (x->form == EXPLAIN_JSON) {
        str_add_cstr(&x->out, "{");
        add_pair(x, "fact", view_of(name), true);
        add_pair(x, "value", value, false);
    } else {
        str_addf(&x->out, "  %s%s", name, value.n ? ": " : "");
        add_clean(&x->out, value);
        str_add_char(&x->out, '\n');
    }
    show_consulted(x);
}

void show_verdict(struct explanation *x)
{
    struct str help = STR_INIT(4096);
    hint(x, &help);
    if (x->form == EXPLAIN_JSON) {
        str_addf(&x->out, "],\n \"accepted\": %s, ", x->is_refused ? "false" : "true");
        add_pair(x, "reply", x->is_refused ? x->reply : VIEW("250 2.0.0 Ok"), true);
        add_pair(x, "stage", view_of(x->stage), true);
        add_pair(x, "hint", str_view(&help), false);
        str_add_cstr(&x->out, "}\n");
    } else if (x->is_refused) {
        str_add_cstr(&x->out, "refused: ");
        add_clean(&x->out, x->reply);
        str_addf(&x->out, "\nhint: %s\n", str_cstr(&help));
    } else {
        str_add_cstr(&x->out, "accepted\n");
    }
    str_done(&help);
}
