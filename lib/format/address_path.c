/* address_path - read the path of MAIL FROM and RCPT TO; see address.h
 *
 * Nearly every path is <atoms@domain> and is read without the RFC 5322 parser,
 * which takes the rest.  RFC 5321 4.1.2 and, for the leniency, Postfix.
 */
#include "address.h"
#include "address_list.h"
#include "token.h"

const char *address_fault_text(enum address_fault fault)
{
    switch (fault) {
    case ADDRESS_OK:
        return "no error";
    case ADDRESS_EMPTY:
        return "empty address";
    case ADDRESS_SYNTAX:
        return "not one address, or stray characters around it";
    case ADDRESS_TOO_LONG:
        return "address is too long";
    case ADDRESS_BAD_DOMAIN:
        return "domain is neither a host name nor an address literal";
    case ADDRESS_NOT_ASCII:
        return "address is not ASCII and SMTPUTF8 was not declared";
    case ADDRESS_NOT_UTF8:
        return "address is not well-formed UTF-8";
    }
    return "unknown error";
}

/* Bytes that may stand plainly on both sides of the "@". */
static bool is_plain(struct view v)
{
    if (v.n == 0 || v.p[0] == '.' || v.p[v.n - 1] == '.')
        return false;
    for (size_t i = 0; i < v.n; i++) {
        int c = (unsigned char)v.p[i];
        if (c <= ' ' || c == 0x7f || strchr("()<>@,;:\\\"[]", c))
            return false;
        if (c == '.' && v.p[i - 1] == '.')
            return false;
    }
    return true;
}

/* "<local@domain>" or "local@domain" with nothing unusual: *ADDRESS is it. */
static bool read_plain(struct view path, struct view *address)
{
    struct view local, domain;
    bool bracketed = path.n >= 2 && path.p[0] == '<' && path.p[path.n - 1] == '>';
    *address = bracketed ? view_sub(path, 1, path.n - 2) : path;
    return view_cut(*address, '@', &local, &domain) && is_plain(local) &&
           is_plain(domain);
}

/* Controls have no place in an address, not even in quotes: they would travel
 * into log lines, headers and commands. */
static bool has_controls(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < ' ' || v.p[i] == 0x7f)
            return true;
    return false;
}

/* Anything but "<", one address, ">" (comments, a display name). */
static bool has_ornaments(struct view path)
{
    struct arena *arena = arena_new();
    struct view rest = path;
    bool found = false;
    bool closed = false;
    for (;;) {
        struct token t = token_next(&rest, arena);
        if (t.type == TOKEN_END)
            break;
        found = found || t.type == TOKEN_COMMENT || closed;
        closed = closed || t.type == '>';
    }
    arena_free(arena);
    return found || !closed;
}

/* "<a b@c>": two words side by side in the address itself (a display name may have
 * many). */
static bool has_loose_words(struct view path)
{
    struct arena *arena = arena_new();
    struct view rest = path;
    bool in_address = !view_has(path, '<'), after_word = false, loose = false;
    for (;;) {
        struct token t = token_next(&rest, arena);
        if (t.type == TOKEN_END)
            break;
        bool word = t.type == TOKEN_ATOM || t.type == TOKEN_QUOTED;
        loose = loose || (in_address && word && after_word);
        after_word = word;
        if (t.type == '<')
            in_address = true;
    }
    arena_free(arena);
    return loose;
}

/* The one address that the RFC 5322 parser finds in PATH. */
static enum address_fault read_any(struct view path, struct str *address)
{
    struct arena *arena = arena_new();
    struct address_list *list = address_list_parse(arena, path, 0);
    enum address_fault fault = ADDRESS_OK;
    if (list->count > 1 || list->truncated)
        fault = ADDRESS_SYNTAX;
    else if (list->count == 0)
        fault =
            view_has(path, '<') && view_has(path, '>') ? ADDRESS_EMPTY : ADDRESS_SYNTAX;
    else if (!str_add(address, list->items[0].address))
        fault = ADDRESS_TOO_LONG;
    arena_free(arena);
    return fault;
}

/* What holds for every address however it was written. */
static enum address_fault check(struct view address,
                                const struct address_options *options)
{
    if (address.n > ADDRESS_MAX)
        return ADDRESS_TOO_LONG;
    if (!view_is_ascii(address)) {
        if (options->eight_bit == ADDRESS_8BIT_NONE)
            return ADDRESS_NOT_ASCII;
        if (options->eight_bit == ADDRESS_8BIT_UTF8 && !view_is_utf8(address))
            return ADDRESS_NOT_UTF8;
    }
    struct view local, domain;
    if (!address_split(address, &local, &domain))
        return ADDRESS_OK;
    if (local.n == 0)
        return ADDRESS_SYNTAX;
    /* A final dot is the root; the rewriting rules take it off. */
    if (domain.n > 1 && domain.p[domain.n - 1] == '.' && domain.p[domain.n - 2] != '.')
        domain.n--;
    if (!address_domain_is_valid(domain, options->eight_bit != ADDRESS_8BIT_NONE))
        return ADDRESS_BAD_DOMAIN;
    return ADDRESS_OK;
}

enum address_fault address_parse_path(struct view path,
                                      const struct address_options *options,
                                      struct str *address)
{
    str_clear(address);
    path = view_trim(path, VIEW(" \t"));
    bool bracketed = path.n >= 2 && path.p[0] == '<' && path.p[path.n - 1] == '>';
    if (path.n == 0)
        return ADDRESS_EMPTY;
    if (path.n > ADDRESS_QUOTED_MAX)
        return ADDRESS_TOO_LONG;
    if (has_controls(path) || (options->strict && !bracketed))
        return ADDRESS_SYNTAX;

    struct view plain;
    enum address_fault fault = ADDRESS_OK;
    if (bracketed && path.n == 2)
        fault = ADDRESS_EMPTY;
    else if (options->strict && has_ornaments(path))
        fault = ADDRESS_SYNTAX;
    else if (!read_plain(path, &plain) && has_loose_words(path))
        fault = ADDRESS_SYNTAX;
    else if (!read_plain(path, &plain))
        fault = read_any(path, address);
    else if (!str_set(address, plain))
        fault = ADDRESS_TOO_LONG;
    if (fault == ADDRESS_EMPTY && options->allow_empty)
        return ADDRESS_OK;
    return fault != ADDRESS_OK ? fault : check(str_view(address), options);
}
