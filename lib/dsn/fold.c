/* fold - long lines for people, broken at blanks */
#include "dsn/dsn.h"

#define FOLD_LINE_MAX 8192

/* How much of TEXT stands on a line of at most WIDTH bytes; *NEXT is where the rest
 * begins. */
static size_t break_at(struct view text, size_t width, size_t *next)
{
    size_t end = text.n, last_blank = 0;
    bool found = false;
    for (size_t i = 0; i < text.n; i++) {
        if (i > width && found) {
            end = last_blank;
            break;
        }
        if (ascii_is_space(text.p[i])) {
            last_blank = i;
            found = true;
            if (i >= width) {
                end = i;
                break;
            }
        }
    }
    if (end == text.n && text.n > width && found)
        end = last_blank;
    *next = end;
    while (*next < text.n && ascii_is_space(text.p[*next]))
        ++*next;
    return end;
}

void dsn_fold(struct view text, size_t width, size_t indent, dsn_line_fn *write_line,
              void *arg)
{
    struct str line = STR_INIT(FOLD_LINE_MAX);
    size_t margin = 0, next;
    text = view_trim_space(text);
    do {
        size_t n = break_at(text, width - margin, &next);
        str_clear(&line);
        for (size_t i = 0; i < margin; i++)
            str_add_char(&line, ' ');
        str_add(&line, view_sub(text, 0, n));
        write_line(arg, str_view(&line));
        text = view_from(text, next);
        margin = indent;
    } while (!view_is_empty(text));
    str_done(&line);
}
