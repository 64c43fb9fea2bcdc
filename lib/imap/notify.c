/* notify - parse the argument of NOTIFY; see notify.h */
#include "notify.h"

#include "imap_private.h"

#define MAILBOX_EVENTS                                                                   \
    (IMAP_EVENT_MAILBOX_NAME | IMAP_EVENT_SUBSCRIPTION_CHANGE |                          \
     IMAP_EVENT_MAILBOX_METADATA_CHANGE | IMAP_EVENT_SERVER_METADATA_CHANGE)

static bool take_mailbox(struct imap_input *in, void *context)
{
    struct imap_notify_group *group = context;
    struct view name;
    return imap_take_mailbox(in, &name) &&
           imap_add_view(in, &group->mailboxes, &group->mailbox_count,
                         IMAP_NOTIFY_MAILBOXES, name);
}

static bool take_filter(struct imap_input *in, struct imap_notify_group *group)
{
    static const struct {
        const char *name;
        enum imap_notify_filter filter;
    } filters[] = {{"SELECTED", IMAP_NOTIFY_SELECTED},
                   {"SELECTED-DELAYED", IMAP_NOTIFY_SELECTED_DELAYED},
                   {"INBOXES", IMAP_NOTIFY_INBOXES},
                   {"PERSONAL", IMAP_NOTIFY_PERSONAL},
                   {"SUBSCRIBED", IMAP_NOTIFY_SUBSCRIBED},
                   {"SUBTREE", IMAP_NOTIFY_SUBTREE},
                   {"MAILBOXES", IMAP_NOTIFY_MAILBOXES_NAMED}};
    size_t i = 0;
    size_t count = sizeof filters / sizeof *filters;
    while (i < count && !imap_accept_word(in, filters[i].name))
        i++;
    if (i == count)
        return imap_fail(in, "no such choice of mailboxes");
    group->filter = filters[i].filter;
    if (group->filter != IMAP_NOTIFY_SUBTREE &&
        group->filter != IMAP_NOTIFY_MAILBOXES_NAMED)
        return true;
    if (!imap_take_space(in))
        return false;
    return imap_peek(in) == '(' ? imap_take_list_of(in, false, take_mailbox, group)
                                : take_mailbox(in, group);
}

static bool take_event(struct imap_input *in, void *context)
{
    static const struct {
        const char *name;
        enum imap_notify_event event;
    } events[] = {{"MessageNew", IMAP_EVENT_MESSAGE_NEW},
                  {"MessageExpunge", IMAP_EVENT_MESSAGE_EXPUNGE},
                  {"FlagChange", IMAP_EVENT_FLAG_CHANGE},
                  {"AnnotationChange", IMAP_EVENT_ANNOTATION_CHANGE},
                  {"MailboxName", IMAP_EVENT_MAILBOX_NAME},
                  {"SubscriptionChange", IMAP_EVENT_SUBSCRIPTION_CHANGE},
                  {"MailboxMetadataChange", IMAP_EVENT_MAILBOX_METADATA_CHANGE},
                  {"ServerMetadataChange", IMAP_EVENT_SERVER_METADATA_CHANGE}};
    struct imap_notify_group *group = context;
    struct view word;
    if (!imap_take_word(in, &word))
        return false;
    unsigned event = 0;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (view_eq_case(word, view_of(events[i].name)))
            event = events[i].event;
    group->events |= event;
    group->unknown_event = group->unknown_event || event == 0;
    size_t start = in->at;
    if (event != IMAP_EVENT_MESSAGE_NEW || !imap_accept(in, ' '))
        return true;
    if (imap_peek(in) != '(') { /* the next event */
        in->at = start;
        return true;
    }
    group->has_fetch = true;
    return imap_take_fetch_items(in, &group->fetch);
}

/* RFC 5465 5: which events go together, and with which mailboxes. */
static bool check_group(struct imap_input *in, const struct imap_notify_group *group)
{
    bool selected = group->filter == IMAP_NOTIFY_SELECTED ||
                    group->filter == IMAP_NOTIFY_SELECTED_DELAYED;
    unsigned both = IMAP_EVENT_MESSAGE_NEW | IMAP_EVENT_MESSAGE_EXPUNGE;
    unsigned change = IMAP_EVENT_FLAG_CHANGE | IMAP_EVENT_ANNOTATION_CHANGE;
    if ((group->events & both) != 0 && (group->events & both) != both)
        return imap_fail(in, "MessageNew and MessageExpunge go together");
    if ((group->events & change) && (group->events & both) != both)
        return imap_fail(in, "changes want MessageNew and MessageExpunge");
    if (selected && (group->events & MAILBOX_EVENTS))
        return imap_fail(in, "the selected mailbox has message events only");
    return selected || !group->has_fetch ||
           imap_fail(in, "only the selected mailbox takes items to fetch");
}

static bool take_group(struct imap_input *in, struct imap_notify *notify)
{
    struct imap_notify_group group = {.events = 0};
    if (notify->count == IMAP_NOTIFY_GROUPS)
        return imap_fail(in, "too many event groups");
    if (!imap_take_char(in, '(') || !take_filter(in, &group) || !imap_take_space(in))
        return false;
    if (!imap_accept_word(in, "NONE") &&
        !imap_take_list_of(in, false, take_event, &group))
        return false;
    if (!imap_take_char(in, ')') || !check_group(in, &group))
        return false;
    notify->groups =
        imap_array_grow(in->arena, notify->groups, notify->count, sizeof group);
    notify->groups[notify->count++] = group;
    return true;
}

/* SELECTED or SELECTED-DELAYED, once. */
static bool check_selected(struct imap_input *in, const struct imap_notify *notify)
{
    size_t selected = 0;
    for (size_t i = 0; i < notify->count; i++)
        selected += notify->groups[i].filter == IMAP_NOTIFY_SELECTED ||
                    notify->groups[i].filter == IMAP_NOTIFY_SELECTED_DELAYED;
    return selected < 2 || imap_fail(in, "SELECTED comes twice");
}

bool imap_take_notify(struct imap_input *in, struct imap_notify *notify)
{
    *notify = (struct imap_notify){.is_none = imap_accept_word(in, "NONE")};
    if (notify->is_none)
        return imap_take_end(in);
    if (!imap_accept_word(in, "SET"))
        return imap_fail(in, "SET or NONE is missing");
    if (!imap_take_space(in))
        return false;
    notify->status = imap_accept_word(in, "STATUS");
    if (notify->status && !imap_take_space(in))
        return false;
    do {
        if (!take_group(in, notify))
            return false;
    } while (imap_accept(in, ' '));
    return check_selected(in, notify) && imap_take_end(in);
}
