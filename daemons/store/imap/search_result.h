/* search_result - how SEARCH and SORT tell what they found */
#ifndef STORE_IMAP_SEARCH_RESULT_H
#define STORE_IMAP_SEARCH_RESULT_H

#include "finder.h"

struct search_result {
    const uint32_t *uids; /* in the order to be told */
    size_t n;
    uint64_t modseq;
    bool with_modseq;
    bool may_be_extended; /* as ESEARCH also without RETURN, for IMAP4rev2 */
};

/* Send it as WHAT wants it; NAME ("SEARCH", "SORT") begins the plain form. */
void search_tell(struct imap *s, const struct imap_search *what,
                 const struct search_result *r, const char *name);

#endif
