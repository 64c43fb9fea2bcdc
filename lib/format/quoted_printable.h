/* quoted_printable - RFC 2045 6.7, line by line in both directions */
#ifndef FORMAT_QUOTED_PRINTABLE_H
#define FORMAT_QUOTED_PRINTABLE_H

#include "base/str.h"
#include "base/view.h"

/* Encodes text lines; lines of the output have at most 76 bytes. */
struct qp_encoder {
    unsigned column;
    int held; /* a blank that may be the last of its line, or -1 */
};
void qp_encoder_init(struct qp_encoder *e);
/* A piece of a line without line end; LAST ends the line with LF. */
bool qp_encoder_line(struct qp_encoder *e, struct view piece, bool last, struct str *out);

/* Decodes leniently: a malformed "=" stays as it is, blanks before a line end
 * go, CRLF becomes LF. */
struct qp_decoder {
    char held[64]; /* blanks, or the beginning of an escape */
    unsigned held_n;
    bool blanks_lost; /* more blanks than held were met in a run: they are kept as written
                       */
};
void qp_decoder_init(struct qp_decoder *d);
bool qp_decoder_feed(struct qp_decoder *d, struct view chunk, struct str *out);
/* Write what is held. */
bool qp_decoder_end(struct qp_decoder *d, struct str *out);

/* Append all of V, decoded, to OUT: faster than in pieces.  With CRLF a line end
 * becomes CR LF, which one that was encoded ("=0A") does not. */
bool qp_decode(struct view v, bool crlf, struct str *out);

#endif
