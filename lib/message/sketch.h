/* sketch - what cannot be in a message's text, told without reading the message
 *
 * The set of all runs of three bytes in the folded text (see text.h), as bits of a hash:
 * a word one of whose runs is missing is not there.  About a quarter of the size of a
 * short message.  Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors",
 * 1970, with one hash function.
 */
#ifndef MESSAGE_SKETCH_H
#define MESSAGE_SKETCH_H

#include "text.h"

/* Most bytes of a sketch. */
#define MESSAGE_SKETCH_MAX 8192

/* Append the sketch of what SEARCH BODY looks at in MESSAGE to OUT: a power of two of
 * bytes, or nothing when the text has too many runs for a sketch to tell anything.  False
 * when OUT is full. */
bool message_sketch(struct view message, struct str *out);
/* False: the text that SKETCH was made of does not hold NEEDLE.  True: perhaps. */
bool message_needle_may_be_in(const struct message_needle *needle, struct view sketch);

#endif
