/* notify - the argument of NOTIFY (RFC 5465) */
#ifndef IMAP_NOTIFY_H
#define IMAP_NOTIFY_H

#include "fetch.h"
#include "input.h"

#define IMAP_NOTIFY_GROUPS    50
#define IMAP_NOTIFY_MAILBOXES 1000

enum imap_notify_event {
    IMAP_EVENT_MESSAGE_NEW = 1 << 0,
    IMAP_EVENT_MESSAGE_EXPUNGE = 1 << 1,
    IMAP_EVENT_FLAG_CHANGE = 1 << 2,
    IMAP_EVENT_ANNOTATION_CHANGE = 1 << 3,
    IMAP_EVENT_MAILBOX_NAME = 1 << 4,
    IMAP_EVENT_SUBSCRIPTION_CHANGE = 1 << 5,
    IMAP_EVENT_MAILBOX_METADATA_CHANGE = 1 << 6,
    IMAP_EVENT_SERVER_METADATA_CHANGE = 1 << 7,
};

enum imap_notify_filter {
    IMAP_NOTIFY_SELECTED,
    IMAP_NOTIFY_SELECTED_DELAYED,
    IMAP_NOTIFY_INBOXES,
    IMAP_NOTIFY_PERSONAL,
    IMAP_NOTIFY_SUBSCRIBED,
    IMAP_NOTIFY_SUBTREE,         /* `mailboxes` and all below */
    IMAP_NOTIFY_MAILBOXES_NAMED, /* `mailboxes` */
};

struct imap_notify_group {
    enum imap_notify_filter filter;
    struct view *mailboxes; /* UTF-8 */
    size_t mailbox_count;
    unsigned events;    /* 0: NONE */
    bool unknown_event; /* NO [BADEVENT ...] */
    bool has_fetch;     /* MessageNew (fetch-att ...), SELECTED only */
    struct imap_fetch fetch;
};

struct imap_notify {
    bool is_none; /* NOTIFY NONE */
    bool status;  /* SET STATUS */
    struct imap_notify_group *groups;
    size_t count;
};
/* Take all behind "NOTIFY ".  Refuses what RFC 5465 5 forbids (MessageNew
 * without MessageExpunge and so on) as BAD. */
bool imap_take_notify(struct imap_input *in, struct imap_notify *notify);

#endif
