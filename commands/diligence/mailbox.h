/* mailbox - what the files of `diligence mailbox` share */
#ifndef DILIGENCE_MAILBOX_H
#define DILIGENCE_MAILBOX_H

#include "diligence.h"
#include "store/mailbox.h"

/* One user's mailboxes, open; this process has the rights of their owner. */
struct mail_user {
    const struct control *control;
    struct arena *arena;
    struct view name; /* login name */
    struct account *account;
    int argc; /* what stands behind the user's name */
    char **argv;
};

/* --- mailbox_folders.c: each false with *E --- */
bool mailbox_list(struct mail_user *u, struct error *e);
bool mailbox_create(struct mail_user *u, struct error *e);
bool mailbox_rename(struct mail_user *u, struct error *e);
bool mailbox_delete(struct mail_user *u, struct error *e);
bool mailbox_acl(struct mail_user *u, struct error *e);
bool mailbox_quota(struct mail_user *u, struct error *e);
/* The name given as the account writes it; false with *E. */
bool mailbox_own_name(const struct mail_user *u, const char *given, struct view *out,
                      struct error *e);

/* --- mailbox_copy.c --- */
bool mailbox_import(struct mail_user *u, struct error *e);
bool mailbox_export(struct mail_user *u, struct error *e);
bool mailbox_backup(struct mail_user *u, struct error *e);
bool mailbox_restore(struct mail_user *u, struct error *e);

#endif
