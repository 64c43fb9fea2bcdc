/* rules - tables of ordered rules: regexp, pcre, cidr
 *
 * A file of rules, "pattern result", with "if pattern ... endif" around some. The first
 * rule that fits answers.  What a pattern is, an engine knows.  A line that cannot be
 * used is passed over with a warning that names file and line, as in Postfix. Source:
 * regexp_table(5), pcre_table(5), cidr_table(5).
 */
#ifndef TABLE_RULES_H
#define TABLE_RULES_H

#include "table/table_private.h"

enum { RULES_GROUPS_MAX = 100 };

/* What is matched, and what matched. */
struct rules_subject {
    struct view text;
    struct net_address address; /* cidr: TEXT as an address */
    bool has_address;
    size_t n_groups; /* groups that matched, from 0, the whole */
    struct view groups[RULES_GROUPS_MAX];
};

struct rules_engine {
    const char *name; /* for warnings: "regexp map" */
    /* Take the pattern from the front of *REST, compile it: *COMPILED is freed by free().
     * *GROUPS: how many ( ) it has.  False with *E. */
    bool (*take)(struct view *rest, struct arena *a, void **compiled, size_t *groups,
                 struct error *e);
    /* Look once at the subject before the rules; NULL: nothing to do. */
    void (*prepare)(struct rules_subject *s, struct arena *a);
    /* May the pattern's text be followed by $number? */
    bool substitutes;
    bool (*match)(const void *compiled, struct rules_subject *s);
    void (*free)(void *compiled); /* NULL: lives in the arena */
};

extern const struct rules_engine rules_engine_cidr, rules_engine_pcre,
    rules_engine_regexp;

struct rules;

/* TEXT of the file PATH; never NULL.  Bad lines are left out with a warning. */
struct rules *rules_parse(const struct rules_engine *engine, const char *path,
                          struct view text, unsigned flags);
void rules_free(struct rules *r);
enum table_result rules_get(struct rules *r, struct view key, struct arena *a,
                            struct view *value, struct error *e);
size_t rules_count(const struct rules *r);

/* The open function of all three: T's name is a file or rules in braces. */
bool rules_open(struct table *t, const struct rules_engine *engine, struct error *e);
void rules_close(struct table *t);
enum table_result rules_table_get(struct table *t, struct view key, struct arena *a,
                                  struct view *value, struct error *e);

/* "/pattern/flags": take the pattern between its delimiters and the flags behind it from
 * *REST, whose front is the first delimiter.  For regexp and pcre. */
bool rules_take_delimited(struct view *rest, struct view *pattern, struct view *flags,
                          struct error *e);

#endif
