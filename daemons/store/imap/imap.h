/* imap - what the files of the IMAP session share
 *
 * session.c reads commands and answers them (read it first); view.c holds what the client
 * has been told of the selected mailbox; each other file is one family of commands.
 * A command takes its arguments from `in`, does its work, and ends with imap_ok() or
 * imap_no(); when arguments are wrong it returns false and the session answers BAD with
 * the text in `in.error`.  RFC 9051 and RFC 3501 together: what the client enables
 * decides where they differ.
 *
 * Everything here may suspend unless it says otherwise.
 */
#ifndef STORE_IMAP_IMAP_H
#define STORE_IMAP_IMAP_H

#include "../session.h"

#include "imap/input.h"
#include "run/fiber.h"
#include "store/mailbox.h"
#include "store/namespace.h"

/* What ENABLE, or a command that implies it, has switched on. */
enum imap_enabled {
    ENABLED_CONDSTORE = 1 << 0, /* RFC 7162: MODSEQ comes with each change of flags */
    ENABLED_QRESYNC = 1 << 1,   /* VANISHED instead of EXPUNGE */
    ENABLED_UTF8 = 1 << 2,      /* RFC 6855: names and strings may be UTF-8 */
    ENABLED_REV2 = 1 << 3,      /* RFC 9051: ESEARCH always, no RECENT, names in UTF-8 */
    ENABLED_UIDONLY = 1 << 4,   /* RFC 9586: no message numbers at all */
};

/* The selected mailbox as the client knows it. */
struct view_of_mailbox {
    struct mailbox *box;
    struct account *account;            /* one reference */
    char *name;                         /* as the client calls it, UTF-8 */
    unsigned rights;                    /* of enum acl */
    bool is_read_only;                  /* EXAMINE, or no right to change anything */
    struct uid_list *uids;              /* message numbers: uids->uids[number - 1] */
    uint64_t modseq;                    /* changes of flags up to here were told */
    unsigned keywords;                  /* so many keywords were told in FLAGS */
    uint32_t recent_first, recent_last; /* UIDs that are \Recent here; 0 none */
    struct imap_set saved;              /* UIDs of SEARCH RETURN (SAVE), RFC 5182 */
};

struct notification;
struct imap_fetch;

struct imap {
    struct store_session *session;
    struct stream *stream;
    struct arena *arena; /* of one command */
    struct namespace names;
    struct namespace_resolver resolver;
    struct imap_input in;
    struct view tag;  /* of the command at hand */
    bool is_uid;      /* it came as "UID command" */
    bool may_expunge; /* it may be answered with EXPUNGE (RFC 9051 7.5.1) */
    unsigned enabled; /* of enum imap_enabled */
    struct view_of_mailbox *selected; /* NULL: none */
    struct notification *notify;      /* NULL: NOTIFY was not used */
    struct teller {
        struct mailbox_listener listener; /* to the selected mailbox */
        bool is_listening;
        bool may_tell;   /* the client waits, in IDLE or (NOTIFY) between commands */
        bool is_telling; /* a fiber of its own writes to the client */
        bool has_news;   /* since it last looked */
        struct waitq done;
    } teller;
    bool is_closing; /* LOGOUT, or the connection is gone */
    bool is_unauthenticated;
    bool is_compressed;
    unsigned bad_commands; /* one after the other */
    struct str scratch;    /* for building one reply */
};

/* --- reply.c: none of these waits unless the client is slow --- */
/* "* " and the text. */
void imap_untagged(struct imap *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Pending changes of the mailbox, then "TAG OK TEXT".  The text may begin with a response
 * code in brackets.  True, for `return`. */
bool imap_ok(struct imap *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool imap_no(struct imap *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* NO with the response code that belongs to R (RFC 9051 7.1, RFC 5530). */
bool imap_no_store(struct imap *s, enum store_result r, const struct error *e);
/* Send s->scratch and empty it. */
void imap_send_scratch(struct imap *s);

/* --- literal.c --- */
/* The callback of struct imap_input: context is the session. */
bool imap_read_literal(void *context, const struct imap_literal *literal,
                       struct view *bytes, struct view *next_line);
/* Read a line into the arena.  False: too long or gone; the session ends. */
bool imap_read_line(struct imap *s, struct view *line);
/* A command was refused before its literals were read: throw away what the client sends
 * unasked ("{n+}"), whatever its size. */
void imap_discard_literals(struct imap *s);
/* Ask for LITERAL where the client waits for that. */
void imap_invite(struct imap *s, const struct imap_literal *literal);

/* --- target.c: names to mailboxes --- */
/* Where NAME leads, for a command that needs all RIGHTS there; a NO is sent otherwise.
 * Give OUT->account back with account_close(). */
bool imap_target(struct imap *s, struct view name, unsigned rights,
                 struct namespace_target *out);
/* The same, and opens it.  MISSING is the response code when there is none ("TRYCREATE"),
 * NULL for NONEXISTENT. */
bool imap_open(struct imap *s, struct view name, unsigned rights, const char *missing,
               struct namespace_target *out, struct mailbox **box);
bool imap_names_are_utf8(const struct imap *s);
void imap_add_mailbox(struct imap *s, struct view name); /* to scratch */

/* --- view.c --- */
/* Tell what changed since the last time, as far as the command allows. */
void view_sync(struct imap *s);
/* The flags of UIDS were just told, or need not be (.SILENT); MODSEQ is theirs. */
void view_told(struct imap *s, uint64_t modseq);
/* Append "(\Seen $Forwarded)" of M to scratch. */
void view_add_flags(struct imap *s, const struct mailbox_message *m);
/* Append "* 5 FETCH (" or "* 5 UIDFETCH (", with "UID n" where it must be; false when the
 * client does not know the message. */
bool view_begin_fetch(struct imap *s, uint32_t uid);
/* Send FLAGS, and MODSEQ where enabled, of M. */
void view_send_flags(struct imap *s, const struct mailbox_message *m);
/* "* FLAGS" and PERMANENTFLAGS. */
void view_send_known_flags(struct imap *s, bool permanent);
/* The number of UID, 0 when the client does not know it. Does not suspend. */
uint32_t view_number(const struct view_of_mailbox *v, uint32_t uid);
/* How many messages are \Recent. Does not suspend. */
size_t view_recent(const struct view_of_mailbox *v);
/* Take a set of message numbers, or of UIDs when the command is a UID command: the UIDs,
 * rising, in the arena. */
struct uid_array {
    uint32_t *uids;
    size_t n;
    struct imap_set asked; /* UID commands: all that was asked for, there or not */
};
bool view_take_messages(struct imap *s, struct uid_array *out);
/* As a set: numbers or UIDs, as the command has it. */
void view_make_set(struct imap *s, const uint32_t *uids, size_t n, struct imap_set *out);
/* Forget the selected mailbox; CLOSED tells it to clients that enabled QRESYNC. */
void view_close(struct imap *s);
/* Keywords of a command as bits, made where they are new; false: NO was sent. */
bool view_keywords(struct imap *s, struct mailbox *box, const struct imap_flags *flags,
                   uint64_t *bits);

/* --- vanished.c --- */
/* "* VANISHED (EARLIER)": what went after MODSEQ, of the UIDs AMONG (normal; NULL: of
 * all).  RFC 7162 3.2.5.1, 3.2.6. */
void vanished_send(struct imap *s, uint64_t modseq, const struct imap_set *among);

/* --- commands; the table in session.c says when each may come --- */
typedef bool imap_command_fn(struct imap *s);
/* capability.c */
imap_command_fn command_capability, command_enable, command_id, command_namespace,
    command_noop, command_logout, command_unauthenticate, command_compress;
void imap_add_capabilities(struct imap *s); /* to scratch */
/* select.c */
imap_command_fn command_select, command_examine, command_close, command_unselect;
/* list.c, status.c, folder.c */
imap_command_fn command_list, command_lsub, command_status, command_create,
    command_delete, command_rename, command_subscribe, command_unsubscribe;
/* Append "name (MESSAGES 1 ...)" for ITEMS (enum imap_status_item) to scratch. */
enum store_result imap_add_status(struct imap *s, struct namespace_target *target,
                                  struct view name, unsigned items, struct error *e);
/* fetch.c, store.c, copy.c, expunge.c, append.c, search.c */
imap_command_fn command_fetch, command_store, command_copy, command_move, command_expunge,
    command_append, command_replace, command_search, command_sort, command_thread;
/* acl.c, quota.c, metadata.c */
imap_command_fn command_getacl, command_setacl, command_deleteacl, command_listrights,
    command_myrights, command_getquota, command_getquotaroot, command_setquota,
    command_getmetadata, command_setmetadata;
/* " \\Sent" ... to scratch; enum special_use. */
void imap_add_special_uses(struct imap *s, unsigned uses);
struct imap_getmetadata;
/* "* METADATA name (entry value ...)" of what GET asks for; nothing when there is none.
 * The number of bytes of the longest value left out for its size, 0 when none was. */
uint64_t imap_send_metadata(struct imap *s, const struct namespace_target *target,
                            struct view name, const struct imap_getmetadata *get);
/* idle.c, notify.c */
imap_command_fn command_idle, command_notify;

/* --- teller.c: changes that the client hears of while it says nothing --- */
void teller_init(struct imap *s);
/* Listen to the selected mailbox, or no more. Neither suspends. */
void teller_listen(struct imap *s);
void teller_unlisten(struct imap *s);
/* There is news: tell it as soon as that is allowed. Does not suspend. */
void teller_wake(struct imap *s);
/* The client waits from here on; until teller_stop() changes are told as they come. */
void teller_start(struct imap *s);
void teller_stop(struct imap *s);

/* --- notify.c --- */
/* Tell what NOTIFY asked for. */
void notify_tell(struct imap *s);
/* Is the selected mailbox among what was asked for?  *DELAYED: but no EXPUNGE yet. */
bool notify_has_selected(const struct imap *s, bool *delayed);
/* What is sent of new messages there; NULL: nothing. */
const struct imap_fetch *notify_fetch(const struct imap *s);
void notify_end(struct imap *s);

/* --- fetch.c --- */
/* Send WHAT of the messages UIDS, as an answer to nothing. */
void fetch_send(struct imap *s, const struct imap_fetch *what, const uint32_t *uids,
                size_t n);

#endif
