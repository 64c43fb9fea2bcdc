/* mailbox_folders - list, create, rename, delete mailboxes; access lists; quota */
#include "mailbox.h"

#include <stdio.h>

static const struct {
    const char *name;
    unsigned bit;
} special_uses[] = {
    {"all", SPECIAL_ALL},       {"archive", SPECIAL_ARCHIVE},
    {"drafts", SPECIAL_DRAFTS}, {"flagged", SPECIAL_FLAGGED},
    {"junk", SPECIAL_JUNK},     {"sent", SPECIAL_SENT},
    {"trash", SPECIAL_TRASH},   {"important", SPECIAL_IMPORTANT},
};

bool mailbox_own_name(const struct mail_user *u, const char *given, struct view *out,
                      struct error *e)
{
    struct str name = STR_INIT(4096);
    bool is_name = account_name(u->account, view_of(given), &name);

    if (is_name)
        *out = arena_dup(u->arena, str_view(&name));
    else
        error_set(e, "5.1.3", "no mailbox can be called \"%s\"", given);
    str_done(&name);
    return is_name;
}

/* --- list --- */

static bool print_folder(struct mail_user *u, const struct account_folder *f,
                         struct error *e)
{
    struct mailbox_status status;
    struct mailbox *box;

    if (mailbox_open(u->account, f->name, &box, e) != STORE_OK)
        return false;
    bool is_known = mailbox_status(box, true, &status, e) == STORE_OK;
    mailbox_close(box);
    if (!is_known)
        return false;
    printf("%8zu %8zu %12llu  %.*s", status.messages, status.unseen,
           (unsigned long long)status.size, VIEW_FMT(f->name));
    for (size_t i = 0; i < sizeof special_uses / sizeof special_uses[0]; i++) {
        if (f->special_use & special_uses[i].bit)
            printf(" (%s)", special_uses[i].name);
    }
    puts(f->is_subscribed ? "" : " (not subscribed)");
    return true;
}

bool mailbox_list(struct mail_user *u, struct error *e)
{
    struct account_folder *folders;
    size_t n;

    if (account_list(u->account, u->arena, &folders, &n, e) != STORE_OK)
        return false;
    puts("messages   unseen        bytes  mailbox");
    for (size_t i = 0; i < n; i++) {
        if (folders[i].exists && !print_folder(u, &folders[i], e))
            return false;
    }
    return true;
}

/* --- create, rename, delete --- */

static bool find_use(const char *word, unsigned *bit, struct error *e)
{
    for (size_t i = 0; i < sizeof special_uses / sizeof special_uses[0]; i++) {
        if (strcmp(word, special_uses[i].name) == 0) {
            *bit = special_uses[i].bit;
            return true;
        }
    }
    error_set(
        e, "5.5.4",
        "%s is no special use: all archive drafts flagged junk sent trash important",
        word);
    return false;
}

bool mailbox_create(struct mail_user *u, struct error *e)
{
    struct view name;
    unsigned use = SPECIAL_NONE;

    return mailbox_own_name(u, u->argv[0], &name, e) &&
           (u->argc < 2 || find_use(u->argv[1], &use, e)) &&
           account_create(u->account, name, use, e) == STORE_OK &&
           account_subscribe(u->account, name, true, e) == STORE_OK;
}

bool mailbox_rename(struct mail_user *u, struct error *e)
{
    struct view from, to;

    return mailbox_own_name(u, u->argv[0], &from, e) &&
           mailbox_own_name(u, u->argv[1], &to, e) &&
           account_rename(u->account, from, to, e) == STORE_OK;
}

bool mailbox_delete(struct mail_user *u, struct error *e)
{
    struct view name;

    return mailbox_own_name(u, u->argv[0], &name, e) &&
           account_delete(u->account, name, e) == STORE_OK &&
           account_subscribe(u->account, name, false, e) == STORE_OK;
}

/* --- access lists --- */

static bool print_acl(struct mail_user *u, struct view name, struct error *e)
{
    char letters[ACL_RIGHTS_MAX];
    struct acl_entry *entries;
    size_t n;

    if (account_acl_get(u->account, name, u->arena, &entries, &n, e) != STORE_OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        acl_format(entries[i].rights, letters);
        printf("%.*s %s\n", VIEW_FMT(entries[i].identifier), letters);
    }
    return true;
}

bool mailbox_acl(struct mail_user *u, struct error *e)
{
    struct view name;
    unsigned rights = 0;

    if (!mailbox_own_name(u, u->argv[0], &name, e))
        return false;
    if (u->argc == 1)
        return print_acl(u, name, e);
    if (u->argc != 3) {
        error_set(e, "5.5.4", "who, and which rights? (letters of %s, or none)",
                  ACL_RIGHTS);
        return false;
    }
    if (strcmp(u->argv[2], "none") != 0 && !acl_parse(view_of(u->argv[2]), &rights)) {
        error_set(e, "5.5.4", "%s: rights are letters of %s, or none", u->argv[2],
                  ACL_RIGHTS);
        return false;
    }
    return account_acl_set(u->account, name, view_of(u->argv[1]), rights, e) == STORE_OK;
}

/* --- quota --- */

static void print_resource(const char *name, uint64_t used, uint64_t limit)
{
    if (limit > 0)
        printf("%-8s %12llu of %llu (%llu %%)\n", name, (unsigned long long)used,
               (unsigned long long)limit, (unsigned long long)(used * 100 / limit));
    else
        printf("%-8s %12llu, no limit\n", name, (unsigned long long)used);
}

bool mailbox_quota(struct mail_user *u, struct error *e)
{
    struct account_quota quota;

    if (account_quota(u->account, &quota, e) != STORE_OK)
        return false;
    print_resource("bytes", quota.bytes, quota.bytes_limit);
    print_resource("messages", quota.messages, quota.messages_limit);
    return true;
}
