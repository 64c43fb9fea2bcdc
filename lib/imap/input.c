/* input - the lexer: words, strings and literals; see input.h */
#include "input.h"

#include "base/number.h"
#include "format/utf7.h"
#include "imap_private.h"

void imap_input_init(struct imap_input *in, struct arena *arena, struct view line)
{
    *in = (struct imap_input){
        .line = line, .arena = arena, .literal_max = IMAP_LITERAL_MAX};
}

/* Take a line from the front of *REST, without its line end. */
static struct view cut_line(struct view *rest)
{
    struct view line;
    view_cut(*rest, '\n', &line, rest);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

void imap_input_memory(struct imap_input *in, struct arena *arena, struct view bytes)
{
    struct view line = cut_line(&bytes);
    imap_input_init(in, arena, line);
    in->rest = bytes;
}

void imap_input_continue(struct imap_input *in, struct view line)
{
    in->line = line;
    in->at = 0;
}

bool imap_fail(struct imap_input *in, const char *text)
{
    if (in->error == NULL)
        in->error = text;
    return false;
}

bool imap_line_literal(struct view line, struct imap_literal *literal)
{
    if (line.n < 3 || line.p[line.n - 1] != '}')
        return false;
    size_t open = view_rfind(line, '{');
    if (open == VIEW_NPOS)
        return false;
    struct view digits = view_sub(line, open + 1, line.n - open - 2);
    literal->is_sync = !view_ends(digits, VIEW("+"));
    digits.n -= !literal->is_sync;
    literal->is_binary = open > 0 && line.p[open - 1] == '~';
    return number_parse_u64(digits, 0, INT64_MAX, &literal->size);
}

/* Get the bytes of LITERAL, and the line behind them. */
static bool read_literal(struct imap_input *in, const struct imap_literal *literal,
                         struct view *bytes)
{
    struct view next;
    if (in->literal) {
        in->has_failed = !in->literal(in->context, literal, bytes, &next);
    } else {
        in->has_failed = literal->size > in->rest.n;
        *bytes = view_sub(in->rest, 0, (size_t)literal->size);
        in->rest = view_from(in->rest, bytes->n);
        next = cut_line(&in->rest);
    }
    if (in->has_failed)
        return imap_fail(in, "the connection ended in a literal");
    if (bytes->p == NULL)
        *bytes = VIEW("");
    imap_input_continue(in, next);
    return true;
}

bool imap_input_skip(struct imap_input *in)
{
    struct imap_literal literal;
    struct view bytes;
    while (!in->has_failed && imap_line_literal(in->line, &literal) && !literal.is_sync) {
        if (literal.size > in->literal_max || ++in->literals > IMAP_LITERALS)
            return false;
        if (!read_literal(in, &literal, &bytes))
            return false;
    }
    return !in->has_failed;
}

bool imap_is_atom_char(int c)
{
    return c > 0x20 && c < 0x7f && !strchr("(){%*\"\\]", c);
}

static bool is_astring_char(int c)
{
    return c == ']' || imap_is_atom_char(c);
}

static bool is_tag_char(int c)
{
    return c != '+' && is_astring_char(c);
}

static bool is_pattern_char(int c)
{
    return c == '%' || c == '*' || is_astring_char(c);
}

static bool is_word_char(int c)
{
    return ascii_is_alnum(c) || (c > 0 && c < 0x7f && strchr("-.=/_", c));
}

/* The run of bytes IS_MEMBER at the front. */
static struct view take_run(struct imap_input *in, bool (*is_member)(int c))
{
    size_t start = in->at;
    while (in->at < in->line.n && is_member((unsigned char)in->line.p[in->at]))
        in->at++;
    return view_sub(in->line, start, in->at - start);
}

bool imap_accept(struct imap_input *in, char c)
{
    if (imap_peek(in) != (unsigned char)c)
        return false;
    in->at++;
    return true;
}

bool imap_accept_word(struct imap_input *in, const char *word)
{
    size_t start = in->at;
    if (view_eq_case(take_run(in, is_word_char), view_of(word)))
        return true;
    in->at = start;
    return false;
}

bool imap_take_char(struct imap_input *in, char c)
{
    if (imap_accept(in, c))
        return true;
    switch (c) {
    case ' ':
        return imap_fail(in, "a space and an argument are missing");
    case '(':
        return imap_fail(in, "a list in parentheses is missing");
    case ')':
        return imap_fail(in, "a closing parenthesis is missing");
    default:
        return imap_fail(in, "syntax error");
    }
}

bool imap_take_space(struct imap_input *in)
{
    return imap_take_char(in, ' ');
}

bool imap_take_end(struct imap_input *in)
{
    return in->at == in->line.n || imap_fail(in, "too many or wrong arguments");
}

/* Take a run that is not empty. */
static bool take_some(struct imap_input *in, bool (*is_member)(int c), struct view *v,
                      const char *error)
{
    *v = take_run(in, is_member);
    return v->n > 0 || imap_fail(in, error);
}

bool imap_take_tag(struct imap_input *in, struct view *tag)
{
    if (!take_some(in, is_tag_char, tag, "a tag is missing"))
        return false;
    return tag->n <= IMAP_TAG_MAX || imap_fail(in, "the tag is too long");
}

bool imap_take_atom(struct imap_input *in, struct view *atom)
{
    return take_some(in, imap_is_atom_char, atom, "an atom is missing");
}

bool imap_take_word(struct imap_input *in, struct view *word)
{
    return take_some(in, is_word_char, word, "a word is missing");
}

/* Take a string in quotes, whose first one is next. */
static bool take_quoted(struct imap_input *in, struct view *string)
{
    struct view rest = view_from(in->line, in->at + 1);
    size_t i = 0;
    size_t escapes = 0;
    for (; i < rest.n && rest.p[i] != '"'; i++) {
        if (rest.p[i] == '\0' || rest.p[i] == '\r')
            return imap_fail(in, "a control character in a quoted string");
        if (rest.p[i] != '\\')
            continue;
        escapes++;
        i++;
        if (i == rest.n || (rest.p[i] != '\\' && rest.p[i] != '"'))
            return imap_fail(in, "a bad escape in a quoted string");
    }
    if (i >= rest.n)
        return imap_fail(in, "a closing quote is missing");
    in->at += i + 2;
    *string = view_sub(rest, 0, i);
    if (escapes == 0)
        return true;
    char *copy = arena_alloc(in->arena, i);
    size_t n = 0;
    for (size_t j = 0; j < i; j++) {
        j += rest.p[j] == '\\';
        copy[n++] = rest.p[j];
    }
    *string = (struct view){copy, n};
    return true;
}

bool imap_take_literal_head(struct imap_input *in, struct imap_literal *literal)
{
    struct view rest = view_from(in->line, in->at);
    bool binary = rest.n > 0 && rest.p[0] == '~';
    size_t open = binary ? 1 : 0;
    if (rest.n <= open || rest.p[open] != '{' || view_rfind(rest, '{') != open ||
        !imap_line_literal(rest, literal))
        return imap_fail(in, "a literal is missing or malformed");
    in->at = in->line.n;
    return true;
}

/* Take a literal with its bytes. */
static bool take_literal(struct imap_input *in, bool may_be_binary, struct view *bytes)
{
    size_t start = in->at;
    struct imap_literal literal;
    if (!imap_take_literal_head(in, &literal))
        return false;
    in->at = start;
    if (literal.is_binary && !may_be_binary)
        return imap_fail(in, "a binary literal does not belong here");
    if (literal.size > in->literal_max) {
        in->too_big = true;
        return imap_fail(in, "the literal is too long");
    }
    if (++in->literals > IMAP_LITERALS)
        return imap_fail(in, "too many literals");
    if (!read_literal(in, &literal, bytes))
        return false;
    return literal.is_binary || !view_has(*bytes, '\0') ||
           imap_fail(in, "a NUL in a literal");
}

bool imap_take_string(struct imap_input *in, struct view *string)
{
    int c = imap_peek(in);
    if (c == '"')
        return take_quoted(in, string);
    if (c == '{')
        return take_literal(in, false, string);
    return imap_fail(in, "a string is missing");
}

bool imap_take_astring(struct imap_input *in, struct view *string)
{
    if (is_astring_char(imap_peek(in))) {
        *string = take_run(in, is_astring_char);
        return true;
    }
    return imap_take_string(in, string);
}

/* NIL, if it is next. */
static bool accept_nil(struct imap_input *in, struct view *string)
{
    *string = VIEW_NONE;
    return imap_accept_word(in, "NIL");
}

bool imap_take_nstring(struct imap_input *in, struct view *string)
{
    return accept_nil(in, string) || imap_take_string(in, string);
}

bool imap_take_nstring8(struct imap_input *in, struct view *string)
{
    if (imap_peek(in) == '~')
        return take_literal(in, true, string);
    return accept_nil(in, string) || imap_take_astring(in, string);
}

/* A name or pattern as UTF-8. */
static bool to_utf8(struct imap_input *in, struct view *name)
{
    if (in->utf8) {
        if (!view_is_utf8(*name))
            return imap_fail(in, "the mailbox name is not UTF-8");
    } else if (view_has(*name, '&') || !view_is_ascii(*name)) {
        struct str decoded = STR_INIT(IMAP_MAILBOX_MAX);
        bool ok = utf7_decode(*name, &decoded);
        *name = arena_dup(in->arena, str_view(&decoded));
        str_done(&decoded);
        if (!ok)
            return imap_fail(in, "the mailbox name is not valid modified UTF-7");
    }
    if (name->n > IMAP_MAILBOX_MAX)
        return imap_fail(in, "the mailbox name is too long");
    for (size_t i = 0; i < name->n; i++)
        if ((unsigned char)name->p[i] < 0x20 || name->p[i] == 0x7f)
            return imap_fail(in, "a control character in a mailbox name");
    return true;
}

bool imap_take_mailbox(struct imap_input *in, struct view *name)
{
    if (!imap_take_astring(in, name) || !to_utf8(in, name))
        return false;
    if (view_eq_case(*name, VIEW("INBOX")))
        *name = VIEW("INBOX");
    return true;
}

bool imap_take_pattern(struct imap_input *in, struct view *pattern)
{
    *pattern = take_run(in, is_pattern_char);
    return (pattern->n > 0 || imap_take_string(in, pattern)) && to_utf8(in, pattern);
}
