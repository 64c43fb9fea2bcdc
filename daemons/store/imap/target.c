/* target - the names of a client, and the mailboxes they lead to */
#include "imap.h"
#include "imap/write.h"

bool imap_names_are_utf8(const struct imap *s)
{
    return s->enabled & (ENABLED_UTF8 | ENABLED_REV2);
}

void imap_add_mailbox(struct imap *s, struct view name)
{
    imap_write_mailbox(name, imap_names_are_utf8(s), &s->scratch);
}

static bool resolve(struct imap *s, struct view name, unsigned rights,
                    const char *missing, struct namespace_target *out)
{
    struct error e = ERROR_INIT;
    enum store_result r = namespace_resolve(&s->names, name, s->arena, out, &e);

    if (r == STORE_NONEXISTENT)
        imap_no(s, "[%s] %s", missing, e.text[0] ? e.text : "No such mailbox");
    else if (r != STORE_OK)
        imap_no_store(s, r, &e);
    if (r != STORE_OK)
        return false;
    if ((out->rights & rights) == rights)
        return true;
    imap_no(s, "[NOPERM] You have not the rights for that here.");
    account_close(out->account);
    return false;
}

bool imap_target(struct imap *s, struct view name, unsigned rights,
                 struct namespace_target *out)
{
    return resolve(s, name, rights, "NONEXISTENT", out);
}

bool imap_open(struct imap *s, struct view name, unsigned rights, const char *missing,
               struct namespace_target *out, struct mailbox **box)
{
    struct error e = ERROR_INIT;

    if (!missing)
        missing = "NONEXISTENT";
    if (!resolve(s, name, rights, missing, out))
        return false;
    enum store_result r = mailbox_open(out->account, out->name, box, &e);
    if (r == STORE_OK)
        return true;
    account_close(out->account);
    if (r == STORE_NONEXISTENT)
        imap_no(s, "[%s] %s", missing, e.text[0] ? e.text : "No such mailbox");
    else
        imap_no_store(s, r, &e);
    return false;
}
