/* print - settings on standard output */
#include "postconf.h"

#include "queue/queue_list.h"

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

/* TEXT with single spaces between its words, folded behind LINE_LIMIT as -f says; COLUMN
 * is where the line stands. */
static void add_words(const struct options *o, struct view text, size_t column,
                      struct str *out)
{
    struct view word;

    while (take_word(&text, &word)) {
        if (o->fold && column >= INDENT && column + 1 + word.n > LINE_LIMIT) {
            str_addf(out, "\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > 0) {
            str_add_char(out, ' ');
            column++;
        }
        str_add(out, word);
        column += word.n;
    }
}

void print_json(struct view name, struct view value)
{
    struct str out = STR_INIT(8u << 20);

    str_add_char(&out, '{');
    queue_json_string(name, &out);
    str_add_cstr(&out, ": ");
    queue_json_string(value, &out);
    str_add_cstr(&out, "}\n");
    fwrite(out.p, 1, out.n, stdout);
    str_done(&out);
}

void print_setting(const struct options *o, struct view name, struct view value)
{
    struct str out = STR_INIT(4u << 20);

    if (o->json) {
        add_words(o, value, 0, &out);
        print_json(name, str_view(&out));
        str_done(&out);
        return;
    }
    if (!o->no_names || o->no_values)
        str_add(&out, name);
    if (!o->no_names && !o->no_values)
        str_add_cstr(&out, " =");
    if (!o->no_values)
        add_words(o, value, out.n, &out);
    str_add_char(&out, '\n');
    fwrite(out.p, 1, out.n, stdout);
    str_done(&out);
}
