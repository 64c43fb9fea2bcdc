/* sendmail - the command that every program knows; also mailq and newaliases
 *
 * main.c: options and personalities.  message.c: standard input becomes a message.
 * dialogue.c: -bs.
 */
#ifndef SENDMAIL_SENDMAIL_H
#define SENDMAIL_SENDMAIL_H

#include "base/arena.h"
#include "submission/submission.h"

enum mode {
    MODE_SEND,
    MODE_VERIFY,
    MODE_MAILQ,
    MODE_NEWALIASES,
    MODE_DAEMON,
    MODE_DIALOGUE,
    MODE_FLUSH
};

struct request {
    enum mode mode;
    const struct conf *conf;
    struct arena *arena;
    const char *directory;      /* -C */
    const char *sender;         /* -f, -r; NULL: the caller */
    const char *full_name;      /* -F, NAME */
    const char *alias_database; /* -oA */
    const char *flush_id, *flush_site;
    char **recipients; /* texts from the command line */
    size_t n_recipients;
    unsigned notify; /* -N */
    const char *envid;
    const char *verp; /* -XV: the delimiters, "" for the default; NULL: no VERP */
    enum dsn_ret ret;
    uint32_t flags;      /* SUBMISSION_... */
    bool dot_is_content; /* -i */
    bool extract;        /* -t */
    int verbose;
};

/* Log a fatal line and end with STATUS (sysexits.h). */
void fatal(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* Read the message and bring it into maildrop/; the exit status. */
int send_message(struct request *r);
/* SMTP on standard input and output. */
int run_dialogue(const struct request *r);

#endif
