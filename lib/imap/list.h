/* list - LIST, LSUB and STATUS: arguments and patterns
 *
 * RFC 9051 6.3.9, RFC 5258 (LIST-EXTENDED), RFC 5819 (LIST-STATUS), RFC 6154
 * (SPECIAL-USE), RFC 8440 (MYRIGHTS), RFC 9590 (METADATA), RFC 8438
 * (STATUS=SIZE), RFC 9208 (DELETED, DELETED-STORAGE), RFC 8474 (MAILBOXID),
 * RFC 7889 (APPENDLIMIT).
 */
#ifndef IMAP_LIST_H
#define IMAP_LIST_H

#include "input.h"

#define IMAP_PATTERNS_MAX 100

enum imap_status_item {
    IMAP_STATUS_MESSAGES = 1 << 0,
    IMAP_STATUS_RECENT = 1 << 1,
    IMAP_STATUS_UIDNEXT = 1 << 2,
    IMAP_STATUS_UIDVALIDITY = 1 << 3,
    IMAP_STATUS_UNSEEN = 1 << 4,
    IMAP_STATUS_DELETED = 1 << 5,
    IMAP_STATUS_SIZE = 1 << 6,
    IMAP_STATUS_HIGHESTMODSEQ = 1 << 7,
    IMAP_STATUS_MAILBOXID = 1 << 8,
    IMAP_STATUS_APPENDLIMIT = 1 << 9,
    IMAP_STATUS_DELETED_STORAGE = 1 << 10,
};
/* "(MESSAGES UNSEEN)": bits. */
bool imap_take_status_items(struct imap_input *in, unsigned *items);

enum imap_list_select {
    IMAP_LIST_SUBSCRIBED = 1 << 0,
    IMAP_LIST_REMOTE = 1 << 1,
    IMAP_LIST_RECURSIVEMATCH = 1 << 2, /* only with another one that is not REMOTE */
    IMAP_LIST_SPECIAL_USE = 1 << 3,
};
enum imap_list_return {
    IMAP_LIST_RETURN_SUBSCRIBED = 1 << 0,
    IMAP_LIST_RETURN_CHILDREN = 1 << 1,
    IMAP_LIST_RETURN_SPECIAL_USE = 1 << 2,
    IMAP_LIST_RETURN_STATUS = 1 << 3,
    IMAP_LIST_RETURN_MYRIGHTS = 1 << 4,
    IMAP_LIST_RETURN_METADATA = 1 << 5,
};

struct imap_list {
    struct view reference; /* UTF-8 */
    struct view *patterns; /* UTF-8 */
    size_t pattern_count;
    bool is_extended; /* selection or return options or several patterns were given */
    unsigned select, returns;
    unsigned status;       /* items of RETURN (STATUS (...)) */
    struct view *metadata; /* entries of RETURN (METADATA (...)) */
    size_t metadata_count;
};
/* Take the arguments of LIST or LSUB, to the end of the line. */
bool imap_take_list(struct imap_input *in, struct imap_list *list);
bool imap_take_lsub(struct imap_input *in, struct imap_list *list);

enum imap_match {
    IMAP_MATCH_NO,
    IMAP_MATCH_PARENT, /* not the name, but some name below it may match */
    IMAP_MATCH_YES,    /* the name (names below it may match too) */
};
/* Does NAME match PATTERN: "*" any, "%" any but DELIMITER; INBOX (its first
 * level) in any case.  Names and pattern are UTF-8.  Linear in space, at worst
 * |PATTERN| * |NAME| in time. */
enum imap_match imap_list_match(struct view pattern, struct view name, char delimiter);
/* May a name below NAME match?  (To leave out whole branches.) */
bool imap_list_match_below(struct view pattern, struct view name, char delimiter);

#endif
