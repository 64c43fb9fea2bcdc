/* mh_sequences - the named sets of message numbers of an MH folder
 *
 * Lines "name: 1-3 7", in the file .mh_sequences of the folder.  "unseen", "replied" and
 * "flagged" are flags; what has another name stays as it is.  Pure: bytes only.
 * Source: mh-sequence(5).
 */
#ifndef STORE_MH_SEQUENCES_H
#define STORE_MH_SEQUENCES_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

/* Greatest number of a message that we handle. */
#define MH_NUMBER_MAX 4000000u

struct mh_sequence {
    char *name;
    uint64_t *bits; /* one for each number up to `top` */
    uint32_t top;
};
struct mh_sequences {
    struct mh_sequence *items;
    size_t n;
};
/* False: too many sequences, or no such file; what was read stays. */
bool mh_sequences_parse(struct mh_sequences *s, struct view text) MUST_CHECK;
void mh_sequences_format(const struct mh_sequences *s, struct str *out);
void mh_sequences_done(struct mh_sequences *s);

bool mh_sequence_has(const struct mh_sequences *s, struct view name, uint32_t number);
/* Put NUMBER into sequence NAME, or take it out; false when there are too many. */
bool mh_sequence_set(struct mh_sequences *s, struct view name, uint32_t number,
                     bool is_in);
/* Take NUMBER out of all. */
void mh_sequences_forget(struct mh_sequences *s, uint32_t number);
/* Can a keyword be a sequence? */
bool mh_is_sequence_name(struct view name);

#endif
