/* expand - $name, ${name?a:b} and comparisons
 *
 * The syntax of postconf(5), apart from where the values come from:
 *
 *   $name ${name} $(name)     the value
 *   ${name?text} ${name?{text}:{other}}   text when the value is not empty
 *   ${name:text}              text when it is empty
 *   ${{left} op {right}?...}  the same with a comparison: == != < <= >= >, as numbers
 * when both are; with "level" behind it, as compatibility levels. Without a text the
 * result is "true" or nothing.
 *   $$                        a dollar sign
 *
 * Texts are expanded in turn, only the one that is chosen.  Nothing here suspends.
 */
#ifndef CONF_EXPAND_H
#define CONF_EXPAND_H

#include "base/error.h"
#include "base/str.h"

/* Deepest nesting of one text. */
#define EXPAND_NESTING_MAX 50

/* Append what NAME stands for to OUT, fully expanded; append nothing for unknown names.
 * False with *E set ends the expansion. */
typedef bool expand_name_fn(struct view name, struct str *out, struct error *e,
                            void *arg);

/* Append TEXT, expanded, to OUT. */
bool expand_text(struct view text, expand_name_fn *fn, void *arg, struct str *out,
                 struct error *e) MUST_CHECK;

/* Call FN for every name that TEXT mentions, in branches not chosen too. */
void expand_names(struct view text, void (*fn)(struct view name, void *arg), void *arg);

/* Compare two compatibility levels ("2", "3.6"); false with *E when one is malformed. */
bool expand_compare_levels(struct view a, struct view b, int *order,
                           struct error *e) MUST_CHECK;

#endif
