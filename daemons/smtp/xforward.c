/* xforward - tell a content filter who brought the message
 *
 * With smtp_send_xforward_command, to servers that offer XFORWARD: the client as it is in
 * the queue file, in front of each MAIL.  A server that refuses gets the message
 * nevertheless.  XFORWARD_README, smtp(8).
 */
#include "client.h"

#include "base/log.h"
#include "format/xforward.h"

/* The commands, LF behind each; empty: nothing to tell. */
static bool write_commands(const struct job *j, struct view wants, struct str *out)
{
    const struct envelope *env = &j->delivery->envelope;
    struct str address = STR_INIT(256);
    bool is_local = view_eq(env->rewrite_context, VIEW("local"));
    xforward_address(env->client_address, &address);
    const struct xforward_fact facts[] = {
        {"NAME", env->client_name},
        {"ADDR", str_view(&address)},
        {"PORT", env->client_port},
        {"PROTO", env->protocol_name},
        {"HELO", env->helo_name},
        {"IDENT", view_is_empty(env->log_ident) ? queue_id_view(&j->delivery->id)
                                                : env->log_ident},
        {"SOURCE", is_local ? VIEW("LOCAL") : VIEW("REMOTE")},
    };
    bool good = xforward_write(wants, facts, sizeof facts / sizeof facts[0], out);
    str_done(&address);
    return good;
}

bool xforward_run(const struct job *j, struct connection *k, struct error *e)
{
    const struct client *c = j->client;
    struct str commands = STR_INIT(8192);
    struct view line, rest;
    bool good = true;
    if (!conf_bool(c->conf, PARAMETER(c, send_xforward_command)) ||
        !(k->features.keywords & EHLO_XFORWARD) ||
        !write_commands(j, k->features.xforward, &commands))
        return true;
    for (rest = str_view(&commands); good && view_cut(rest, '\n', &line, &rest);) {
        connection_send(k, "%.*s", VIEW_FMT(line));
        good = connection_read(k, conf_time(c->conf, PARAMETER(c, xforward_timeout)),
                               "sending XFORWARD", e);
        if (good && smtp_reply_class(&k->reply) != 2)
            log_warning("%s: host %.*s said: %.*s (in reply to XFORWARD)", k->queue_id,
                        VIEW_FMT(k->display), VIEW_FMT(str_view(&k->reply.text)));
    }
    str_done(&commands);
    return good;
}
