/* submission - a message on its way from a local user into the queue: the form of
 * maildrop files
 *
 * sendmail writes it to postdrop's standard input, postdrop checks it and keeps it in
 * maildrop/, pickup reads it as hostile, like everything from outside.  Content comes
 * first (LF line ends), then records of type (1 byte), length (32 bits, little endian)
 * and value, then the footer of queue files (queue/envelope.h), so that a file that was
 * cut short shows at once. Nothing here suspends.
 */
#ifndef SUBMISSION_SUBMISSION_H
#define SUBMISSION_SUBMISSION_H

#include "conf/conf.h"
#include "queue/envelope.h"

#define SUBMISSION_RECORDS_MAX (16u << 20) /* bytes */
#define SUBMISSION_VERIFY      1           /* sendmail -bv: report what would happen */
#define SUBMISSION_TRACE       2           /* sendmail -v: deliver and report */
#define SUBMISSION_SMTPUTF8    4
#define SUBMISSION_8BIT        8
#define SUBMISSION_GATEWAY                                                               \
    16 /* sendmail -G: rewritten as remote addresses, or not at all */
#define SUBMISSION_FLAGS 31

struct submission {
    struct view sender; /* internal form, perhaps without domain; "" is the null sender */
    struct view full_name; /* sendmail -F; may be empty */
    struct view envid;
    struct view verp_delimiters; /* sendmail -XV; empty: no VERP */
    enum dsn_ret ret;
    uint32_t flags;               /* SUBMISSION_... */
    struct recipient *recipients; /* address, orcpt and notify are used */
    size_t n_recipients;
};

/* Append records and footer.  False when there is no recipient, or something is longer
 * than queue/envelope.h allows or has a line end or NUL in it. */
bool submission_write(const struct submission *s, uint64_t content_size,
                      uint32_t content_checksum, struct str *out) MUST_CHECK;
/* Read records and footer of the file at FD (SIZE bytes from its start); the content
 * stays there, its checksum is compared.  Views live in A.  PERMFAIL: malformed;
 * TEMPFAIL: cannot be read. */
enum result submission_read(struct arena *a, int fd, uint64_t size,
                            struct submission *out, uint64_t *content_size,
                            struct error *e) MUST_CHECK;
/* Parse RECORDS (between content and footer). */
bool submission_parse(struct arena *a, struct view records, struct submission *out,
                      struct error *e) MUST_CHECK;

/* Hand S with CONTENT_SIZE bytes of CONTENT_FD to postdrop and wait for it.  The result
 * is an exit status of sysexits.h; *E has a text when it is not EX_OK, unless postdrop
 * wrote its own.  Blocks. */
int submission_drop(const struct conf *c, const struct submission *s, int content_fd,
                    uint64_t content_size, struct error *e) MUST_CHECK;

/* Is the user UID in the list of PARAMETER (authorized_submit_users and the like)?  NAME
 * gets the login name, or the number when there is none. */
bool submission_user_is_allowed(const struct conf *c, enum parameter parameter, uid_t uid,
                                struct str *name);

#endif
