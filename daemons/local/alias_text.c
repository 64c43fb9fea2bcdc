/* alias_text - the right-hand side of an alias, or a line of a .forward or :include: file
 *
 * One pass over the bytes.  Words are collected until a comma; "<" makes those before it
 * a display name.  A word that turns out to start a command, a file or an include takes
 * all up to the comma.
 */
#include "alias_text.h"

#define INCLUDE VIEW(":include:")

struct parser {
    struct arena *arena;
    struct view in;
    struct alias_list *out;
    size_t room;
    size_t group; /* items from here on belong to the current comma group */
    char *word;   /* as long as all of the input */
    size_t n;     /* of the current word */
    bool is_word; /* something was written, if only "" */
    bool was_quoted;
};

static void add_item(struct parser *p, enum alias_kind kind, struct view text)
{
    if (p->out->n == p->room) {
        size_t room = p->room ? p->room * 2 : 8;
        struct alias_item *items = arena_alloc_array(p->arena, room, sizeof *items);
        if (p->out->n > 0)
            memcpy(items, p->out->items, p->out->n * sizeof *items);
        p->out->items = items;
        p->room = room;
    }
    p->out->items[p->out->n++] = (struct alias_item){kind, arena_dup(p->arena, text)};
}

/* Does the word so far start something that goes on over blanks? */
static bool takes_blanks(const struct parser *p)
{
    struct view v = {p->word, p->n};

    return p->n > 0 &&
           (p->word[0] == '|' || p->word[0] == '/' || view_starts_case(v, INCLUDE));
}

/* The word is complete. */
static void end_word(struct parser *p)
{
    struct view v = {p->word, p->n};

    p->n = 0;
    p->is_word = p->was_quoted = false;
    if (v.n == 0)
        return;
    if (v.p[0] == '|')
        add_item(p, ALIAS_COMMAND, view_trim_space(view_from(v, 1)));
    else if (v.p[0] == '/')
        add_item(p, ALIAS_FILE, view_trim_space(v));
    else if (view_starts_case(v, INCLUDE))
        add_item(p, ALIAS_INCLUDE, view_trim_space(view_from(v, INCLUDE.n)));
    else
        add_item(p, ALIAS_ADDRESS, v);
}

static void put(struct parser *p, char c)
{
    p->word[p->n++] = c;
    p->is_word = true;
}

static int next_byte(struct parser *p)
{
    if (p->in.n == 0)
        return -1;
    int c = (unsigned char)*p->in.p;
    p->in = view_from(p->in, 1);
    return c;
}

/* Behind the opening quote. */
static void take_quoted(struct parser *p)
{
    int c;

    p->is_word = p->was_quoted = true;
    while ((c = next_byte(p)) >= 0 && c != '"') {
        if (c == '\\' && p->in.n > 0)
            c = next_byte(p);
        put(p, (char)c);
    }
}

/* Behind the opening parenthesis. */
static void skip_comment(struct parser *p)
{
    size_t depth = 1;
    int c;

    while (depth > 0 && (c = next_byte(p)) >= 0) {
        if (c == '\\')
            (void)next_byte(p);
        else if (c == '(')
            depth++;
        else if (c == ')')
            depth--;
    }
}

/* Blanks: the end of a word, unless an address is written with blanks around its "@". */
static void take_blanks(struct parser *p)
{
    while (p->in.n > 0 && ascii_is_space((unsigned char)*p->in.p))
        p->in = view_from(p->in, 1);
    if (!p->is_word || p->in.n == 0)
        return;
    if (takes_blanks(p)) {
        put(p, ' ');
        return;
    }
    if (*p->in.p != '@' && !(p->n > 0 && p->word[p->n - 1] == '@'))
        end_word(p);
}

/* "<": what came before since the last comma was a name. */
static void take_angle(struct parser *p)
{
    int c;

    p->out->n = p->group;
    p->n = 0;
    p->is_word = false;
    while ((c = next_byte(p)) >= 0 && c != '>') {
        if (c == '"')
            take_quoted(p);
        else if (!ascii_is_space(c))
            put(p, (char)c);
    }
    end_word(p);
    /* Up to the comma only a comment may follow; drop it. */
    while (p->in.n > 0 && *p->in.p != ',')
        if (next_byte(p) == '(')
            skip_comment(p);
}

/* A backslash: kept at the start of a word (\user), else it quotes the next byte. */
static void take_backslash(struct parser *p)
{
    int c;

    if (!p->is_word)
        put(p, '\\');
    else if ((c = next_byte(p)) >= 0)
        put(p, (char)c);
}

static void take_one(struct parser *p, int c)
{
    bool plain = !takes_blanks(p);

    if (c == '"')
        take_quoted(p);
    else if (c == ',' || (c == ';' && plain)) {
        end_word(p);
        p->group = p->out->n;
    } else if (ascii_is_space(c))
        take_blanks(p);
    else if (c == '(' && plain)
        skip_comment(p);
    else if (c == '<' && plain)
        take_angle(p);
    else if (c == '\\' && plain)
        take_backslash(p);
    else
        put(p, (char)c);
}

void alias_text_parse(struct arena *a, struct view text, struct alias_list *out)
{
    struct parser p = {.arena = a, .in = text, .out = out};
    int c;

    *out = (struct alias_list){.n = 0};
    p.word = arena_alloc(a, text.n + 1);
    while ((c = next_byte(&p)) >= 0)
        take_one(&p, c);
    end_word(&p);
}
