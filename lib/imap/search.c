/* search - parse the program of SEARCH; see search.h
 *
 * Recursion goes as deep as IMAP_SEARCH_DEPTH.  What is only an abbreviation
 * becomes what it stands for: UNSEEN is NOT of SEEN, FROM is HEADER.
 */
#include "search.h"

#include "format/encoded_word.h"
#include "imap_private.h"

/* Longest string to search for, as UTF-8. */
#define STRING_MAX 65536

enum argument {
    ARG_NONE,
    ARG_TEXT,    /* in the client's charset */
    ARG_HEADER,  /* field name and text */
    ARG_KEYWORD, /* atom */
    ARG_ID,      /* objectid */
    ARG_NUMBER,
    ARG_SECONDS, /* not 0 */
    ARG_DATE,
    ARG_UIDS,
    ARG_MODSEQ,
    ARG_NOT,
    ARG_OR,
    ARG_FUZZY,
};

static const struct key_name {
    const char *name;
    enum imap_search_key key;
    enum argument argument;
    unsigned flag;
    bool negated;
    const char *header;
} key_names[] = {
    {"ALL", IMAP_SEARCH_ALL, ARG_NONE, 0, false, NULL},
    {"ANSWERED", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_ANSWERED, false, NULL},
    {"DELETED", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_DELETED, false, NULL},
    {"DRAFT", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_DRAFT, false, NULL},
    {"FLAGGED", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_FLAGGED, false, NULL},
    {"SEEN", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_SEEN, false, NULL},
    {"UNANSWERED", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_ANSWERED, true, NULL},
    {"UNDELETED", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_DELETED, true, NULL},
    {"UNDRAFT", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_DRAFT, true, NULL},
    {"UNFLAGGED", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_FLAGGED, true, NULL},
    {"UNSEEN", IMAP_SEARCH_FLAG, ARG_NONE, IMAP_FLAG_SEEN, true, NULL},
    {"RECENT", IMAP_SEARCH_RECENT, ARG_NONE, 0, false, NULL},
    {"OLD", IMAP_SEARCH_RECENT, ARG_NONE, 0, true, NULL},
    {"KEYWORD", IMAP_SEARCH_KEYWORD, ARG_KEYWORD, 0, false, NULL},
    {"UNKEYWORD", IMAP_SEARCH_KEYWORD, ARG_KEYWORD, 0, true, NULL},
    {"BCC", IMAP_SEARCH_HEADER, ARG_TEXT, 0, false, "Bcc"},
    {"CC", IMAP_SEARCH_HEADER, ARG_TEXT, 0, false, "Cc"},
    {"FROM", IMAP_SEARCH_HEADER, ARG_TEXT, 0, false, "From"},
    {"SUBJECT", IMAP_SEARCH_HEADER, ARG_TEXT, 0, false, "Subject"},
    {"TO", IMAP_SEARCH_HEADER, ARG_TEXT, 0, false, "To"},
    {"HEADER", IMAP_SEARCH_HEADER, ARG_HEADER, 0, false, NULL},
    {"BODY", IMAP_SEARCH_BODY, ARG_TEXT, 0, false, NULL},
    {"TEXT", IMAP_SEARCH_TEXT, ARG_TEXT, 0, false, NULL},
    {"LARGER", IMAP_SEARCH_LARGER, ARG_NUMBER, 0, false, NULL},
    {"SMALLER", IMAP_SEARCH_SMALLER, ARG_NUMBER, 0, false, NULL},
    {"BEFORE", IMAP_SEARCH_BEFORE, ARG_DATE, 0, false, NULL},
    {"ON", IMAP_SEARCH_ON, ARG_DATE, 0, false, NULL},
    {"SINCE", IMAP_SEARCH_SINCE, ARG_DATE, 0, false, NULL},
    {"SENTBEFORE", IMAP_SEARCH_SENT_BEFORE, ARG_DATE, 0, false, NULL},
    {"SENTON", IMAP_SEARCH_SENT_ON, ARG_DATE, 0, false, NULL},
    {"SENTSINCE", IMAP_SEARCH_SENT_SINCE, ARG_DATE, 0, false, NULL},
    {"SAVEDBEFORE", IMAP_SEARCH_SAVED_BEFORE, ARG_DATE, 0, false, NULL},
    {"SAVEDON", IMAP_SEARCH_SAVED_ON, ARG_DATE, 0, false, NULL},
    {"SAVEDSINCE", IMAP_SEARCH_SAVED_SINCE, ARG_DATE, 0, false, NULL},
    {"SAVEDATESUPPORTED", IMAP_SEARCH_SAVEDATE_SUPPORTED, ARG_NONE, 0, false, NULL},
    {"OLDER", IMAP_SEARCH_OLDER, ARG_SECONDS, 0, false, NULL},
    {"YOUNGER", IMAP_SEARCH_YOUNGER, ARG_SECONDS, 0, false, NULL},
    {"MODSEQ", IMAP_SEARCH_MODSEQ, ARG_MODSEQ, 0, false, NULL},
    {"EMAILID", IMAP_SEARCH_EMAILID, ARG_ID, 0, false, NULL},
    {"THREADID", IMAP_SEARCH_THREADID, ARG_ID, 0, false, NULL},
    {"UID", IMAP_SEARCH_UID, ARG_UIDS, 0, false, NULL},
    {"NOT", IMAP_SEARCH_NOT, ARG_NOT, 0, false, NULL},
    {"OR", IMAP_SEARCH_OR, ARG_OR, 0, false, NULL},
    {"FUZZY", IMAP_SEARCH_ALL, ARG_FUZZY, 0, false, NULL},
};

struct parser {
    struct imap_input *in;
    struct imap_search *search;
    struct view charset;
    size_t keys;
    size_t depth;
};

static struct imap_search_node *take_key(struct parser *p);

/* A node, or NULL when there are too many. */
static struct imap_search_node *add_node(struct parser *p, enum imap_search_key key)
{
    if (p->keys == IMAP_SEARCH_KEYS) {
        imap_fail(p->in, "too many search keys");
        return NULL;
    }
    p->keys++;
    p->search->keys_used |= UINT64_C(1) << key;
    struct imap_search_node *node = ARENA_NEW(p->in->arena, struct imap_search_node);
    node->key = key;
    return node;
}

static struct imap_search_node *negate(struct parser *p, struct imap_search_node *child)
{
    struct imap_search_node *node = child ? add_node(p, IMAP_SEARCH_NOT) : NULL;
    if (node)
        node->child = child;
    return node;
}

/* A string in the client's charset, as UTF-8. */
static bool take_text(struct parser *p, struct view *text)
{
    if (!imap_take_astring(p->in, text))
        return false;
    if (p->charset.n > 0) {
        struct str utf8 = STR_INIT(STRING_MAX);
        charset_to_utf8(p->charset, *text, &utf8);
        *text = arena_dup(p->in->arena, str_view(&utf8));
        bool overflow = utf8.overflow;
        str_done(&utf8);
        if (overflow)
            return imap_fail(p->in, "the string to search for is too long");
    }
    return view_is_utf8(*text) ||
           imap_fail(p->in, "the string to search for is not in its charset");
}

/* ["/flags/..." priv|shared|all] number */
static bool take_modseq(struct imap_input *in, uint64_t *number)
{
    struct view entry;
    if (imap_peek(in) == '"') {
        if (!imap_take_string(in, &entry) || !imap_take_space(in))
            return false;
        if (!view_starts_case(entry, VIEW("/flags/")))
            return imap_fail(in, "no such entry of MODSEQ");
        if (!imap_accept_word(in, "priv") && !imap_accept_word(in, "shared") &&
            !imap_accept_word(in, "all"))
            return imap_fail(in, "the type of a MODSEQ entry is missing");
        if (!imap_take_space(in))
            return false;
    }
    return imap_take_number64(in, number);
}

/* An object's identifier (RFC 8474 7). */
static bool take_id(struct imap_input *in, struct view *id)
{
    return imap_take_astring(in, id) &&
           ((id->n > 0 && id->n <= 255) || imap_fail(in, "an identifier is malformed"));
}

/* Take the argument of a key that has no keys in it. */
static bool take_argument(struct parser *p, enum argument argument,
                          struct imap_search_node *node)
{
    struct imap_input *in = p->in;
    if (argument == ARG_NONE)
        return true;
    if (!imap_take_space(in))
        return false;
    switch (argument) {
    case ARG_HEADER:
        return imap_take_astring(in, &node->header) && imap_take_space(in) &&
               take_text(p, &node->string);
    case ARG_KEYWORD:
        return imap_take_atom(in, &node->string);
    case ARG_ID:
        return take_id(in, &node->string);
    case ARG_NUMBER:
        return imap_take_number64(in, &node->number);
    case ARG_SECONDS:
        return imap_take_nz_number64(in, &node->number);
    case ARG_DATE:
        return imap_take_date(in, &node->day);
    case ARG_UIDS:
        return imap_take_set(in, true, &node->set);
    case ARG_MODSEQ:
        return take_modseq(in, &node->number);
    case ARG_TEXT:
    case ARG_NONE:
    case ARG_NOT:
    case ARG_OR:
    case ARG_FUZZY:
        break;
    }
    return take_text(p, &node->string);
}

/* NOT and FUZZY have one key behind them, OR has two. */
static struct imap_search_node *take_operator(struct parser *p, enum argument argument)
{
    struct imap_search_node *first = imap_take_space(p->in) ? take_key(p) : NULL;
    if (first == NULL)
        return NULL;
    if (argument == ARG_NOT)
        return negate(p, first);
    if (argument == ARG_FUZZY) {
        first->is_fuzzy = true;
        return first;
    }
    first->next = imap_take_space(p->in) ? take_key(p) : NULL;
    struct imap_search_node *node = first->next ? add_node(p, IMAP_SEARCH_OR) : NULL;
    if (node)
        node->child = first;
    return node;
}

/* NEW is (RECENT UNSEEN). */
static struct imap_search_node *make_new(struct parser *p)
{
    struct imap_search_node *seen = add_node(p, IMAP_SEARCH_FLAG);
    struct imap_search_node *recent = seen ? add_node(p, IMAP_SEARCH_RECENT) : NULL;
    struct imap_search_node *both = recent ? add_node(p, IMAP_SEARCH_AND) : NULL;
    if (both == NULL)
        return NULL;
    seen->flag = IMAP_FLAG_SEEN;
    both->child = recent;
    recent->next = negate(p, seen);
    return recent->next ? both : NULL;
}

static const struct key_name *find_key(struct view word)
{
    for (size_t i = 0; i < sizeof key_names / sizeof *key_names; i++)
        if (view_eq_case(word, view_of(key_names[i].name)))
            return &key_names[i];
    return NULL;
}

/* A key that starts with a word. */
static struct imap_search_node *take_named(struct parser *p)
{
    struct view word;
    if (!imap_take_word(p->in, &word))
        return NULL;
    if (view_eq_case(word, VIEW("NEW")))
        return make_new(p);
    const struct key_name *found = find_key(word);
    if (found == NULL) {
        imap_fail(p->in, "no such search key");
        return NULL;
    }
    if (found->argument >= ARG_NOT)
        return take_operator(p, found->argument);
    struct imap_search_node *node = add_node(p, found->key);
    if (node == NULL || !take_argument(p, found->argument, node))
        return NULL;
    node->flag = found->flag;
    if (found->header)
        node->header = view_of(found->header);
    if (node->set.is_saved) {
        node->key = IMAP_SEARCH_SAVED;
        p->search->keys_used |= UINT64_C(1) << IMAP_SEARCH_SAVED;
    }
    return found->negated ? negate(p, node) : node;
}

static struct imap_search_node *take_messages(struct parser *p)
{
    struct imap_set set;
    if (!imap_take_set(p->in, true, &set))
        return NULL;
    struct imap_search_node *node =
        add_node(p, set.is_saved ? IMAP_SEARCH_SAVED : IMAP_SEARCH_SET);
    if (node)
        node->set = set;
    return node;
}

/* Keys with spaces between them; all must match. */
static struct imap_search_node *take_keys(struct parser *p)
{
    struct imap_search_node *first = NULL;
    struct imap_search_node **last = &first;
    do {
        *last = take_key(p);
        if (*last == NULL)
            return NULL;
        last = &(*last)->next;
    } while (imap_accept(p->in, ' '));
    if (first->next == NULL)
        return first;
    struct imap_search_node *node = add_node(p, IMAP_SEARCH_AND);
    if (node)
        node->child = first;
    return node;
}

static struct imap_search_node *take_key(struct parser *p)
{
    struct imap_search_node *node = NULL;
    int c = imap_peek(p->in);
    if (p->depth == IMAP_SEARCH_DEPTH) {
        imap_fail(p->in, "the search keys are nested too deep");
        return NULL;
    }
    p->depth++;
    if (imap_accept(p->in, '(')) {
        node = take_keys(p);
        if (node && !imap_take_char(p->in, ')'))
            node = NULL;
    } else if (ascii_is_digit(c) || c == '*' || c == '$') {
        node = take_messages(p);
    } else {
        node = take_named(p);
    }
    p->depth--;
    return node;
}

bool imap_take_search_keys(struct imap_input *in, struct view charset,
                           struct imap_search *search)
{
    struct parser p = {.in = in, .search = search};
    if (!view_eq_case(charset, VIEW("UTF-8")) &&
        !view_eq_case(charset, VIEW("US-ASCII")) && charset.n > 0) {
        struct str nothing = STR_INIT(8);
        in->bad_charset = !charset_to_utf8(charset, VIEW(""), &nothing);
        str_done(&nothing);
        if (in->bad_charset)
            return imap_fail(in, "the charset is not known");
        p.charset = charset;
    }
    search->root = take_keys(&p);
    return search->root && imap_take_end(in);
}

static bool take_return_option(struct imap_input *in, void *context)
{
    static const struct {
        const char *name;
        enum imap_search_return bit;
    } options[] = {{"MIN", IMAP_RETURN_MIN},
                   {"MAX", IMAP_RETURN_MAX},
                   {"ALL", IMAP_RETURN_ALL},
                   {"COUNT", IMAP_RETURN_COUNT},
                   {"SAVE", IMAP_RETURN_SAVE},
                   {"PARTIAL", IMAP_RETURN_PARTIAL},
                   {"RELEVANCY", IMAP_RETURN_RELEVANCY}};
    struct imap_search *search = context;
    unsigned bit = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options && bit == 0; i++)
        if (imap_accept_word(in, options[i].name))
            bit = options[i].bit;
    if (bit == 0)
        return imap_fail(in, "no such result option");
    if (bit == IMAP_RETURN_PARTIAL && (search->returns & IMAP_RETURN_PARTIAL))
        return imap_fail(in, "PARTIAL comes twice");
    search->returns |= bit;
    return bit != IMAP_RETURN_PARTIAL ||
           (imap_take_space(in) && imap_take_partial(in, &search->partial));
}

bool imap_take_search_return(struct imap_input *in, struct imap_search *search)
{
    search->has_return = true;
    if (!imap_take_list_of(in, true, take_return_option, search))
        return false;
    if (search->returns == 0)
        search->returns = IMAP_RETURN_ALL; /* RFC 4731 3.1 */
    /* RFC 9394 3.1 */
    return (search->returns & IMAP_RETURN_PARTIAL) == 0 ||
           (search->returns & IMAP_RETURN_ALL) == 0 ||
           imap_fail(in, "ALL and PARTIAL exclude each other");
}

bool imap_take_search(struct imap_input *in, struct imap_search *search)
{
    struct view charset = VIEW_NONE;
    *search = (struct imap_search){0};
    if (imap_accept_word(in, "RETURN") &&
        (!imap_take_space(in) || !imap_take_search_return(in, search) ||
         !imap_take_space(in)))
        return false;
    if (imap_accept_word(in, "CHARSET") &&
        (!imap_take_space(in) || !imap_take_astring(in, &charset) ||
         !imap_take_space(in)))
        return false;
    return imap_take_search_keys(in, charset, search);
}
