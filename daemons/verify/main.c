/* verify - remembers which addresses take mail, and sends probes to learn it
 *
 * smtpd asks (VERIFY_QUERY); what is not known, or known for too long, is probed by a
 * message that goes through the queue like any other but is delivered to nobody; qmgr
 * tells what became of it (VERIFY_UPDATE).  Runs as the mail owner, without network.
 * verify(8).
 */
#include "entry.h"

#include "base/log.h"
#include "base/memory.h"
#include "cleanup/cleanup.h"
#include "format/date.h"
#include "ipc/ipc.h"
#include "run/fiber.h"
#include "service/service.h"
#include "table/cache.h"
#include "table/paths.h"

#include <time.h>

#define ANSWER_TIMEOUT (10 * CLOCK_SECOND)
#define IN_PROGRESS    VIEW("Address verification in progress")

/* What one configuration gives; kept until the last probe that uses it is sent. */
struct setup {
    const struct conf *conf;
    struct rewrite *rewrite;
    struct cleanup_setup *cleanup;
    unsigned users;
};

static struct verify {
    const struct conf *conf;
    struct cache *cache;
    struct setup *setup;
    struct queue_link *queue;
    struct entry_times times;
} verify;

static struct setup *setup_new(const struct conf *c)
{
    struct setup *s = NEW(struct setup);
    *s = (struct setup){.conf = c, .rewrite = rewrite_new(c), .users = 1};
    s->cleanup = cleanup_setup_new(c, s->rewrite);
    return s;
}

static void setup_release(struct setup *s)
{
    if (--s->users > 0)
        return;
    cleanup_setup_free(s->cleanup);
    rewrite_free(s->rewrite);
    memory_free(s);
}

static int64_t seconds(enum parameter p)
{
    return conf_time(verify.conf, p) / CLOCK_SECOND;
}

static int64_t now_seconds(void)
{
    return clock_wall() / CLOCK_SECOND;
}

/* --- probes --- */

static void write_head(struct cleanup *mail, struct arena *a, const char *id)
{
    const struct conf *c = verify.conf;
    char date[DATE_MAX];
    struct tm local;
    time_t now = time(NULL);
    if (!localtime_r(&now, &local))
        gmtime_r(&now, &local);
    (void)date_format(date, &local);
    cleanup_line(mail, arena_printf(a, "Received: by %.*s (%.*s)",
                                    VIEW_FMT(conf_view(c, P_myhostname)),
                                    VIEW_FMT(conf_view(c, P_mail_name))));
    cleanup_line(mail, arena_printf(a, "\tid %s; %s", id, date));
    cleanup_line(mail, arena_printf(a, "Date: %s", date));
}

/* May suspend. */
static bool send_probe(struct view address, struct arena *a, struct error *e)
{
    struct draft *draft = draft_open(verify.queue, e);
    if (draft == NULL)
        return false;
    const struct queue_id id = *draft_id(draft);
    const struct envelope env = {
        .arrival = clock_wall(),
        .flags =
            MESSAGE_PROBE | (view_is_ascii(address) ? 0u : (unsigned)MESSAGE_SMTPUTF8),
        .rewrite_context = VIEW("local"),
    };
    struct setup *s = verify.setup;
    s->users++;
    struct cleanup *mail = cleanup_open(s->cleanup, draft, &env,
                                        CLEANUP_INTERNAL | CLEANUP_ADD_MISSING |
                                            cleanup_auto_utf8(s->conf, "verify"));
    cleanup_sender(mail, verify_sender(verify.conf, clock_wall(), a));
    cleanup_recipient(mail, address, VIEW_NONE, VIEW_NONE, NOTIFY_NEVER);
    write_head(mail, a, id.text);
    bool good = cleanup_finish(mail, NULL, e) == CLEANUP_QUEUED;
    setup_release(s);
    return good;
}

/* --- the cache --- */

static void remember(struct view key, const struct entry *x, struct error *e)
{
    struct str text = STR_INIT(8192);
    entry_write(x, &text);
    if (!cache_put(verify.cache, key, str_view(&text), e))
        log_warning("address verification cache: %s", e->text);
    str_done(&text);
}

/* What is known and may be believed; else "unknown". */
static struct entry recall(struct view key, struct arena *a, struct error *e)
{
    struct view text;
    struct entry x;
    enum table_result got = cache_get(verify.cache, key, a, &text, e);
    if (got == TABLE_ERROR)
        log_warning("address verification cache: %s", e->text);
    if (got == TABLE_FOUND && !entry_parse(text, &x))
        log_warning("bad address verify table entry: %.*s",
                    VIEW_FMT(view_sub(text, 0, 100)));
    else if (got == TABLE_FOUND && !entry_is_expired(&x, &verify.times, now_seconds()))
        return x;
    return (struct entry){.verdict = VERIFY_UNKNOWN, .text = IN_PROGRESS};
}

static bool is_old(struct view key, struct view value, void *arg)
{
    const int64_t *now = arg;
    struct entry x;
    (void)key;
    return !entry_parse(value, &x) || entry_is_expired(&x, &verify.times, *now);
}

static void sweep_fiber(void *arg)
{
    (void)arg;
    for (;;) {
        struct error e = ERROR_INIT;
        struct cache_sweep swept;
        int64_t now,
            pause = conf_time(verify.conf, P_address_verify_cache_cleanup_interval);
        (void)fiber_sleep(pause > 0 ? pause : 3600 * CLOCK_SECOND);
        if (pause <= 0)
            continue;
        now = now_seconds();
        if (cache_sweep(verify.cache, is_old, &now, &swept, &e))
            log_info("cache %s full cleanup: retained=%llu dropped=%llu entries",
                     conf_cstr(verify.conf, P_address_verify_map),
                     (unsigned long long)swept.kept, (unsigned long long)swept.dropped);
        else
            log_warning("address verification cache: %s", e.text);
    }
}

/* --- requests --- */

static bool answer_query(struct ipc *c, struct arena *a, struct view address,
                         struct error *e)
{
    struct view key = arena_lower(a, address);
    struct entry x = recall(key, a, e);
    bool probe = entry_wants_probe(&x, &verify.times, now_seconds());
    struct ipc_message *m = ipc_message_new(a, IPC_VERIFY_IS);
    ipc_put_u64(m, IPC_ATTR_VERDICT, x.verdict);
    ipc_put_view(m, IPC_ATTR_TEXT, x.text);
    if (probe &&
        (x.updated != 0 || conf_bool(verify.conf, P_address_verify_negative_cache))) {
        x.probed = now_seconds();
        remember(key, &x, e);
    }
    bool good = ipc_send(c, m, clock_in(ANSWER_TIMEOUT), e);
    if (probe && !send_probe(address, a, e))
        log_warning("cannot send a probe to %.*s: %s", VIEW_FMT(address), e->text);
    return good;
}

static bool take_update(struct ipc *c, struct arena *a, const struct ipc_message *m,
                        struct error *e)
{
    struct view address = arena_lower(a, ipc_get_view(m, IPC_ATTR_ADDRESS));
    const struct entry x = {
        .verdict = (enum verify_verdict)ipc_get_u64(m, IPC_ATTR_VERDICT, 0),
        .updated = now_seconds(),
        .text = ipc_get_view(m, IPC_ATTR_TEXT),
    };
    if (x.verdict == VERIFY_DELIVERABLE ||
        conf_bool(verify.conf, P_address_verify_negative_cache))
        remember(address, &x, e);
    return ipc_send(c, ipc_message_new(a, IPC_OK), clock_in(ANSWER_TIMEOUT), e);
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    struct ipc *c = ipc_open(fd);
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    bool good = true;
    (void)s;
    (void)socket;
    (void)peer;
    while (good && (m = ipc_receive(c, a, CLOCK_NEVER, &e)) != NULL) {
        enum ipc_type type = ipc_message_type(m);
        ipc_message_close_fds(m);
        if (type == IPC_HELLO)
            good = ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version();
        else if (type == IPC_VERIFY_QUERY)
            good = answer_query(c, a, ipc_get_view(m, IPC_ATTR_ADDRESS), &e);
        else if (type == IPC_VERIFY_UPDATE)
            good = take_update(c, a, m, &e);
        else
            good = false;
        arena_reset(a);
    }
    arena_free(a);
    ipc_close(c);
}

/* --- the program --- */

static void use_conf(const struct conf *c)
{
    verify.conf = c;
    verify.times = (struct entry_times){
        .positive_refresh = seconds(P_address_verify_positive_refresh_time),
        .positive_expire = seconds(P_address_verify_positive_expire_time),
        .negative_refresh = seconds(P_address_verify_negative_refresh_time),
        .negative_expire = seconds(P_address_verify_negative_expire_time),
    };
}

static bool start(struct service *s, struct error *e)
{
    use_conf(s->conf);
    verify.cache = cache_open(conf_view(s->conf, P_address_verify_map), e);
    if (verify.cache == NULL)
        return false;
    verify.setup = setup_new(s->conf);
    verify.queue = queue_link_open(s->conf);
    fiber_spawn("sweep", sweep_fiber, NULL);
    return true;
}

/* The cache goes on: another address_verify_map needs a restart. */
static bool reload(struct service *s, const struct conf *fresh, struct error *e)
{
    (void)s;
    (void)e;
    use_conf(fresh);
    setup_release(verify.setup);
    verify.setup = setup_new(fresh);
    return true;
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    static const char *writable[2];
    struct arena *a = arena_new(); /* for the life of the process */
    writable[0] = cache_directory(a, conf_view(s->conf, P_address_verify_map));
    profile->writable = writable;
    profile->readable = table_paths(s->conf);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "verify",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .sandbox = sandbox,
        .start = start,
        .session = session,
        .reload = reload,
    };
    return service_main(argc, argv, &program);
}
