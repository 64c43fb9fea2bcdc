/* html - words out of HTML; see html.h */
#include "html.h"

#include "base/number.h"

#include <stdint.h>

/* Longest name of an entity that is known. */
#define ENTITY_MAX 10

/* U+00A0 to U+00FF, in order. */
static const char *const latin1[] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",
    "uml",    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",
    "deg",    "plusmn", "sup2",   "sup3",   "acute",  "micro",  "para",   "middot",
    "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12", "frac34", "iquest",
    "Agrave", "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil",
    "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave", "Iacute", "Icirc",  "Iuml",
    "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",   "times",
    "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",  "szlig",
    "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",
    "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide",
    "oslash", "ugrave", "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};

static const struct {
    const char *name;
    uint32_t point;
} others[] = {
    {"amp", '&'},       {"lt", '<'},       {"gt", '>'},        {"quot", '"'},
    {"apos", '\''},     {"euro", 0x20ac},  {"hellip", 0x2026}, {"mdash", 0x2014},
    {"ndash", 0x2013},  {"lsquo", 0x2018}, {"rsquo", 0x2019},  {"ldquo", 0x201c},
    {"rdquo", 0x201d},  {"sbquo", 0x201a}, {"bdquo", 0x201e},  {"lsaquo", 0x2039},
    {"rsaquo", 0x203a}, {"bull", 0x2022},  {"trade", 0x2122},  {"OElig", 0x152},
    {"oelig", 0x153},   {"Scaron", 0x160}, {"scaron", 0x161},  {"Yuml", 0x178},
    {"ensp", 0x2002},   {"emsp", 0x2003},  {"thinsp", 0x2009}, {"zwnj", 0x200c},
    {"zwj", 0x200d},    {"larr", 0x2190},  {"rarr", 0x2192},   {"minus", 0x2212}};

/* The code point of an entity's name, or 0. */
static uint32_t named(struct view name)
{
    for (size_t i = 0; i < sizeof latin1 / sizeof *latin1; i++)
        if (view_eq(name, view_of(latin1[i])))
            return 0xa0 + (uint32_t)i;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (view_eq(name, view_of(others[i].name)))
            return others[i].point;
    return 0;
}

/* The code point of "#233" or "#xe9", or 0. */
static uint32_t numbered(struct view digits)
{
    uint64_t value = 0;
    bool hex = view_starts_case(digits, VIEW("x"));
    if (hex ? !number_parse_base(view_from(digits, 1), 16, 0x10ffff, &value)
            : !number_parse_u64(digits, 0, 0x10ffff, &value))
        return 0;
    return value >= 0xd800 && value < 0xe000 ? 0 : (uint32_t)value;
}

static bool put_point(uint32_t c, struct str *out)
{
    char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3f));
    b[0] = (char)(marks[n] | c);
    return str_add(out, (struct view){b, n});
}

/* Decode the entity that starts with the "&" at the front of V: how many bytes
 * it has; 0 when it is none. */
static size_t take_entity(struct view v, struct str *out)
{
    struct view body = view_sub(v, 1, ENTITY_MAX);
    size_t n = 0;
    while (n < body.n && (ascii_is_alnum((unsigned char)body.p[n]) || body.p[n] == '#'))
        n++;
    body.n = n;
    if (n == 0)
        return 0;
    uint32_t c = body.p[0] == '#' ? numbered(view_from(body, 1)) : named(body);
    if (c == 0)
        return 0;
    put_point(c, out);
    return 1 + n + (v.n > n + 1 && v.p[n + 1] == ';');
}

bool html_decode_entities(struct view html, struct str *out)
{
    while (html.n > 0 && !out->overflow) {
        size_t n = view_find(html, '&');
        struct view run = view_sub(html, 0, n);
        str_add(out, run);
        html = view_from(html, run.n);
        if (html.n == 0)
            break;
        size_t taken = take_entity(html, out);
        if (taken == 0) {
            str_add_char(out, '&');
            taken = 1;
        }
        html = view_from(html, taken);
    }
    return !out->overflow;
}

/* Offset behind the next TEXT (ASCII, any case), or the end. */
static size_t behind(struct view v, struct view text)
{
    for (size_t i = 0; i + text.n <= v.n; i++) {
        const char *hit = memchr(v.p + i, text.p[0], v.n - i);
        if (hit == NULL)
            break;
        i = (size_t)(hit - v.p);
        if (view_starts_case(view_from(v, i), text))
            return i + text.n;
    }
    return v.n;
}

/* The length of the tag at the front of V; ">" in quotes does not end it. */
static size_t tag_length(struct view v)
{
    char quote = 0;
    for (size_t i = 1; i < v.n; i++) {
        char c = v.p[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '>')
            return i + 1;
        else if ((c == '"' || c == '\'') && v.p[i - 1] == '=')
            quote = c;
    }
    return v.n;
}

static bool is_one_of(struct view name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (view_eq_case(name, view_of(list[i])))
            return true;
    return false;
}
#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof *(list))

/* Take the tag at the front of V, with all that is in it when that is not
 * shown; what stands for it goes to OUT. */
static size_t take_tag(struct view v, struct str *out)
{
    static const char *const hidden[] = {"script", "style", "head", "title", "template"};
    static const char *const cells[] = {"td", "th"};
    static const char *const blocks[] = {
        "p",   "br",         "div",     "tr",      "li",    "h1", "h2", "h3",
        "h4",  "h5",         "h6",      "ul",      "ol",    "dl", "dt", "dd",
        "pre", "blockquote", "section", "article", "table", "hr"};
    if (view_starts(v, VIEW("<!--")))
        return 4 + behind(view_from(v, 4), VIEW("-->"));
    size_t length = tag_length(v);
    bool closing = v.n > 1 && v.p[1] == '/';
    struct view name = view_from(v, closing ? 2 : 1);
    size_t n = 0;
    while (n < name.n && ascii_is_alnum((unsigned char)name.p[n]))
        n++;
    name.n = n;
    if (IS_ONE_OF(name, blocks))
        str_add_char(out, '\n');
    else if (IS_ONE_OF(name, cells))
        str_add_char(out, ' ');
    if (closing || !IS_ONE_OF(name, hidden))
        return length;
    char end[16];
    snprintf(end, sizeof end, "</%.*s", (int)name.n, name.p);
    length += behind(view_from(v, length), view_of(end));
    return length + behind(view_from(v, length), VIEW(">"));
}

/* Is a "<" in front of V, behind it, the start of a tag? */
static bool is_tag(struct view v)
{
    int c = v.n > 1 ? (unsigned char)v.p[1] : ' ';
    return ascii_is_alpha(c) || c == '/' || c == '!' || c == '?';
}

bool html_to_text(struct view html, struct str *out)
{
    while (html.n > 0 && !out->overflow) {
        size_t n = view_find_any(html, VIEW("<&"));
        struct view run = view_sub(html, 0, n);
        str_add(out, run);
        html = view_from(html, run.n);
        if (html.n == 0)
            break;
        size_t taken = 0;
        if (html.p[0] == '&')
            taken = take_entity(html, out);
        else if (is_tag(html))
            taken = take_tag(html, out);
        if (taken == 0) {
            str_add_char(out, html.p[0]);
            taken = 1;
        }
        html = view_from(html, taken);
    }
    return !out->overflow;
}
