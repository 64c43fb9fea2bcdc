/* alias_text - the right-hand side of an alias, or a line of a .forward or :include: file
 *
 * A list of addresses, "|command", /file/name and :include:/file, separated by commas or,
 * between plain addresses, by blanks.  Quotes, comments, "Name <address>" as in RFC
 * 5322 3.4.  Pure.  Source: aliases(5).
 */
#ifndef LOCAL_ALIAS_TEXT_H
#define LOCAL_ALIAS_TEXT_H

#include "base/arena.h"

enum alias_kind {
    ALIAS_ADDRESS, /* internal form; may start with a backslash: no more expansion */
    ALIAS_FILE,    /* absolute path */
    ALIAS_COMMAND, /* without the bar */
    ALIAS_INCLUDE  /* path */
};

struct alias_item {
    enum alias_kind kind;
    struct view text;
};
struct alias_list {
    struct alias_item *items;
    size_t n;
};

/* Parse TEXT (one line, no limit here on its length) into arena A.  Never fails: what
 * cannot be understood becomes an address that nobody has. */
void alias_text_parse(struct arena *a, struct view text, struct alias_list *out);

#endif
