/* smtp - the SMTP and LMTP client
 *
 * One fiber a delivery; runs as the mail owner, locked into the network and
 * read-only tables.  As "lmtp" it speaks LMTP (RFC 2033) and reads the lmtp_
 * parameters.  smtp(8).
 */
#include "base/log.h"
#include "base/memory.h"
#include "deliver.h"
#include "table/paths.h"

#include <stdlib.h>

static bool bind_to(const struct conf *c, enum parameter p, const char *name,
                    struct net_address *out, bool *has, struct error *e)
{
    struct view text = view_trim_space(conf_view(c, p));
    if (view_is_empty(text))
        return true;
    *has = net_address_parse(text, 0, out);
    if (!*has)
        error_set(e, "4.3.5", "bad %s parameter: %.*s", name, VIEW_FMT(text));
    return *has;
}

static struct maps *open_maps(struct client *c, enum parameter p)
{
    return maps_open(c->conf, conf_view(c->conf, p), 0);
}

static bool prepare(struct service *s, struct error *e)
{
    struct client *c = NEW(struct client);
    c->conf = s->conf;
    c->service = s;
    c->lmtp = strcmp(s->process_name, "lmtp") == 0;
    list_init(&c->cached);
    c->rewrite = rewrite_new(c->conf);
    host_search_init(&c->search, c->conf, c->rewrite, c->lmtp);
    c->generic =
        maps_open(c->conf, conf_view(c->conf, PARAMETER(c, generic_maps)), TABLE_FOLD);
    c->header_checks = open_maps(c, PARAMETER(c, header_checks));
    c->mime_header_checks = open_maps(c, PARAMETER(c, mime_header_checks));
    c->nested_header_checks = open_maps(c, PARAMETER(c, nested_header_checks));
    c->body_checks = open_maps(c, PARAMETER(c, body_checks));
    c->discard_by_address =
        open_maps(c, c->lmtp ? P_lmtp_discard_lhlo_keyword_address_maps
                             : P_smtp_discard_ehlo_keyword_address_maps);
    c->discard =
        ehlo_discard_parse(conf_view(c->conf, c->lmtp ? P_lmtp_discard_lhlo_keywords
                                                      : P_smtp_discard_ehlo_keywords),
                           NULL);
    s->state = c;
    agent_set_status_filter(PARAMETER(c, delivery_status_filter));
    srandom((unsigned)(clock_mono() ^ clock_wall()));
    dns_init(conf_view(c->conf, P_resolver_nameservers));
    return bind_to(c->conf, PARAMETER(c, bind_address), "smtp_bind_address", &c->bind4,
                   &c->has_bind4, e) &&
           bind_to(c->conf, PARAMETER(c, bind_address6), "smtp_bind_address6", &c->bind6,
                   &c->has_bind6, e);
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    profile->network = true;
    profile->readable = table_paths(s->conf);
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    agent_session(s, fd, smtp_deliver);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "smtp",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .prepare = prepare,
        .sandbox = sandbox,
        .session = session,
    };
    return service_main(argc, argv, &program);
}
