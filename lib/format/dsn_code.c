/* dsn_code - read enhanced status codes; see dsn_code.h */
#include "dsn_code.h"
#include "base/number.h"

#include <assert.h>

/* One to three digits at offset I of V; the count, or 0. */
static size_t digits(struct view v, size_t i)
{
    size_t n = 0;
    while (i + n < v.n && ascii_is_digit((unsigned char)v.p[i + n]))
        n++;
    return n <= 3 ? n : 0;
}

size_t dsn_code_length(struct view text)
{
    if (text.n < 5 || !strchr("245", text.p[0]) || text.p[0] == 0)
        return 0;
    size_t n = 1;
    for (int part = 0; part < 2; part++) {
        if (n >= text.n || text.p[n] != '.')
            return 0;
        size_t run = digits(text, n + 1);
        if (run == 0)
            return 0;
        n += 1 + run;
    }
    return n == text.n || ascii_is_space((unsigned char)text.p[n]) ? n : 0;
}

bool dsn_code_is_valid(struct view code)
{
    return code.n > 0 && dsn_code_length(code) == code.n;
}

static void put_code(char out[DSN_CODE_MAX], struct view code)
{
    assert(code.n < DSN_CODE_MAX);
    if (code.n > 0)
        memcpy(out, code.p, code.n);
    out[code.n] = 0;
}

static struct view skip_blanks(struct view v)
{
    while (v.n > 0 && ascii_is_space((unsigned char)v.p[0]))
        v = view_from(v, 1);
    return v;
}

struct view dsn_code_split(struct view text, const char *fallback, char out[DSN_CODE_MAX])
{
    text = skip_blanks(text);
    size_t n = dsn_code_length(text);
    put_code(out, n > 0 ? view_sub(text, 0, n) : view_of(fallback));
    return n > 0 ? skip_blanks(view_from(text, n)) : text;
}

bool dsn_reply_split(struct view reply, int *code, char status[DSN_CODE_MAX],
                     struct view *text)
{
    int value;
    if (reply.n < 3 || !number_parse_int(view_sub(reply, 0, 3), 200, 599, &value))
        return false;
    if (reply.n > 3 && !strchr(" -\t", reply.p[3]))
        return false;
    *code = value;
    struct view rest = skip_blanks(view_from(reply, 4));
    char class = reply.p[0];
    size_t n = rest.n > 0 && rest.p[0] == class ? dsn_code_length(rest) : 0;
    if (n > 0)
        put_code(status, view_sub(rest, 0, n));
    else
        put_code(status, (struct view){(char[]){class, '.', '0', '.', '0'}, 5});
    *text = skip_blanks(view_from(rest, n));
    return true;
}

void dsn_code_set_class(char status[DSN_CODE_MAX], char class)
{
    assert(class == '2' || class == '4' || class == '5');
    if (status[0])
        status[0] = class;
}
