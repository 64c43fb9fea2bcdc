/* base64 - RFC 4648 4, and the line form of MIME (RFC 2045 6.8) */
#ifndef FORMAT_BASE64_H
#define FORMAT_BASE64_H

#include "base/str.h"
#include "base/view.h"

#include <stdint.h>

/* Append the encoding of V to OUT, with padding, without line ends. */
bool base64_encode(struct view v, struct str *out);
/* Append the decoding of all of V to OUT.  Strict: whole groups, padding only
 * at the end, no other bytes.  False: malformed, or OUT is full. */
bool base64_decode(struct view v, struct str *out) __attribute__((warn_unused_result));

/* Encode in pieces, 76 characters a line with LF. */
struct base64_encoder {
    uint8_t held[3];
    unsigned held_n, column;
};
void base64_encoder_init(struct base64_encoder *e);
bool base64_encoder_feed(struct base64_encoder *e, struct view v, struct str *out);
/* Write what is held, with padding and a last LF when the line is open. */
bool base64_encoder_end(struct base64_encoder *e, struct str *out);

/* Decode in pieces, leniently: bytes outside the alphabet are skipped, "="
 * ends a group. */
struct base64_decoder {
    uint32_t bits;
    unsigned count;
};
void base64_decoder_init(struct base64_decoder *d);
bool base64_decoder_feed(struct base64_decoder *d, struct view v, struct str *out);

#endif
