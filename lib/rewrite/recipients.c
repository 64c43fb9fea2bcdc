/* recipients - is an address one that we know? (asked by smtpd at RCPT)
 *
 * Source: LOCAL_RECIPIENT_README, ADDRESS_CLASS_README, smtpd_reject_unlisted_recipient
 * in postconf(5).
 */
#include "rewrite/recipients.h"

#include "rewrite/rewrite_private.h"

#include "base/memory.h"
#include "format/address.h"
#include "format/dsn_code.h"

struct recipients {
    const struct conf *conf;
    struct rewrite *rewrite;
    /* Who is in one of these exists, whatever its class. */
    struct maps *recipient_canonical, *canonical, *virtual_alias;
    /* The lists of the classes. */
    struct maps *local, *virtual_mailbox, *relay;
};

static struct maps *open_maps(const struct conf *c, enum parameter p)
{
    return maps_open(c, conf_view(c, p), TABLE_FOLD);
}

struct recipients *recipients_new(const struct conf *c, struct rewrite *r)
{
    struct recipients *list = NEW(struct recipients);
    list->conf = c;
    list->rewrite = r;
    list->recipient_canonical = open_maps(c, P_recipient_canonical_maps);
    list->canonical = open_maps(c, P_canonical_maps);
    list->virtual_alias = open_maps(c, P_virtual_alias_maps);
    list->local = open_maps(c, P_local_recipient_maps);
    list->virtual_mailbox = open_maps(c, P_virtual_mailbox_maps);
    list->relay = open_maps(c, P_relay_recipient_maps);
    return list;
}

void recipients_free(struct recipients *list)
{
    if (!list)
        return;
    maps_close(list->recipient_canonical);
    maps_close(list->canonical);
    maps_close(list->virtual_alias);
    maps_close(list->local);
    maps_close(list->virtual_mailbox);
    maps_close(list->relay);
    memory_free(list);
}

static enum table_result is_listed(struct recipients *list, struct maps *m,
                                   struct view address, struct arena *a, struct error *e)
{
    struct view value;
    if (maps_is_empty(m))
        return TABLE_NOT_FOUND;
    return rewrite_find_address(list->rewrite, m, address, a, &value, NULL, e);
}

/* canonical or virtual aliases turn it into something: good enough. */
static enum table_result is_mapped(struct recipients *list, struct view address,
                                   struct arena *a, struct error *e)
{
    struct maps *all[] = {list->recipient_canonical, list->canonical,
                          list->virtual_alias};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        enum table_result found = is_listed(list, all[i], address, a, e);
        if (found != TABLE_NOT_FOUND)
            return found;
    }
    return TABLE_NOT_FOUND;
}

/* Names that the mail system itself makes and takes. */
static bool is_built_in(const struct recipients *list, struct view recipient)
{
    struct view local, domain;
    address_split(recipient, &local, &domain);
    return view_eq_case(local, VIEW("postmaster")) ||
           view_eq_case(local, VIEW("mailer-daemon")) ||
           view_eq_case(local, conf_view(list->conf, P_double_bounce_sender));
}

static void refuse(struct recipient_check *out, int64_t code, const char *status,
                   struct view text)
{
    out->known = false;
    out->code = (int)code;
    for (size_t i = 0; i < sizeof out->status && (i == 0 || out->status[i - 1]); i++)
        out->status[i] = status[i];
    out->text = text;
}

/* Where the address resolves to an error: nobody can get that mail. */
static void refuse_error(struct recipients *list, const struct resolved *to,
                         struct recipient_check *out)
{
    bool is_retry = view_eq(to->transport, VIEW("retry"));
    char status[DSN_CODE_MAX];
    int64_t code = is_retry ? 450 : 550;
    if (to->class == CLASS_VIRTUAL_ALIAS)
        code = conf_int(list->conf, P_unknown_virtual_alias_reject_code);
    struct view text = dsn_code_split(to->nexthop, is_retry ? "4.3.0" : "5.3.0", status);
    refuse(out, code, status, text);
}

static enum result check_class(struct recipients *list, const struct resolved *to,
                               struct arena *a, struct recipient_check *out,
                               struct error *e)
{
    struct maps *m;
    enum parameter code;
    struct view text;
    switch (to->class) {
    case CLASS_LOCAL:
        m = is_built_in(list, to->recipient) ? NULL : list->local;
        code = P_unknown_local_recipient_reject_code;
        text = VIEW("User unknown in local recipient table");
        break;
    case CLASS_VIRTUAL_MAILBOX:
        m = list->virtual_mailbox;
        code = P_unknown_virtual_mailbox_reject_code;
        text = VIEW("User unknown in virtual mailbox table");
        break;
    case CLASS_RELAY:
        m = list->relay;
        code = P_unknown_relay_recipient_reject_code;
        text = VIEW("User unknown in relay recipient table");
        break;
    case CLASS_VIRTUAL_ALIAS:
    case CLASS_DEFAULT:
    default:
        return OK;
    }
    if (!m || maps_is_empty(m))
        return OK;
    enum table_result found = is_listed(list, m, to->recipient, a, e);
    if (found == TABLE_ERROR)
        return TEMPFAIL;
    if (found == TABLE_NOT_FOUND)
        refuse(out, conf_int(list->conf, code), "5.1.1",
               conf_bool(list->conf, P_show_user_unknown_table_name)
                   ? text
                   : VIEW("User unknown"));
    return OK;
}

enum result recipients_check(struct recipients *list, struct view address,
                             struct arena *a, struct recipient_check *out,
                             struct error *e)
{
    struct resolved to;
    *out = (struct recipient_check){.known = true};
    enum result result = resolve_address(list->rewrite, VIEW(""), address, a, &to, e);
    if (result != OK)
        return result;
    if (to.is_error) {
        refuse(out, 501, "5.1.3", VIEW("Bad recipient address syntax"));
        return OK;
    }
    switch (is_mapped(list, rewrite_address(list->rewrite, REWRITE_LOCAL, address, a), a,
                      e)) {
    case TABLE_FOUND:
        return OK;
    case TABLE_ERROR:
        return TEMPFAIL;
    case TABLE_NOT_FOUND:
        break;
    }
    if (rewrite_is_refusal(list->rewrite, to.transport)) {
        refuse_error(list, &to, out);
        return OK;
    }
    return check_class(list, &to, a, out, e);
}
