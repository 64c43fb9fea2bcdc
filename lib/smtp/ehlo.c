/* ehlo - names of service extensions and lists of them; see ehlo.h */
#include "ehlo.h"
#include "base/number.h"

static const struct {
    const char *name;
    unsigned bit;
} names[] = {
    {"PIPELINING", EHLO_PIPELINING},
    {"SIZE", EHLO_SIZE},
    {"8BITMIME", EHLO_8BITMIME},
    {"ENHANCEDSTATUSCODES", EHLO_ENHANCEDSTATUSCODES},
    {"DSN", EHLO_DSN},
    {"SMTPUTF8", EHLO_SMTPUTF8},
    {"CHUNKING", EHLO_CHUNKING},
    {"VRFY", EHLO_VRFY},
    {"ETRN", EHLO_ETRN},
    {"STARTTLS", EHLO_STARTTLS},
    {"AUTH", EHLO_AUTH},
    {"XCLIENT", EHLO_XCLIENT},
    {"XFORWARD", EHLO_XFORWARD},
    {"XVERP", EHLO_VERP},
    {"REQUIRETLS", EHLO_REQUIRETLS},
    {"HELP", EHLO_HELP},
    {"LIMITS", EHLO_LIMITS},
    /* Names of discard lists only; after the others, which give the name of a bit. */
    {"VERP", EHLO_VERP},
    {"silent-discard", EHLO_SILENT_DISCARD},
};
#define NAME_COUNT (sizeof names / sizeof names[0])

unsigned ehlo_keyword_parse(struct view name)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (view_eq_case(name, view_of(names[i].name)))
            return names[i].bit;
    return 0;
}

const char *ehlo_keyword_name(unsigned bit)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (names[i].bit == bit)
            return names[i].name;
    return "";
}

unsigned ehlo_discard_parse(struct view list, struct view *unknown)
{
    unsigned bits = 0;
    struct view word;
    if (unknown)
        *unknown = VIEW_NONE;
    while (view_token(&list, VIEW(" ,\t\r\n"), &word)) {
        unsigned bit = ehlo_keyword_parse(word);
        if (bit == 0 && unknown && unknown->n == 0)
            *unknown = word;
        bits |= bit;
    }
    return bits;
}

/* One line after the first: a keyword and its arguments. */
static void read_keyword(struct view line, struct ehlo_reply *e)
{
    struct view rest = line;
    struct view word;
    if (!view_token(&rest, VIEW(" \t"), &word))
        return;
    /* Some announce "AUTH=LOGIN" besides or instead of "AUTH LOGIN". */
    struct view head, tail;
    if (view_cut(word, '=', &head, &tail) && view_eq_case(head, VIEW("AUTH"))) {
        word = head;
        rest = view_from(line, (size_t)(tail.p - line.p));
    }
    struct view args = view_trim_space(rest);
    unsigned bit = ehlo_keyword_parse(word);
    if (bit == EHLO_VERP && word.n == 4)
        bit = 0; /* "VERP" is no keyword on the wire */
    if (bit == EHLO_SILENT_DISCARD)
        bit = 0;
    if (bit == EHLO_SIZE && !number_parse_u64(args, 0, UINT64_MAX, &e->size))
        e->size = 0;
    if (bit == EHLO_AUTH && args.n > e->auth.n)
        e->auth = args;
    if (bit == EHLO_XFORWARD)
        e->xforward = args;
    if (bit == EHLO_XCLIENT)
        e->xclient = args;
    if (bit == EHLO_LIMITS)
        e->limits = args;
    e->keywords |= bit;
}

void ehlo_reply_parse(struct view text, struct ehlo_reply *e)
{
    *e = (struct ehlo_reply){.keywords = 0};
    bool more = true;
    for (unsigned i = 0; more; i++) {
        struct view line;
        more = view_cut(text, '\n', &line, &text);
        line = view_trim_space(line);
        if (line.n >= 3 && view_is_number(view_sub(line, 0, 3)) &&
            (line.n == 3 || line.p[3] == '-' || line.p[3] == ' '))
            line = view_trim_space(view_from(line, 4));
        if (i > 0)
            read_keyword(line, e);
        else
            view_token(&line, VIEW(" \t"), &e->name);
    }
}
