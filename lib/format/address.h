/* address - one mail address: SMTP path syntax, quoting, splitting
 *
 * Inside the system an address is in internal form: the local part without
 * quotes, "@", the domain; a local part may hold any byte, so the LAST "@"
 * separates.  External form has the local part quoted where RFC 5321 or
 * RFC 5322 want it.  Nothing here suspends, reads a file or asks the DNS.
 * RFC 5321 4.1.2, RFC 6531 3.3, postconf(5): strict_rfc821_envelopes,
 * recipient_delimiter.
 */
#ifndef FORMAT_ADDRESS_H
#define FORMAT_ADDRESS_H

#include "base/str.h"
#include "base/view.h"

/* Longest address in internal form that is taken from outside, in bytes
 * (RFC 5321 4.5.3.1.3 asks for 256; Postfix takes a line of 2,048). */
#define ADDRESS_MAX        1024
#define ADDRESS_DOMAIN_MAX 255
#define ADDRESS_LABEL_MAX  63
/* Room for the external form of any address: each byte may get a backslash. */
#define ADDRESS_QUOTED_MAX (2 * ADDRESS_MAX + 2)

/* What to do with bytes above 0x7f in a path. */
enum address_8bit {
    ADDRESS_8BIT_ANY,  /* take them (Postfix without strict_smtputf8) */
    ADDRESS_8BIT_UTF8, /* take well-formed UTF-8 only (the transaction has SMTPUTF8) */
    ADDRESS_8BIT_NONE, /* refuse: the client must declare SMTPUTF8 */
};

struct address_options {
    bool strict;      /* strict_rfc821_envelopes: <> required, no RFC 5322 ornaments */
    bool allow_empty; /* the null path <> is fine (MAIL FROM) */
    enum address_8bit eight_bit;
};

enum address_fault {
    ADDRESS_OK,
    ADDRESS_EMPTY,      /* nothing there, and allow_empty is off */
    ADDRESS_SYNTAX,     /* not one address */
    ADDRESS_TOO_LONG,   /* over ADDRESS_MAX */
    ADDRESS_BAD_DOMAIN, /* neither a host name nor an address literal */
    ADDRESS_NOT_ASCII,  /* 8-bit bytes without SMTPUTF8 */
    ADDRESS_NOT_UTF8,   /* malformed UTF-8 */
};

/* Parse the path of MAIL FROM or RCPT TO (without ESMTP parameters) into
 * ADDRESS, internal form ("" for the null path).  Not strict takes what
 * Postfix takes: spaces, a missing <>, comments, a display name before <>.
 * A source route (@a,@b:user@c) is dropped.  Percent and bang forms stay as
 * they are; `postmaster` stays without domain.  ADDRESS is cleared first and
 * should be able to hold ADDRESS_MAX bytes. */
enum address_fault address_parse_path(struct view path,
                                      const struct address_options *options,
                                      struct str *address)
    __attribute__((warn_unused_result));
/* The fault in words: "more than one address or stray characters". */
const char *address_fault_text(enum address_fault fault);

/* Split an internal form at its last "@".  Without one LOCAL is all, DOMAIN
 * is empty and the result is false. */
bool address_split(struct view address, struct view *local, struct view *domain);
/* Split an external form at its last "@" outside quotes, comments and
 * brackets. */
bool address_split_external(struct view address, struct view *local, struct view *domain);

/* Append the external form of ADDRESS to OUT, quoted as RFC 5321 / RFC 5322
 * want (Postfix's quote_821_local, quote_822_local with 8-bit bytes left
 * plain).  The empty address stays empty.  False when OUT is full. */
bool address_quote_821(struct view address, struct str *out);
bool address_quote_822(struct view address, struct str *out);
/* Append the internal form of EXTERNAL (no <>, no comments) to OUT. */
bool address_unquote(struct view external, struct str *out);

/* A host name by Postfix's rules: labels of letters, digits, "_" and inner
 * "-", at most 63 bytes each, 255 in all, not all digits and dots, no dot at
 * either end.  The _utf8 form also takes well-formed UTF-8 in labels. */
bool hostname_is_valid(struct view name);
bool hostname_is_valid_utf8(struct view name);
/* 1.2.3.4, and 2001:db8::1 (no scope, no brackets). */
bool ipv4_is_valid(struct view text);
bool ipv6_is_valid(struct view text);
/* [1.2.3.4] or [IPv6:2001:db8::1] (RFC 5321 4.1.3).  *ADDRESS, when not NULL,
 * is the part after the tag. */
bool host_literal_is_valid(struct view text, struct view *address);
/* A domain that an address may carry: host name or literal. */
bool address_domain_is_valid(struct view domain, bool utf8);

/* What recipient_delimiter and ownreq_special say. */
struct address_delimiters {
    struct view set;     /* recipient_delimiter: each byte is one; "" for none */
    bool ownreq_special; /* do not split owner-x and x-request at "-" */
};
/* Split LOCAL (no domain) at the first delimiter: "user+ext" gives user, ext.
 * False, with USER all of it and EXTENSION empty, when there is nothing to
 * split, or for postmaster, mailer-daemon, double-bounce, owner-x, x-request.
 * An extension may be empty ("user+"); a user may not. */
bool address_split_extension(struct view local,
                             const struct address_delimiters *delimiters,
                             struct view *user, struct view *extension);
/* ADDRESS without its extension appended to OUT ("user@domain"); *EXTENSION
 * has the delimiter in front ("+ext").  False when there was none (OUT then
 * has all of ADDRESS). */
bool address_strip_extension(struct view address,
                             const struct address_delimiters *delimiters, struct str *out,
                             struct view *extension);
/* Append ADDRESS to OUT with EXTENSION ("+ext") put before its "@". */
bool address_add_extension(struct view address, struct view extension, struct str *out);

/* Append V to OUT for use as a look-up key: letters in lower case, ASCII and
 * (in well-formed UTF-8) Latin, Greek and Cyrillic. */
bool address_fold(struct view v, struct str *out);

#endif
