/* search - the program of SEARCH, SORT and THREAD as a tree
 *
 * All strings are UTF-8, whatever the client's charset.  RFC 9051 6.4.4,
 * RFC 3501 6.4.4, RFC 4731 (ESEARCH), RFC 5032 (WITHIN), RFC 5182 ("$"),
 * RFC 6203 (FUZZY), RFC 7162 (MODSEQ), RFC 8474 (EMAILID, THREADID), RFC 8514
 * (SAVED...), RFC 9394 (PARTIAL).
 */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "input.h"

#define IMAP_SEARCH_DEPTH 50   /* nested lists, OR and NOT */
#define IMAP_SEARCH_KEYS  5000 /* in one command */

enum imap_search_key {
    IMAP_SEARCH_ALL,
    IMAP_SEARCH_AND,     /* children, at least one */
    IMAP_SEARCH_OR,      /* two children */
    IMAP_SEARCH_NOT,     /* one child */
    IMAP_SEARCH_FLAG,    /* `flag` is set (SEEN ...; UNSEEN is NOT of it) */
    IMAP_SEARCH_KEYWORD, /* `string` */
    IMAP_SEARCH_RECENT,  /* RFC 3501; NEW is AND(RECENT, NOT SEEN), OLD is NOT RECENT */
    IMAP_SEARCH_SET,     /* message numbers */
    IMAP_SEARCH_UID,
    IMAP_SEARCH_SAVED,  /* "$" */
    IMAP_SEARCH_HEADER, /* `header` (FROM, TO, CC, BCC, SUBJECT too) holds `string`; ""
                           means the field is there */
    IMAP_SEARCH_BODY,   /* `string` */
    IMAP_SEARCH_TEXT,   /* `string` */
    IMAP_SEARCH_LARGER, /* `number` bytes */
    IMAP_SEARCH_SMALLER,
    IMAP_SEARCH_BEFORE, /* `day` of INTERNALDATE */
    IMAP_SEARCH_ON,
    IMAP_SEARCH_SINCE,
    IMAP_SEARCH_SENT_BEFORE, /* `day` of the Date field */
    IMAP_SEARCH_SENT_ON,
    IMAP_SEARCH_SENT_SINCE,
    IMAP_SEARCH_SAVED_BEFORE, /* `day` of SAVEDATE */
    IMAP_SEARCH_SAVED_ON,
    IMAP_SEARCH_SAVED_SINCE,
    IMAP_SEARCH_SAVEDATE_SUPPORTED,
    IMAP_SEARCH_OLDER, /* `number` seconds before now */
    IMAP_SEARCH_YOUNGER,
    IMAP_SEARCH_MODSEQ, /* `number`; entry name and type are taken and make no difference:
                           one mod-sequence for each message, RFC 7162 3.1.5 */
    IMAP_SEARCH_EMAILID,  /* `string` */
    IMAP_SEARCH_THREADID, /* `string` */
};

struct imap_search_node {
    enum imap_search_key key;
    struct imap_search_node *next;  /* beside it */
    struct imap_search_node *child; /* AND, OR, NOT */
    bool is_fuzzy;
    unsigned flag; /* enum imap_flag */
    struct view header;
    struct view string;
    uint64_t number;
    int32_t day; /* since 1970-01-01 */
    struct imap_set set;
    void *cookie; /* the session's own, NULL from the parser: a prepared needle */
};

enum imap_search_return {
    IMAP_RETURN_MIN = 1 << 0,
    IMAP_RETURN_MAX = 1 << 1,
    IMAP_RETURN_ALL = 1 << 2,
    IMAP_RETURN_COUNT = 1 << 3,
    IMAP_RETURN_SAVE = 1 << 4,
    IMAP_RETURN_PARTIAL = 1 << 5,
    IMAP_RETURN_RELEVANCY = 1 << 6,
};

struct imap_search {
    struct imap_search_node *root;
    uint64_t keys_used; /* bit n: key n of enum imap_search_key occurs */
    bool has_return;    /* RETURN (...): answer with ESEARCH */
    unsigned returns;   /* RETURN () is ALL */
    struct imap_partial partial;
};
static inline bool imap_search_uses(const struct imap_search *s, enum imap_search_key key)
{
    return s->keys_used >> key & 1;
}

/* Take [RETURN (...) SP] [CHARSET x SP] key ..., to the end of the line.  An
 * unknown charset sets in->bad_charset. */
bool imap_take_search(struct imap_input *in, struct imap_search *search);
/* The same without CHARSET and RETURN in front, strings in CHARSET (SORT, THREAD). */
bool imap_take_search_keys(struct imap_input *in, struct view charset,
                           struct imap_search *search);
/* Take "(MIN MAX ...)" behind RETURN. */
bool imap_take_search_return(struct imap_input *in, struct imap_search *search);

#endif
