/* received - read a Received: header; see received.h */
#include "received.h"

#include "date.h"

/* The next word of *REST, or a whole "(comment)" with its parentheses, or a run in <>. */
static bool next_word(struct view *rest, struct view *word)
{
    struct view v = view_trim_space(*rest);
    size_t depth = 0, i = 0;
    char end = v.n > 0 && v.p[0] == '<' ? '>' : '\0';

    for (; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\\' && depth > 0 && i + 1 < v.n) {
            i++;
        } else if (c == '(' && (depth > 0 || i == 0)) {
            depth++;
        } else if (c == ')' && depth > 0 && --depth == 0) {
            i++;
            break;
        } else if (depth == 0 && end && c == end) {
            i++;
            break;
        } else if (depth == 0 && !end && i > 0 && (ascii_is_space(c) || c == '(')) {
            break;
        }
    }
    *word = view_sub(v, 0, i);
    *rest = view_from(v, i);
    return word->n > 0;
}

static bool is_comment(struct view word)
{
    return word.n >= 2 && word.p[0] == '(' && word.p[word.n - 1] == ')';
}

/* Where the date starts: behind the last ';' that is in no comment. */
static size_t find_date(struct view body)
{
    size_t depth = 0, at = body.n;

    for (size_t i = 0; i < body.n; i++) {
        char c = body.p[i];
        if (c == '\\' && i + 1 < body.n)
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (c == ';' && depth == 0)
            at = i;
    }
    return at;
}

static struct view *clause_of(struct received *r, struct view word)
{
    const struct {
        struct view name;
        struct view *value;
    } clauses[] = {
        {VIEW("from"), &r->from}, {VIEW("by"), &r->by},         {VIEW("with"), &r->with},
        {VIEW("id"), &r->id},     {VIEW("for"), &r->recipient},
    };

    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
        if (view_eq_case(word, clauses[i].name) && view_is_empty(*clauses[i].value))
            return clauses[i].value;
    }
    return NULL;
}

/* A comment belongs to the clause that it stands behind. */
static void take_comment(struct received *r, const struct view *behind, struct view text)
{
    struct view *to = NULL;

    if (!behind)
        to = &r->lead;
    else if (behind == &r->from)
        to = &r->from_comment;
    else if (behind == &r->by)
        to = &r->by_comment;
    if (to && view_is_empty(*to))
        *to = text;
}

bool received_parse(struct view body, struct received *out)
{
    struct view word, value;
    struct view *last = NULL;
    size_t date = find_date(body);
    struct view rest = view_sub(body, 0, date);

    *out = (struct received){.has_time = false};
    out->has_time = date < body.n &&
                    date_parse(view_from(body, date + 1), &out->seconds, &out->offset);
    while (next_word(&rest, &word)) {
        if (is_comment(word)) {
            take_comment(out, last, view_sub(word, 1, word.n - 2));
            continue;
        }
        struct view *clause = clause_of(out, word);
        if (!clause || !next_word(&rest, &value))
            continue;
        last = clause;
        if (is_comment(value)) /* "from (comment)": a nameless client */
            take_comment(out, last, view_sub(value, 1, value.n - 2));
        else
            *clause = value;
    }
    out->recipient = view_trim(out->recipient, VIEW("<>"));
    return out->from.n + out->from_comment.n + out->by.n + out->lead.n > 0;
}
