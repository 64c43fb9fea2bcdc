/* expand_private - shared by the files of expand; not for others */
#ifndef CONF_EXPAND_PRIVATE_H
#define CONF_EXPAND_PRIVATE_H

#include "conf/expand.h"

struct expander {
    expand_name_fn *fn;
    void *arg;
    struct str *out;
    struct error *e;
    int nesting;
};

/* Take spaces from the front. */
void expand_skip_space(struct view *rest);
/* Take "{...}" from the front, with the braces inside it in balance; the content without
 * the outer braces in *CONTENT. */
bool expand_take_braced(struct view *rest, struct view *content);
/* Append TEXT to X's output. */
bool expand_run(struct expander *x, struct view text);
/* Take "{left} op {right}" from the front and say whether it holds. */
bool expand_condition(struct expander *x, struct view *rest, bool *holds);

#endif
