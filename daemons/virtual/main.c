/* virtual - deliveries to the mailboxes of virtual users
 *
 * Owns: every mailbox below virtual_mailbox_base.  Started
 * by root it stays root, and each worker thread acts for the owner of the mailbox it
 * writes; started by an ordinary user all mailboxes are that user's.  Faces no network.
 * Read deliver.c first.  Source: virtual(8).
 */
#include "virtual.h"

#include "base/log.h"
#include "format/address.h"
#include "table/paths.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

static struct virtual self;

/* A mailbox must be able to hold any message. */
static bool check_limits(const struct conf *c, struct error *e)
{
    int64_t box = conf_int(c, P_virtual_mailbox_limit);
    int64_t message = conf_int(c, P_message_size_limit);

    if (box > 0 && message == 0)
        error_set(e, "4.3.5", "configuration error: %s is limited but %s is unlimited",
                  "virtual_mailbox_limit", "message_size_limit");
    else if (box > 0 && box < message)
        error_set(e, "4.3.5", "configuration error: %s is smaller than %s",
                  "virtual_mailbox_limit", "message_size_limit");
    else
        return true;
    return false;
}

static bool read_locking(const struct conf *c, struct error *e)
{
    if (!lock_policy_parse(conf_view(c, P_virtual_mailbox_lock), &self.lock, e)) {
        error_prefix(e, "parameter virtual_mailbox_lock: ");
        return false;
    }
    self.lock.attempts = 1;
    self.lock.delay = conf_time(c, P_deliver_lock_delay);
    self.lock.stale = conf_time(c, P_stale_lock_time);
    self.lock_attempts = (unsigned)conf_int(c, P_deliver_lock_attempts);
    return true;
}

/* Maildirs on the file system of virtual_mailbox_base are made durable by checkpoints. */
static void find_checkpoint(void)
{
    struct delivery *d = NULL;
    struct stat st;

    if (self.base.n == 0 || self.base.n >= sizeof d->checkpoint_path)
        return;
    self.has_checkpoint = stat(self.base.p, &st) == 0;
    self.checkpoint_device = self.has_checkpoint ? st.st_dev : 0;
}

static bool prepare(struct service *s, struct error *e)
{
    const struct conf *c = s->conf;

    agent_set_status_filter(P_virtual_delivery_status_filter);
    self.conf = c;
    self.base = view_of(conf_cstr(c, P_virtual_mailbox_base));
    self.mailboxes = virtual_mailboxes_open(c, s->is_root, e);
    if (!self.mailboxes)
        return false;
    self.host = conf_view(c, P_myhostname);
    self.size_limit = (uint64_t)conf_int(c, P_virtual_mailbox_limit);
    self.obeys_quota = conf_bool(c, P_maildir_quota_enable);
    self.strict_ownership = conf_bool(c, P_strict_mailbox_ownership);
    self.acts_for_users = s->is_root;
    if (!s->is_root)
        log_info(
            "not started by root: all mailboxes belong to uid %ld; virtual_uid_maps and "
            "virtual_gid_maps are not applied",
            (long)geteuid());
    find_checkpoint();
    s->state = &self;
    if (s->is_root && setgroups(0, NULL) < 0) {
        error_set_errno(e, "4.3.0", "cannot give up groups");
        return false;
    }
    return check_limits(c, e) && read_locking(c, e);
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    static const char *writable[2];

    /* Mailboxes that are not below one directory, or one that is not there yet, may be
     * anywhere. */
    writable[0] = self.has_checkpoint ? self.base.p : "/";
    profile->readable = table_paths(s->conf);
    profile->writable = writable;
    profile->may_change_ids = s->is_root;
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    agent_session(s, fd, virtual_deliver);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "virtual",
                                                   .user = SERVICE_AS_ROOT,
                                                   .has_lasting_sessions = true,
                                                   .prepare = prepare,
                                                   .sandbox = sandbox,
                                                   .session = session};

    return service_main(argc, argv, &program);
}
