/* xtext - the encoding of DSN parameters: ENVID, ORCPT (RFC 3461 4), and its
 * UTF-8 form for addresses (RFC 6533 3) */
#ifndef FORMAT_XTEXT_H
#define FORMAT_XTEXT_H

#include "base/str.h"
#include "base/view.h"

/* Append V as xtext: "+", "=", blanks, controls and 8-bit bytes become +XX;
 * so do the bytes of MORE. */
bool xtext_encode(struct view v, struct view more, struct str *out);
/* Append the decoding of V.  False: malformed, or OUT is full. */
bool xtext_decode(struct view v, struct str *out) __attribute__((warn_unused_result));
/* utf-8-addr-xtext: as above with \x{HEX} for what is not ASCII.  V must be UTF-8. */
bool uxtext_encode(struct view v, struct view more, struct str *out);
bool uxtext_decode(struct view v, struct str *out) __attribute__((warn_unused_result));

/* Split "rfc822;user+40host" (ORCPT) into type and the undecoded rest; false
 * when there is no ";", the type is no atom, or the rest is empty. */
bool orcpt_split(struct view v, struct view *type, struct view *rest);

#endif
