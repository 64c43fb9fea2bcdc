/* restriction_words - a restriction list as words, without opening its tables
 *
 * For checks that look at the order.  Source: access(5), SMTPD_ACCESS_README.
 */
#ifndef CHECK_RESTRICTION_WORDS_H
#define CHECK_RESTRICTION_WORDS_H

#include "base/arena.h"
#include "conf/conf.h"

struct restriction_word {
    struct view name;
    struct view argument; /* empty when it takes none */
    bool only_warns;      /* warn_if_reject stands in front */
};
struct restriction_words {
    struct restriction_word *items;
    size_t n;
};

/* TEXT into words, in A; the views point into TEXT. */
void restriction_words_read(struct view text, struct arena *a,
                            struct restriction_words *out);
/* Is NAME in smtpd_restriction_classes? */
bool restriction_is_class(const struct conf *c, struct view name);
/* Does Postfix know NAME? */
bool restriction_is_postfix(struct view name);

#endif
