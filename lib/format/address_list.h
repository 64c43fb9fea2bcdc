/* address_list - the addresses in a header such as To, From or Resent-Cc
 *
 * A body is cut into tokens, the tokens are grouped into addresses, display
 * names, comments and groups.  The addresses can be walked, and replaced one
 * by one; the header is then written again with every name and comment where
 * it was.  No recursion: comments nest by counting.  All memory is the
 * caller's arena.  RFC 5322 3.4 and 4.4.
 */
#ifndef FORMAT_ADDRESS_LIST_H
#define FORMAT_ADDRESS_LIST_H

#include "base/arena.h"
#include "base/str.h"
#include "base/view.h"

/* Postfix's header_address_token_limit. */
#define ADDRESS_LIST_TOKENS 10240

struct address_token; /* private */

struct mailbox {
    struct view address; /* internal form, source route dropped; "" for <> */
    struct view name;    /* display name in front of <>, unquoted; "" when none */
    struct view comment; /* text of the comments around it, without parentheses */
    struct view group;   /* name of the RFC 5322 group it stands in; "" when none */
    bool routed;         /* a source route was dropped */
    struct address_token *token; /* private */
};

/* An RFC 5322 group, "Name: a@b, c@d;", with its place among the mailboxes. */
struct mailbox_group {
    struct view name;
    size_t first, count; /* of items; COUNT may be 0 */
};

struct address_list {
    struct mailbox *items;
    size_t count;
    struct mailbox_group *groups; /* in order */
    size_t group_count;
    bool truncated; /* there were more tokens than allowed; the rest was dropped */
    struct address_token *first; /* private */
    struct arena *arena;         /* private */
};

/* Parse BODY (what follows the colon; folded lines are fine).  Never fails:
 * what is not an address becomes one or is skipped, as Postfix does.  A limit
 * of 0 means ADDRESS_LIST_TOKENS. */
struct address_list *address_list_parse(struct arena *arena, struct view body,
                                        size_t token_limit)
    __attribute__((returns_nonnull));

/* Replace the address of mailbox I (internal form; not empty).  The name and
 * comments around it stay. */
void address_list_replace(struct address_list *list, size_t i, struct view address);

/* Append the list to OUT in Postfix's form: "Name <user@host>" and
 * "user@host (Name)" keep their shape, one space between words, and a line
 * end after each comma.  False when OUT is full. */
bool address_list_write(const struct address_list *list, struct str *out);
/* Put several addresses on a line: each line end in TEXT becomes a space when
 * the line stays below 70 bytes, and a TAB starts each continued line. */
void address_list_fold(struct str *text);

/* Map one address to another, both in internal form.  True: *TO (cleared
 * before the call) holds the new one.  May suspend if the caller's own
 * function does. */
typedef bool (*address_map)(void *context, struct view from, struct str *to);
/* The header NAME: BODY with every address passed through MAP.  True: at
 * least one changed, and OUT (cleared first) is the new header, "Name: ..."
 * folded, without final line end.  False: nothing changed; keep the original
 * bytes.  Empty addresses are not passed. */
bool address_list_rewrite_header(struct arena *arena, struct view name, struct view body,
                                 size_t token_limit, address_map map, void *context,
                                 struct str *out);

/* Append a mailbox for a header: `Name <user@host>` (name quoted or encoded
 * as needed) or, with OBSOLETE, `user@host (Name)` (header_from_format). */
bool mailbox_write(struct view name, struct view address, bool obsolete, struct str *out);

#endif
