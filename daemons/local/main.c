/* local - deliver to the users of this host
 *
 * Started by root it stays root, since it must become each recipient; every look into a
 * user's files and every delivery is made by a child that has the recipient's rights.
 * Started by an ordinary user all is done as that user.  Faces no network.  Read
 * recipient.c first.  Source: local(8).
 */
#include "local.h"

#include "base/log.h"
#include "base/memory.h"

#include <unistd.h>

static struct local local;

/* The bits that the words of parameter P stand for. */
static bool read_words(const struct conf *c, enum parameter p, const char *name,
                       const char *const words[3], unsigned *bits, struct error *e)
{
    struct view rest = conf_view(c, p), word;

    while (conf_token(&rest, VIEW(", \t\r\n"), &word)) {
        size_t i = 0;
        while (i < 3 && !view_eq_case(word, view_of(words[i])))
            i++;
        if (i < 3) {
            *bits |= 1u << i;
        } else if (p != P_propagate_unmatched_extensions) { /* has words of other programs
                                                               too */
            error_set(e, "4.3.5", "parameter %s: unknown word \"%.*s\"", name,
                      VIEW_FMT(word));
            return false;
        }
    }
    return true;
}

static bool read_masks(const struct conf *c, struct error *e)
{
    static const char *const sources[3] = {"alias", "forward", "include"};
    static const char *const targets[3] = {"command", "file", "forward"};

    return read_words(c, P_allow_mail_to_commands, "allow_mail_to_commands", sources,
                      &local.allow_commands, e) &&
           read_words(c, P_allow_mail_to_files, "allow_mail_to_files", sources,
                      &local.allow_files, e) &&
           read_words(c, P_propagate_unmatched_extensions,
                      "propagate_unmatched_extensions", sources, &local.propagate, e) &&
           read_words(c, P_prepend_delivered_header, "prepend_delivered_header", targets,
                      &local.prepend, e);
}

static bool read_locking(const struct conf *c, struct error *e)
{
    if (!lock_policy_parse(conf_view(c, P_mailbox_delivery_lock), &local.lock, e)) {
        error_prefix(e, "parameter mailbox_delivery_lock: ");
        return false;
    }
    if (conf_bool(c, P_sun_mailtool_compatibility)) {
        log_warning("sun_mailtool_compatibility: deprecated parameter, use "
                    "\"mailbox_delivery_lock = dotlock\" instead");
        local.lock.use_fcntl = local.lock.use_flock = false;
        local.lock.use_dotlock = true;
    }
    local.lock.attempts = (unsigned)conf_int(c, P_deliver_lock_attempts);
    local.lock.delay = conf_time(c, P_deliver_lock_delay);
    local.lock.stale = conf_time(c, P_stale_lock_time);
    return true;
}

/* A mailbox must be able to hold any message. */
static bool check_limits(const struct conf *c, struct error *e)
{
    int64_t box = conf_int(c, P_mailbox_size_limit);
    int64_t message = conf_int(c, P_message_size_limit);

    if (box > 0 && message == 0)
        error_set(e, "4.3.5", "configuration error: %s is limited but %s is unlimited",
                  "mailbox_size_limit", "message_size_limit");
    else if (box > 0 && box < message)
        error_set(e, "4.3.5", "configuration error: %s is smaller than %s",
                  "mailbox_size_limit", "message_size_limit");
    else
        return true;
    return false;
}

/* default_privs, who must have no power.  Asked before the loop runs, so without a
 * thread. */
static bool find_nobody(const struct service *s, struct error *e)
{
    const char *name = conf_cstr(s->conf, P_default_privs);

    if (!s->is_root)
        return true;
    if (!user_read(name, &local.nobody)) {
        error_set(e, "4.3.5", "parameter default_privs: unknown user name value: %s",
                  name);
        return false;
    }
    if (local.nobody.uid == 0 || local.nobody.uid == s->owner_uid) {
        error_set(e, "4.3.5", "parameter default_privs: user %s has privileged user id",
                  name);
        return false;
    }
    return true;
}

static void open_aliases(const struct conf *c)
{
    struct view list = conf_view(c, P_alias_maps), rest = list, spec;

    local.aliases = memory_alloc_array(list.n / 2 + 1, sizeof *local.aliases);
    while (conf_list_next(&rest, &spec)) {
        struct table *t = table_open(c, spec, TABLE_FOLD | TABLE_NO_REGEXP_SUBST);
        local.aliases[local.n_aliases++] = (struct alias_table){t, table_is_pattern(t)};
    }
}

static void open_tables(const struct conf *c)
{
    unsigned flags = TABLE_FOLD | TABLE_NO_REGEXP_SUBST;

    open_aliases(c);
    local.transports = maps_open(c, conf_view(c, P_mailbox_transport_maps), flags);
    local.commands = maps_open(c, conf_view(c, P_mailbox_command_maps), flags);
    local.fallbacks = maps_open(c, conf_view(c, P_fallback_transport_maps), flags);
    local.rewrite = rewrite_new(c);
    local.cleanup = cleanup_setup_new(c, local.rewrite);
}

static bool prepare(struct service *s, struct error *e)
{
    const struct conf *c = s->conf;

    agent_set_status_filter(P_local_delivery_status_filter);
    local.conf = c;
    local.acts_for_users = s->is_root;
    local.delimiters = (struct address_delimiters){
        .set = conf_view(c, P_recipient_delimiter),
        .ownreq_special = conf_bool(c, P_owner_request_special)};
    if (!s->is_root)
        log_info(
            "not started by root: all deliveries and commands run as uid %ld, whoever "
            "the recipient is; default_privs is not applied",
            (long)geteuid());
    slots_init(&local.children, (unsigned)conf_int(c, P_default_process_limit));
    s->state = &local;
    if (!read_masks(c, e) || !read_locking(c, e) || !check_limits(c, e) ||
        !find_nobody(s, e))
        return false;
    open_tables(c);
    return true;
}

static bool start(struct service *s, struct error *e)
{
    (void)e;
    local.queue = queue_link_open(s->conf);
    return true;
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    agent_session(s, fd, local_deliver);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "local",
                                                   .user = SERVICE_AS_ROOT,
                                                   .has_lasting_sessions = true,
                                                   .prepare = prepare,
                                                   .start = start,
                                                   .session = session};

    return service_main(argc, argv, &program);
}
