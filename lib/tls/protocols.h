/* protocols - which versions of TLS, and which ciphers; texts without OpenSSL
 *
 * Pure.  postconf(5): smtp_tls_protocols, smtp_tls_ciphers, smtp_tls_exclude_ciphers.
 */
#ifndef TLS_PROTOCOLS_H
#define TLS_PROTOCOLS_H

#include "base/str.h"

/* Bits of excluded versions. */
#define TLS_NO_SSL2 1
#define TLS_NO_SSL3 2
#define TLS_NO_1_0  4
#define TLS_NO_1_1  8
#define TLS_NO_1_2  16
#define TLS_NO_1_3  32

struct tls_protocols {
    unsigned excluded;   /* TLS_NO_... */
    int least, greatest; /* as on the wire: 0x0301 and up; 0 for no bound */
};

/* ">=TLSv1.2, <=0304", "!SSLv3", "TLSv1.2 TLSv1.3"; separated by blanks, commas or
 * colons.  False for a word that is none of these. */
bool tls_protocols_parse(struct view list, struct tls_protocols *out)
    __attribute__((warn_unused_result));

enum tls_grade {
    TLS_GRADE_NULL,
    TLS_GRADE_EXPORT,
    TLS_GRADE_LOW,
    TLS_GRADE_MEDIUM,
    TLS_GRADE_HIGH
};
bool tls_grade_parse(struct view word, enum tls_grade *out)
    __attribute__((warn_unused_result));

/* OpenSSL's list for OUT: LIST, and "!x" for each word of EXCLUDED.  False, with the bad
 * word in *BAD, for one that would not only exclude. */
bool tls_ciphers_exclude(struct view excluded, struct str *out, struct view *bad)
    __attribute__((warn_unused_result));

#endif
