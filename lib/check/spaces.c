/* spaces - lines of a table that begin with white space: what is before goes on there */
#include "check/check_private.h"

bool spaces_next(struct spaces *s, struct view *content)
{
    while (s->rest.n > 0) {
        struct view line;
        view_cut(s->rest, '\n', &line, &s->rest);
        s->line++;
        *content = view_trim_space(line);
        if (content->n == 0 || content->p[0] == '#')
            continue;
        if (ascii_is_space((unsigned char)line.p[0]))
            return true;
        s->has_first = true;
    }
    return false;
}
