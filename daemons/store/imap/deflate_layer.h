/* deflate_layer - COMPRESS=DEFLATE below a stream (RFC 4978)
 *
 * Lies between the stream's buffers and its descriptor as TLS does elsewhere; the bytes
 * of each flush leave as one deflate block that the other side can read at once.
 */
#ifndef STORE_IMAP_DEFLATE_LAYER_H
#define STORE_IMAP_DEFLATE_LAYER_H

#include "net/stream.h"

#define DEFLATE_LEVEL 6

/* From here on all bytes of S are raw deflate, both ways.  What the client already sent
 * behind its command (PENDING) is compressed too and is read first.  Nothing may wait
 * to be sent.  False: no memory for it; S is unchanged. */
bool deflate_layer_start(struct stream *s, struct view pending) MUST_CHECK;

#endif
