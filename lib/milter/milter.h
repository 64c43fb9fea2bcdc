/* milter - mail filters that speak Sendmail's milter protocol, seen from the server
 *
 * A list of milters comes from the configuration (smtpd_milters, non_smtpd_milters); each
 * session or message that is to be looked at has its own connection to each of them.
 * Versions 2, 3, 4 and 6.  Source: MILTER_README, libmilter.
 *
 * A milter that is gone or talks nonsense counts as failed, for as long as the session
 * lasts: its default_action is the answer.  All functions that say so may suspend.
 */
#ifndef MILTER_MILTER_H
#define MILTER_MILTER_H

#include "conf/conf.h"

#include <sys/types.h>

/* The milters of one parameter, with their settings. */
struct milter_list;
/* TEXT: "inet:host:port, unix:path, { inet:host:port, default_action=accept }".  NULL
 * with *E when it is no such list. */
struct milter_list *milter_list_new(const struct conf *c, struct view text,
                                    struct error *e);
void milter_list_free(struct milter_list *l); /* NULL is fine */
bool milter_list_is_empty(const struct milter_list *l);

enum milter_verdict {
    MILTER_CONTINUE,
    MILTER_HOLD,     /* a failed milter whose default action is quarantine */
    MILTER_DISCARD,  /* accept, and throw away */
    MILTER_SHUTDOWN, /* 421, and hang up */
    MILTER_REFUSE    /* text is the reply */
};
struct milter_reply {
    enum milter_verdict verdict;
    /* REFUSE: "550 5.7.1 text", more lines behind LF.  Valid until the next call. */
    struct view text;
};

/* The value of macro NAME ("i", "{client_name}"), which may be empty; false when there is
 * none: milter_macro_defaults counts then. */
typedef bool milter_macro_fn(void *context, struct view name, struct str *value);

struct milters; /* one session's connections */
struct milters *milters_new(const struct milter_list *l, milter_macro_fn *macro,
                            void *context);
/* Says good-bye.  May suspend. */
void milters_free(struct milters *m); /* NULL is fine */

/* --- the events of a session, in order; all may suspend --- */

/* FAMILY: AF_INET, AF_INET6, AF_UNIX, else unknown.  PORT in text, may be empty. */
struct milter_reply milters_connect(struct milters *m, struct view name, int family,
                                    struct view address, struct view port);
struct milter_reply milters_helo(struct milters *m, struct view name);
/* "<address>" and the parameters of the command, N in all. */
struct milter_reply milters_mail(struct milters *m, const struct view *words, size_t n);
/* IS_REFUSED: the server says no anyway; only milters that want to know are told. */
struct milter_reply milters_rcpt(struct milters *m, const struct view *words, size_t n,
                                 bool is_refused);
struct milter_reply milters_data(struct milters *m);
struct milter_reply milters_unknown(struct milters *m, struct view line);
/* Any other command: what a milter said of the connection stays in force. */
struct milter_reply milters_other(struct milters *m);
/* The message ended before its time, or was given up. */
void milters_abort(struct milters *m);

/* --- the content --- */

/* The message, and what milters may change of it. */
struct milter_message {
    void *context;
    /* Header I, from 0, our own first one left out: "Name: value", LF between lines;
     * false behind the last. */
    bool (*header)(void *context, size_t i, struct view *text);
    /* Up to N bytes of body from OFFSET, LF line ends; 0 at the end, -1 on failure. */
    ssize_t (*body)(void *context, uint64_t offset, char *buffer, size_t n);
    /* Did something happen that ends the message? */
    bool (*is_over)(void *context);
    void (*add_header)(void *context, struct view name, struct view value);
    /* INDEX from 0 counts our own first header too. */
    void (*insert_header)(void *context, uint32_t index, struct view name,
                          struct view value);
    /* The INDEXth of that NAME, from 1, without our own first one; no VALUE: remove. */
    void (*change_header)(void *context, uint32_t index, struct view name,
                          struct view value);
    /* Addresses as the milter wrote them, with ESMTP parameters. */
    void (*change_sender)(void *context, struct view address, struct view parameters);
    void (*add_recipient)(void *context, struct view address, struct view parameters);
    void (*delete_recipient)(void *context, struct view address);
    /* A piece of the new body, CR LF line ends; IS_FIRST begins it. */
    void (*replace_body)(void *context, struct view piece, bool is_first);
    /* The new body is whole. */
    void (*end_body)(void *context);
};
/* Values in the calls above begin with the blank that belongs behind the colon. */

/* Show it to all, one after another; each sees what those before it made of it.  As with
 * every event the first that wants anything but to go on (to hold the message, too) has
 * decided.  The message is over for all milters then. */
struct milter_reply milters_message(struct milters *m, const struct milter_message *x);

#endif
