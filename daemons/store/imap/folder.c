/* folder - CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE
 *
 * RFC 9051 6.3.4 to 6.3.8; RFC 6154 (USE), RFC 4314 4 (rights), RFC 8474 (MAILBOXID).
 */
#include "imap.h"
#include "imap/command.h"

static const struct {
    const char *name;
    unsigned bit;
} special_uses[] = {
    {"\\All", SPECIAL_ALL},       {"\\Archive", SPECIAL_ARCHIVE},
    {"\\Drafts", SPECIAL_DRAFTS}, {"\\Flagged", SPECIAL_FLAGGED},
    {"\\Junk", SPECIAL_JUNK},     {"\\Sent", SPECIAL_SENT},
    {"\\Trash", SPECIAL_TRASH},   {"\\Important", SPECIAL_IMPORTANT},
};

void imap_add_special_uses(struct imap *s, unsigned uses)
{
    for (size_t i = 0; i < sizeof special_uses / sizeof special_uses[0]; i++) {
        if (uses & special_uses[i].bit)
            str_addf(&s->scratch, " %s", special_uses[i].name);
    }
}

static bool special_use_bit(struct view name, unsigned *bit)
{
    for (size_t i = 0; i < sizeof special_uses / sizeof special_uses[0]; i++) {
        if (view_eq_case(name, view_of(special_uses[i].name))) {
            *bit = special_uses[i].bit;
            return true;
        }
    }
    return false;
}

/* A "/" at the end says that others will be made below (RFC 9051 6.3.4). */
static struct view without_delimiter(struct view name)
{
    return name.n > 1 && view_ends(name, VIEW("/")) ? view_sub(name, 0, name.n - 1)
                                                    : name;
}

/* Where NAME may lead, whether it is there or not. */
static bool find_place(struct imap *s, struct view name, unsigned rights,
                       struct namespace_target *out)
{
    return imap_target(s, without_delimiter(name), rights, out);
}

bool command_create(struct imap *s)
{
    struct namespace_target target;
    struct imap_create create;
    struct error e = ERROR_INIT;
    unsigned uses = 0, bit;
    char id[24];

    if (!imap_take_create(&s->in, &create))
        return false;
    for (size_t i = 0; i < create.use_count; i++) {
        if (!special_use_bit(create.uses[i], &bit))
            return imap_no(s, "[USEATTR] This special use is not known.");
        uses |= bit;
    }
    if (!find_place(s, create.mailbox, ACL_CREATE, &target))
        return true;
    enum store_result r = account_create(target.account, target.name, uses, &e);
    if (r == STORE_OK)
        r = account_mailbox_id(target.account, target.name, id, &e);
    account_close(target.account);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    return imap_ok(s, "[MAILBOXID (%s)] Create completed.", id);
}

/* The selected mailbox goes: nothing is selected any more. */
static void leave(struct imap *s, const struct namespace_target *target)
{
    const struct view_of_mailbox *v = s->selected;

    if (v && v->account == target->account && view_eq(mailbox_name(v->box), target->name))
        view_close(s);
}

bool command_delete(struct imap *s)
{
    struct namespace_target target;
    struct error e = ERROR_INIT;
    struct view name;

    if (!imap_take_mailbox(&s->in, &name) || !imap_take_end(&s->in))
        return false;
    if (!imap_target(s, name, ACL_DELETE, &target))
        return true;
    leave(s, &target);
    enum store_result r = account_delete(target.account, target.name, &e);
    account_close(target.account);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    return imap_ok(s, "Delete completed.");
}

static bool rename_within(struct imap *s, const struct namespace_target *from,
                          const struct namespace_target *to)
{
    struct error e = ERROR_INIT;

    if (from->account != to->account)
        return imap_no(s, "[CANNOT] Mailboxes cannot be given to another user.");
    enum store_result r = account_rename(from->account, from->name, to->name, &e);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    return imap_ok(s, "Rename completed.");
}

bool command_rename(struct imap *s)
{
    struct namespace_target from, to;
    struct view old_name, new_name;

    if (!imap_take_mailbox(&s->in, &old_name) || !imap_take_space(&s->in) ||
        !imap_take_mailbox(&s->in, &new_name) || !imap_take_end(&s->in))
        return false;
    if (!imap_target(s, old_name, ACL_DELETE, &from))
        return true;
    if (find_place(s, new_name, ACL_CREATE, &to)) {
        rename_within(s, &from, &to);
        account_close(to.account);
    }
    account_close(from.account);
    return true;
}

/* The names of the client's own list, in its own account. */
static bool subscribe(struct imap *s, bool is_subscribed)
{
    struct str name = STR_INIT(4096);
    struct error e = ERROR_INIT;
    struct view given;

    if (!imap_take_mailbox(&s->in, &given) || !imap_take_end(&s->in))
        return false;
    if (!account_name(s->names.own, given, &name)) {
        str_done(&name);
        return imap_no(s, "[CANNOT] No mailbox can have this name.");
    }
    enum store_result r =
        account_subscribe(s->names.own, str_view(&name), is_subscribed, &e);
    str_done(&name);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    return imap_ok(s, "%s completed.", is_subscribed ? "Subscribe" : "Unsubscribe");
}

bool command_subscribe(struct imap *s)
{
    return subscribe(s, true);
}

bool command_unsubscribe(struct imap *s)
{
    return subscribe(s, false);
}
