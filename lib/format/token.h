/* token - lexical tokens of RFC 5322 address syntax
 *
 * Private to this room: address paths and address lists are made of these.
 * Text is given unquoted; nothing nests but comments, which are counted.
 * RFC 5322 3.2.
 */
#ifndef FORMAT_TOKEN_H
#define FORMAT_TOKEN_H

#include "base/arena.h"
#include "base/view.h"

/* Values below 256 are single special characters. */
enum token_type {
    TOKEN_END = 0,
    TOKEN_ATOM = 256,
    TOKEN_QUOTED,  /* "text", without its quotes and backslashes */
    TOKEN_LITERAL, /* [text], without its brackets */
    TOKEN_COMMENT, /* (text), without the outer parentheses, as written */
    TOKEN_ADDRESS, /* made by the parser: a whole address in internal form */
    TOKEN_GROUP,   /* made by the parser: the ":" behind a group's name */
};

struct token {
    int type; /* enum token_type, or a character */
    struct view text;
};

/* Take the next token from *REST; TOKEN_END when only blanks are left.  Text
 * that had to be changed (escapes, line ends) is copied into ARENA. */
struct token token_next(struct view *rest, struct arena *arena);

/* A token in the list that the parser makes of a header. */
struct address_token {
    int type; /* enum token_type, or a character */
    struct view text;
    bool routed; /* TOKEN_ADDRESS: a source route was dropped */
    struct address_token *next;
};

/* An atom, quoted string or literal. */
static inline bool token_is_word(int type)
{
    return type == TOKEN_ATOM || type == TOKEN_QUOTED || type == TOKEN_LITERAL;
}

#endif
