/* milter_macros - see milter_macros.h.  MILTER_README, "Sendmail macro emulation".
 */
#include "cleanup/milter_macros.h"

#include "cleanup/cleanup_private.h"
#include "milter/macro.h"

static bool of_sender(struct cleanup *c, struct view part, struct str *value)
{
    struct view sender = c->envelope.sender;
    if (view_is_empty(sender) && view_eq(part, VIEW("addr}")))
        return true; /* a report's sender is known, and empty */
    return milter_macro_of_address(c->setup->rewrite, sender, part, value);
}

bool milter_macro_value(void *context, struct view name, struct str *value)
{
    struct cleanup *c = context;
    const struct envelope *env = &c->envelope;
    const struct milter_macro known[] = {
        {"i", view_of(cleanup_id(c))},
        {"{client_addr}", milter_client_address(c)},
        {"{client_name}", milter_client_name(c)},
        {"{client_ptr}", milter_client_name(c)},
        {"{client_port}", env->client_port},
        {"{client_resolve}", VIEW("OK")},
        {"{daemon_addr}", VIEW("127.0.0.1")},
        {"{daemon_port}", VIEW("0")},
        {"{auth_type}", env->sasl_method},
        {"{auth_authen}", env->sasl_username},
        {"{auth_author}", env->sasl_sender},
    };
    const struct view *found =
        milter_macro_find(known, sizeof known / sizeof known[0], name);
    if (found)
        return !view_is_empty(*found) && str_set(value, *found);
    if (view_eq(name, VIEW("_")))
        return str_addf(value, "%.*s [%.*s]", VIEW_FMT(milter_client_name(c)),
                        VIEW_FMT(milter_client_address(c)));
    if (view_starts(name, VIEW("{mail_")))
        return of_sender(c, view_from(name, 6), value);
    if (view_starts(name, VIEW("{rcpt_")))
        return !view_is_empty(c->last_recipient) &&
               milter_macro_of_address(c->setup->rewrite, c->last_recipient,
                                       view_from(name, 6), value);
    return false;
}
