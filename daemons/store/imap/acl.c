/* acl - who may do what with a mailbox: GETACL SETACL DELETEACL LISTRIGHTS MYRIGHTS
 *
 * RFC 4314.  The bits of the grammar and of the store are the same letters in the same
 * order ("lrswipkxtea"), which acl_test.c holds them to.
 */
#include "imap.h"
#include "imap/command.h"
#include "imap/write.h"

/* "* NAME mailbox ": begins an answer in scratch. */
static void begin(struct imap *s, const char *name, struct view mailbox)
{
    str_set(&s->scratch, VIEW("* "));
    str_addf(&s->scratch, "%s ", name);
    imap_add_mailbox(s, mailbox);
}

static void finish(struct imap *s)
{
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
}

bool command_getacl(struct imap *s)
{
    struct namespace_target target;
    struct error e = ERROR_INIT;
    struct acl_entry *entries;
    struct view name;
    size_t n;

    if (!imap_take_mailbox(&s->in, &name) || !imap_take_end(&s->in))
        return false;
    if (!imap_target(s, name, ACL_ADMIN, &target))
        return true;
    enum store_result r =
        account_acl_get(target.account, target.name, s->arena, &entries, &n, &e);
    account_close(target.account);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    begin(s, "ACL", name);
    for (size_t i = 0; i < n; i++) {
        str_add_char(&s->scratch, ' ');
        imap_write_astring(entries[i].identifier, &s->scratch);
        str_add_char(&s->scratch, ' ');
        imap_write_rights(entries[i].rights, true, &s->scratch);
    }
    finish(s);
    return imap_ok(s, "Getacl completed.");
}

/* What IDENTIFIER has now; "+" and "-" change that. */
static enum store_result rights_now(struct imap *s, const struct namespace_target *target,
                                    struct view identifier, unsigned *rights,
                                    struct error *e)
{
    struct acl_entry *entries;
    size_t n;
    enum store_result r =
        account_acl_get(target->account, target->name, s->arena, &entries, &n, e);

    *rights = 0;
    for (size_t i = 0; r == STORE_OK && i < n; i++) {
        if (view_eq(entries[i].identifier, identifier))
            *rights = entries[i].rights;
    }
    return r;
}

static enum store_result change_acl(struct imap *s, const struct namespace_target *target,
                                    const struct imap_setacl *what, struct error *e)
{
    unsigned rights = what->rights, now;

    if (what->how != IMAP_RIGHTS_SET) {
        enum store_result r = rights_now(s, target, what->identifier, &now, e);
        if (r != STORE_OK)
            return r;
        rights = what->how == IMAP_RIGHTS_ADD ? now | rights : now & ~rights;
    }
    return namespace_acl_set(&s->names, target->account, target->name, what->identifier,
                             rights, e);
}

static bool set_acl(struct imap *s, const struct imap_setacl *what, const char *command)
{
    struct namespace_target target;
    struct error e = ERROR_INIT;

    if (!imap_target(s, what->mailbox, ACL_ADMIN, &target))
        return true;
    enum store_result r = change_acl(s, &target, what, &e);
    account_close(target.account);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    return imap_ok(s, "%s completed.", command);
}

bool command_setacl(struct imap *s)
{
    struct imap_setacl what;

    return imap_take_setacl(&s->in, &what) && set_acl(s, &what, "Setacl");
}

bool command_deleteacl(struct imap *s)
{
    struct imap_setacl what = {.how = IMAP_RIGHTS_SET};

    return imap_take_mailbox(&s->in, &what.mailbox) && imap_take_space(&s->in) &&
           imap_take_astring(&s->in, &what.identifier) && imap_take_end(&s->in) &&
           set_acl(s, &what, "Deleteacl");
}

/* Every right can be given or not, each by itself; the owner's cannot be taken. */
bool command_listrights(struct imap *s)
{
    struct namespace_target target;
    struct view name, identifier;

    if (!imap_take_mailbox(&s->in, &name) || !imap_take_space(&s->in) ||
        !imap_take_astring(&s->in, &identifier) || !imap_take_end(&s->in))
        return false;
    if (!imap_target(s, name, ACL_ADMIN, &target))
        return true;
    bool is_owner = view_eq(identifier, view_of(account_place(target.account)->owner));
    account_close(target.account);
    begin(s, "LISTRIGHTS", name);
    str_add_char(&s->scratch, ' ');
    imap_write_astring(identifier, &s->scratch);
    str_add_cstr(&s->scratch, is_owner ? " lrswipkxtea" : " \"\" l r s w i p k x t e a");
    finish(s);
    return imap_ok(s, "Listrights completed.");
}

bool command_myrights(struct imap *s)
{
    struct namespace_target target;
    struct view name;

    if (!imap_take_mailbox(&s->in, &name) || !imap_take_end(&s->in))
        return false;
    if (!imap_target(s, name, 0, &target))
        return true;
    account_close(target.account);
    begin(s, "MYRIGHTS", name);
    str_add_char(&s->scratch, ' ');
    imap_write_rights(target.rights, true, &s->scratch);
    finish(s);
    return imap_ok(s, "Myrights completed.");
}
