/* verp - variable envelope return paths: a sender that names the recipient
 *
 * "list@example.com" and "user@domain" make "list+user=domain@example.com", so that a
 * report that comes back tells by its address whom it is about.  Source: VERP_README.
 */
#ifndef FORMAT_VERP_H
#define FORMAT_VERP_H

#include "base/error.h"
#include "base/str.h"

/* Are these two characters, both in ALLOWED (verp_delimiter_filter)? */
bool verp_delimiters_are_valid(struct view delimiters, struct view allowed);
/* Append to OUT the sender for one recipient; all addresses in internal form, DELIMITERS
 * two characters.  False when OUT is full. */
bool verp_sender(struct view sender, struct view recipient, struct view delimiters,
                 struct str *out) MUST_CHECK;

#endif
