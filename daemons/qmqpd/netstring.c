/* netstring - "5:hello," on a stream; see netstring.h */
#include "netstring.h"

#define DIGITS_MAX 20

enum netstring_result netstring_failure(enum stream_result r)
{
    return r == STREAM_TIMEOUT ? NETSTRING_TIMEOUT : NETSTRING_LOST;
}

static enum netstring_result read_byte(struct stream *s, char *out)
{
    struct view v;
    enum stream_result r = stream_read_some(s, 1, &v);
    if (r != STREAM_OK)
        return netstring_failure(r);
    *out = v.p[0];
    return NETSTRING_OK;
}

enum netstring_result netstring_length(struct stream *s, uint64_t limit, uint64_t *n)
{
    enum netstring_result result;
    char c = '\0';
    *n = 0;
    for (unsigned i = 0; i < DIGITS_MAX; i++) {
        if ((result = read_byte(s, &c)) != NETSTRING_OK)
            return result;
        if (c == ':' && i > 0)
            return NETSTRING_OK;
        if (!ascii_is_digit(c) || (i == 1 && *n == 0)) /* no leading zeros */
            return NETSTRING_SYNTAX;
        *n = *n * 10 + (uint64_t)(c - '0'); /* below limit * 10 + 9 */
        if (*n > limit)
            return NETSTRING_TOO_LONG;
    }
    return NETSTRING_SYNTAX;
}

uint64_t netstring_size(uint64_t n)
{
    uint64_t size = n + 2; /* with colon and comma; and the digits: */
    do {
        size++;
        n /= 10;
    } while (n > 0);
    return size;
}

enum netstring_result netstring_end(struct stream *s)
{
    char c;
    enum netstring_result result = read_byte(s, &c);
    return result == NETSTRING_OK && c != ',' ? NETSTRING_SYNTAX : result;
}

enum netstring_result netstring_read(struct stream *s, struct str *out, uint64_t *taken)
{
    uint64_t n;
    enum netstring_result result = netstring_length(s, out->limit - out->n, &n);
    if (result != NETSTRING_OK)
        return result;
    enum stream_result r = n > 0 ? stream_read_exact(s, (size_t)n, out) : STREAM_OK;
    if (r != STREAM_OK)
        return netstring_failure(r);
    *taken = netstring_size(n);
    return netstring_end(s);
}
