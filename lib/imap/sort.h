/* sort - SORT: its arguments, its keys, its order (RFC 5256, RFC 5267, RFC 5957) */
#ifndef IMAP_SORT_H
#define IMAP_SORT_H

#include "search.h"

#define IMAP_SORT_MAX 16 /* criteria in one command */

enum imap_sort_key {
    IMAP_SORT_CC, /* these six have texts; see imap_sort_text() */
    IMAP_SORT_FROM,
    IMAP_SORT_SUBJECT,
    IMAP_SORT_TO,
    IMAP_SORT_DISPLAYFROM,
    IMAP_SORT_DISPLAYTO,
    IMAP_SORT_ARRIVAL,
    IMAP_SORT_DATE,
    IMAP_SORT_SIZE,
};
#define IMAP_SORT_TEXTS 6

struct imap_sort {
    struct {
        enum imap_sort_key key;
        bool reverse;
    } criteria[IMAP_SORT_MAX];
    size_t count;
    unsigned keys; /* bit n: key n occurs */
};

/* Take [RETURN (...) SP] "(" criteria ")" SP charset SP search keys. */
bool imap_take_sort(struct imap_input *in, struct imap_sort *sort,
                    struct imap_search *search);

/* What of a message is compared; only what imap_sort.keys names is looked at. */
struct imap_sort_entry {
    uint32_t number; /* decides when all else is equal; message number or UID */
    int64_t arrival; /* INTERNALDATE, seconds since 1970 */
    int64_t date;    /* imap_sort_date() */
    uint64_t size;
    struct view texts[IMAP_SORT_TEXTS]; /* by key; imap_sort_text() */
};
/* Append the text that KEY compares, folded (RFC 5051), made of HEADER: the
 * mailbox of the first address, the base subject, the display name. */
bool imap_sort_text(enum imap_sort_key key, struct view header, struct str *out);
/* The sent date of HEADER in UTC, ARRIVAL when it has none (RFC 5256 2.2). */
int64_t imap_sort_date(struct view header, int64_t arrival);
/* Put ENTRIES in order. */
void imap_sort_entries(const struct imap_sort *sort, struct imap_sort_entry *entries,
                       size_t count);

#endif
