/* print - settings on standard output */
#include "postconf.h"

enum { LINE_LIMIT = 80, INDENT = 4 };

/* The next word of *REST; a word that starts with "{" goes on to its "}" at least. */
static bool take_word(struct view *rest, struct view *word)
{
    size_t n = 0, level = 0;

    while (rest->n > 0 && ascii_is_space((unsigned char)rest->p[0]))
        *rest = view_from(*rest, 1);
    bool braces = rest->n > 0 && rest->p[0] == '{';
    for (; n < rest->n; n++) {
        char c = rest->p[n];
        if (level == 0 && ascii_is_space((unsigned char)c))
            break;
        if (braces && c == '{')
            level++;
        else if (braces && c == '}' && level > 0)
            level--;
    }
    *word = view_sub(*rest, 0, n);
    *rest = view_from(*rest, n);
    return n > 0;
}

void print_words(const struct options *o, struct view text, size_t column)
{
    struct view word;

    while (take_word(&text, &word)) {
        if (o->fold && column >= INDENT && column + 1 + word.n > LINE_LIMIT) {
            printf("\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > 0) {
            putchar(' ');
            column++;
        }
        fwrite(word.p, 1, word.n, stdout);
        column += word.n;
    }
}

void print_setting(const struct options *o, struct view name, struct view value)
{
    size_t column = 0;

    if (!o->no_names || o->no_values) {
        fwrite(name.p, 1, name.n, stdout);
        column = name.n;
    }
    if (!o->no_names && !o->no_values) {
        fputs(" =", stdout);
        column += 2;
    }
    if (!o->no_values)
        print_words(o, value, column);
    putchar('\n');
}
