/* proxy_filter - the SMTP dialogue with a filter in front of the queue */
#ifndef SMTPD_PROXY_FILTER_H
#define SMTPD_PROXY_FILTER_H

#include "smtp/reply.h"
#include "transaction.h"

struct proxy {
    const struct conf *conf;
    struct stream *stream; /* NULL: not connected */
    struct smtp_reply reply;
    struct str line; /* the last line of the reply, as it is passed on */
    struct dot_writer dot;
    bool failed;        /* the connection is of no more use */
    bool speed_adjust;  /* it gets a message when all of it is here */
    int spool;          /* speed_adjust: content with LF line ends; -1 none */
    struct str pending; /* speed_adjust: RCPT commands, LF behind each */
};

/* Connect, EHLO, XFORWARD, MAIL.  False: p->line is the reply for the client.  May
 * suspend. */
bool proxy_connect(struct session *s, struct proxy *p);
/* Send COMMAND (NULL: nothing) and read the reply; true when it begins with EXPECTED.
 * p->line is what the client gets to hear.  May suspend. */
bool proxy_ask(struct proxy *p, char expected, struct view command);
/* Content: TEXT with LF line ends.  May suspend. */
void proxy_content(struct proxy *p, struct view text);
/* Sends the final dot; true when the filter took the message.  May suspend. */
bool proxy_end(struct proxy *p);
void proxy_close(struct proxy *p);

#endif
