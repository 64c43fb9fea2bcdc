/* peer_text - what XCLIENT and XFORWARD say of a client */
#ifndef SMTPD_PEER_TEXT_H
#define SMTPD_PEER_TEXT_H

#include "base/arena.h"
#include "base/error.h"

/* An attribute as it came: the value decoded. */
struct peer_attribute {
    struct view name, value;
    bool unavailable; /* "[UNAVAILABLE]" */
    bool tempunavail; /* "[TEMPUNAVAIL]" */
};

enum peer_fault {
    PEER_OK,
    PEER_NO_VALUE, /* no "=" */
    PEER_TOO_LONG,
    PEER_BAD_VALUE /* malformed xtext, or bytes that no value has */
};

#define PEER_VALUE_MAX 255

/* WORD is "name=xtext".  Views in A. */
enum peer_fault peer_attribute_parse(struct arena *a, struct view word,
                                     struct peer_attribute *out);
/* "192.0.2.1", "IPv6:2001:db8::1", "2001:db8::1": *ADDRESS without the prefix. */
bool peer_address_is_valid(struct view value, struct view *address);
/* Up to five digits. */
bool peer_port_is_valid(struct view value);

#endif
