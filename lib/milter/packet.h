/* packet - the data of milter packets: numbers, strings, and bounds for them
 *
 * Nothing here suspends.  What is read comes from outside.
 */
#ifndef MILTER_PACKET_H
#define MILTER_PACKET_H

#include "base/str.h"

#include <stdint.h>

void packet_add_u32(struct str *out, uint32_t n);
void packet_add_u16(struct str *out, uint16_t n);
/* V up to its first NUL, and a NUL behind it. */
void packet_add_text(struct str *out, struct view v);

/* Take from the front of *REST; false when it is too short or the text has no end. */
bool packet_take_u32(struct view *rest, uint32_t *n);
bool packet_take_text(struct view *rest, struct view *text);

/* A reply "550 5.7.1 text", as SMFIR_REPLYCODE has it (lines "550-5.7.1 text", CR LF,
 * "%%" for "%"), in OUT with the code in front of the first line only and LF between
 * lines. False when it is none: no 4xx or 5xx with a status of the same class. */
bool packet_parse_reply(struct view text, struct str *out);

/* What a milter answers to SMFIC_OPTNEG. */
#define MILTER_STAGES 7 /* connect, helo, mail, rcpt, data, end of message, of header */
struct packet_options {
    uint32_t version, actions, steps;
    bool has_macros[MILTER_STAGES];
    struct view macros[MILTER_STAGES]; /* names, as SMFIR_SETSYMLIST lists them */
};
bool packet_parse_options(struct view data, struct packet_options *out);

#endif
