/* path - the address in MAIL, RCPT and VRFY
 */
#include "base/log.h"
#include "format/address.h"
#include "session.h"

bool path_parse(struct session *s, struct view path, bool allow_empty, bool utf8,
                struct arena *arena, struct view *address)
{
    const struct conf *c = s->server->conf;
    bool sender = allow_empty;
    const char *verb = s->facts.where;
    struct address_options options = {
        .strict = conf_bool(c, P_strict_rfc821_envelopes),
        .allow_empty = allow_empty,
        .eight_bit = utf8                              ? ADDRESS_8BIT_UTF8
                     : conf_bool(c, P_strict_smtputf8) ? ADDRESS_8BIT_NONE
                                                       : ADDRESS_8BIT_ANY,
    };
    struct str out = STR_INIT(ADDRESS_MAX);
    enum address_fault fault = address_parse_path(path, &options, &out);
    if (fault == ADDRESS_OK) {
        *address = arena_dup(arena, str_view(&out));
        str_done(&out);
        return true;
    }
    str_done(&out);
    if (fault == ADDRESS_NOT_ASCII) {
        reply_error(s, "553 5.6.7 Must declare SMTPUTF8 to send unicode address");
        return false;
    }
    log_warning("Illegal address syntax from %.*s in %s command: %.*s",
                VIEW_FMT(s->facts.client_display), verb,
                VIEW_FMT(view_sub(path, 0, 200)));
    reply_error(s, "501 %s Bad %s address syntax", sender ? "5.1.7" : "5.1.3",
                sender ? "sender" : "recipient");
    return false;
}
