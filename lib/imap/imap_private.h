/* imap_private - what the files of this room share */
#ifndef IMAP_PRIVATE_H
#define IMAP_PRIVATE_H

#include "input.h"

/* ARRAY with room for one more than COUNT members of SIZE bytes, all of them
 * added through this function.  The old place stays valid. */
void *imap_array_grow(struct arena *arena, void *array, size_t count, size_t size);
/* Add V to *VIEWS, of which there are *COUNT, unless there are MAX. */
bool imap_add_view(struct imap_input *in, struct view **views, size_t *count, size_t max,
                   struct view v);
/* ATOM-CHAR of RFC 9051 9. */
bool imap_is_atom_char(int c);
/* Take "(" x *(SP x) ")", where TAKE takes each x; with MAY_BE_EMPTY also "()". */
bool imap_take_list_of(struct imap_input *in, bool may_be_empty,
                       bool (*take)(struct imap_input *in, void *context), void *context);

/* Append the value of a header field as an nstring, in one line. */
bool imap_write_value(struct view value, struct str *out);

#endif
