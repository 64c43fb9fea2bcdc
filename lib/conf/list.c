/* list - elements of list values
 *
 * Postfix's rule: separators count only outside of { }, wherever those stand.
 */
#include "conf/conf.h"

bool conf_token(struct view *rest, struct view separators, struct view *token)
{
    size_t n = 0, level = 0;

    while (rest->n > 0 && view_has(separators, rest->p[0]))
        *rest = view_from(*rest, 1);
    if (rest->n == 0)
        return false;
    for (; n < rest->n; n++) {
        char c = rest->p[n];
        if (level == 0 && view_has(separators, c))
            break;
        if (c == '{')
            level++;
        else if (c == '}' && level > 0)
            level--;
    }
    *token = view_sub(*rest, 0, n);
    *rest = view_from(*rest, n);
    return true;
}

bool conf_list_next(struct view *rest, struct view *element)
{
    return conf_token(rest, VIEW(", \t\r\n\f\v"), element);
}
