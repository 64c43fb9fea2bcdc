/* address_list - parse and walk address headers; see address_list.h
 *
 * The tokens are grouped from right to left, since only what stands behind a
 * run of words tells what it is: "<" makes it a display name, ";" further on
 * makes a ":" the end of a group's name.  The grammar is as lenient as
 * Postfix's: words without "@" are addresses, and between two addresses a
 * missing comma is put in.
 */
#include "address_list.h"
#include "token.h"

struct parser {
    struct arena *arena;
    struct token *tokens;
    size_t left;   /* tokens[0 .. left-1] are still to be grouped */
    bool in_group; /* a ";" was met: a ":" before it ends a group's name */
    bool truncated;
    struct address_token *first;
};

/* Cut BODY into tokens. */
static void scan(struct parser *p, struct view body, size_t limit)
{
    size_t cap = 0;
    for (;;) {
        struct token t = token_next(&body, p->arena);
        if (t.type == TOKEN_END)
            return;
        if (p->left == limit) {
            p->truncated = true;
            return;
        }
        if (p->left == cap) {
            cap = cap ? cap * 2 : 16;
            struct token *more = arena_alloc_array(p->arena, cap, sizeof *more);
            if (p->left > 0)
                memcpy(more, p->tokens, p->left * sizeof *more);
            p->tokens = more;
        }
        p->tokens[p->left++] = t;
    }
}

static struct address_token *put(struct parser *p, int type, struct view text)
{
    struct address_token *t = ARENA_NEW(p->arena, struct address_token);
    *t = (struct address_token){.type = type, .text = text, .next = p->first};
    p->first = t;
    return t;
}

/* A comma, when an address follows what is put next. */
static void put_missing_comma(struct parser *p)
{
    if (p->first && p->first->type == TOKEN_ADDRESS)
        put(p, ',', VIEW(","));
}

/* Make one address of the tokens FROM..TO-1; comments among them go behind it. */
static void put_address(struct parser *p, size_t from, size_t to)
{
    size_t size = 0;
    size_t words = 0;
    for (size_t i = to; i > from; i--) {
        struct token t = p->tokens[i - 1];
        if (t.type == TOKEN_COMMENT) {
            put(p, TOKEN_COMMENT, t.text);
            continue;
        }
        words++;
        size += t.text.n + 2;
    }
    if (words == 0)
        return;
    char *text = arena_alloc(p->arena, size);
    size_t n = 0;
    bool route = false;
    bool routed = false;
    for (size_t i = from; i < to; i++) {
        struct token t = p->tokens[i];
        if (t.type == TOKEN_COMMENT)
            continue;
        route = route || (n == 0 && !routed && t.type == '@');
        if (t.type == TOKEN_LITERAL)
            text[n++] = '[';
        if (t.text.n > 0)
            memcpy(text + n, t.text.p, t.text.n);
        n += t.text.n;
        if (t.type == TOKEN_LITERAL)
            text[n++] = ']';
        if (route && t.type == ':') { /* RFC 5321 4.1.1.3: drop the route */
            n = 0;
            route = false;
            routed = true;
        }
    }
    put(p, TOKEN_ADDRESS, (struct view){text, n})->routed = routed;
}

/* The place of the "<" that belongs to the ">" at tokens[left-1], or VIEW_NPOS. */
static size_t find_open(const struct parser *p)
{
    for (size_t i = p->left - 1; i > 0; i--) {
        int type = p->tokens[i - 1].type;
        if (type == '<')
            return i - 1;
        if (type == '>' || type == ';')
            break;
    }
    return VIEW_NPOS;
}

/* Hand over the tokens of a display name or group name as they are, up to one
 * of the characters STOP. */
static void put_phrase(struct parser *p, const char *stop)
{
    while (p->left > 0) {
        struct token t = p->tokens[p->left - 1];
        if (t.type < 256 && strchr(stop, t.type))
            return;
        put(p, t.type, t.text);
        p->left--;
    }
}

/* "phrase <address>" ending at tokens[left-1]. */
static bool group_bracketed(struct parser *p)
{
    size_t open = find_open(p);
    if (open == VIEW_NPOS)
        return false;
    put_missing_comma(p);
    put(p, '>', VIEW(">"));
    put_address(p, open + 1, p->left - 1);
    put(p, '<', VIEW("<"));
    p->left = open;
    put_phrase(p, ">;,:");
    return true;
}

/* A run of words and operators ending at tokens[left-1] is a bare address. */
static void group_bare(struct parser *p)
{
    size_t to = p->left;
    int right = TOKEN_END;
    while (p->left > 0) {
        int type = p->tokens[p->left - 1].type;
        if (type == ',' || type == ';' || type == '>' || (type == ':' && p->in_group))
            break;
        if (token_is_word(type) && token_is_word(right))
            break;
        if (type != TOKEN_COMMENT)
            right = type;
        p->left--;
    }
    put_missing_comma(p);
    put_address(p, p->left, to);
}

static void group_all(struct parser *p)
{
    while (p->left > 0) {
        struct token t = p->tokens[p->left - 1];
        if (t.type == '>' && group_bracketed(p))
            continue;
        if (t.type == ',' || t.type == ';' || t.type == '>') {
            if (t.type != ',')
                put_missing_comma(p);
            p->in_group = p->in_group || t.type == ';';
        } else if (t.type == ':' && p->in_group) {
            p->left--;
            put(p, TOKEN_GROUP, t.text);
            put_phrase(p, ",");
            continue;
        } else if (t.type != TOKEN_COMMENT && t.type != ':') {
            group_bare(p);
            continue;
        }
        put(p, t.type, t.text);
        p->left--;
    }
}

/* Words, joined by blanks, of the tokens from T to END. */
static struct view join(struct arena *arena, const struct address_token *t,
                        const struct address_token *end, bool comments)
{
    size_t size = 1;
    for (const struct address_token *s = t; s != end; s = s->next)
        size += s->text.n + 3;
    char *text = arena_alloc(arena, size);
    size_t n = 0;
    int before = TOKEN_END;
    for (; t != end; t = t->next) {
        if ((t->type == TOKEN_COMMENT) != comments || t->type == '<' || t->type == '>')
            continue;
        if (n > 0 && t->type >= TOKEN_ATOM && before >= TOKEN_ATOM)
            text[n++] = ' ';
        if (t->text.n > 0)
            memcpy(text + n, t->text.p, t->text.n);
        n += t->text.n;
        before = t->type;
    }
    return (struct view){text, n};
}

/* Fill the array of mailboxes from the grouped tokens. */
static void collect(struct address_list *list)
{
    size_t count = 0;
    size_t groups = 0;
    for (struct address_token *t = list->first; t; t = t->next) {
        count += t->type == TOKEN_ADDRESS;
        groups += t->type == TOKEN_GROUP;
    }
    list->items = arena_alloc_array(list->arena, count + 1, sizeof *list->items);
    if (groups > 0)
        list->groups = arena_alloc_array(list->arena, groups, sizeof *list->groups);
    struct view group = VIEW_NONE;
    struct mailbox_group *open = NULL;
    struct address_token *start = list->first; /* of what belongs to the next address */
    for (struct address_token *t = list->first; t; t = t->next) {
        if (t->type == TOKEN_GROUP) {
            group = join(list->arena, start, t, false);
            open = &list->groups[list->group_count++];
            *open = (struct mailbox_group){group, list->count, 0};
        }
        if (t->type == ';') {
            group = VIEW_NONE;
            open = NULL;
        }
        if (t->type == ',' || t->type == ';' || t->type == TOKEN_GROUP)
            start = t->next;
        if (t->type != TOKEN_ADDRESS)
            continue;
        if (open)
            open->count++;
        struct address_token *end = t->next;
        while (end && (end->type == TOKEN_COMMENT || end->type == '>'))
            end = end->next;
        list->items[list->count++] = (struct mailbox){
            .address = t->text,
            .name = join(list->arena, start, t, false),
            .comment = join(list->arena, start, end, true),
            .group = group,
            .routed = t->routed,
            .token = t,
        };
        start = end;
    }
}

struct address_list *address_list_parse(struct arena *arena, struct view body,
                                        size_t token_limit)
{
    struct parser p = {.arena = arena};
    scan(&p, body, token_limit ? token_limit : ADDRESS_LIST_TOKENS);
    group_all(&p);
    struct address_list *list = ARENA_NEW(arena, struct address_list);
    list->arena = arena;
    list->first = p.first;
    list->truncated = p.truncated;
    collect(list);
    return list;
}

void address_list_replace(struct address_list *list, size_t i, struct view address)
{
    struct view copy = arena_dup(list->arena, address);
    list->items[i].address = copy;
    list->items[i].token->text = copy;
}
