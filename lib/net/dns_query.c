/* dns_query - one question to libunbound, waiting as a fiber
 *
 * libunbound resolves in a thread of its own, which starts with the first question and
 * so lies inside the sandbox.  Its answers come through a pipe; while
 * questions are open one fiber, the pump, waits for them and hands them out.
 */
#include "net/dns_query.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/dns_files.h"
#include "run/loop.h"

#include <errno.h>
#include <unbound.h>
#include <unistd.h>

#define HOSTS_FILE        "/etc/hosts"
#define HOSTS_LIMIT       ((size_t)4 * 1024 * 1024)
#define RESOLV_CONF       "/etc/resolv.conf"
#define RESOLV_CONF_LIMIT ((size_t)64 * 1024)
#define CLASS_IN          1

struct dns_query {
    struct arena *arena;
    int id; /* libunbound's; 0 when the question never started */
    bool is_done;
    struct waitq done;
    enum dns_result result;
    struct dns_packet packet;
    bool secure;
};

static struct ub_ctx *context;
static char anchor[1024];
static struct dns_hosts *hosts;
static unsigned open_queries;
static struct fiber *pump;

static const struct {
    const char *name, *value;
} options[] = {
    {"do-not-query-localhost:", "no"}, /* a resolver on this host is common */
    {"minimal-responses:", "no"},      /* keep the addresses beside MX records */
    {"unblock-lan-zones:", "yes"},  /* private networks have reverse zones of their own */
    {"infra-keep-probing:", "yes"}, /* a network that comes back is used at once */
    {"infra-host-ttl:", "60"},
    {"outgoing-range:", "256"},
    {"outgoing-num-tcp:", "16"},
    {"num-queries-per-thread:", "2048"},
    {"rrset-roundrobin:", "no"}, /* smtp_randomize_addresses decides */
    {"use-syslog:", "no"},
    {"verbosity:", "0"},
};

/* Built-in zones that a site or a test network may serve itself. */
static const char *const open_zones[] = {
    "test.",
    "127.in-addr.arpa.",
    "home.arpa.",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
};

static bool add_nameserver(struct view server)
{
    struct str text = STR_INIT(128);

    bool added = str_set(&text, server) && ub_ctx_set_fwd(context, str_cstr(&text)) == 0;
    if (!added)
        log_warning("name server \"%.*s\" is no address: ignored", VIEW_FMT(server));
    str_done(&text);
    return added;
}

static unsigned add_listed_nameservers(struct view list)
{
    struct view server;
    unsigned n = 0;

    while (view_token(&list, VIEW(", \t\r\n"), &server))
        n += add_nameserver(server);
    return n;
}

static unsigned add_resolv_conf(void)
{
    struct str text = STR_INIT(RESOLV_CONF_LIMIT);
    struct view server;
    unsigned n = 0;

    if (!dns_file_read(RESOLV_CONF, &text))
        log_warning("open %s: %s: asking the name server on this host", RESOLV_CONF,
                    strerror(errno));
    struct view rest = str_view(&text);
    while (dns_resolv_conf_next(&rest, &server))
        n += add_nameserver(server);
    str_done(&text);
    return n;
}

static void read_hosts(void)
{
    struct str text = STR_INIT(HOSTS_LIMIT);

    dns_hosts_free(hosts);
    if (!dns_file_read(HOSTS_FILE, &text) && errno != ENOENT)
        log_warning("open %s: %s", HOSTS_FILE, strerror(errno));
    hosts = dns_hosts_parse(str_view(&text));
    str_done(&text);
}

const struct dns_hosts *dns_query_hosts(void)
{
    return hosts;
}

static void check(int error, const char *what)
{
    if (error)
        log_fatal("libunbound: %s: %s", what, ub_strerror(error));
}

void dns_use_trust_anchor(const char *file)
{
    (void)snprintf(anchor, sizeof anchor, "%s", file);
}

/* With an anchor answers are validated. */
static void add_anchor(void)
{
    bool has_anchor = anchor[0] && access(anchor, R_OK) == 0;
    if (anchor[0] && !has_anchor)
        log_warning("open trust anchor %s: %s: no DNSSEC", anchor, strerror(errno));
    check(ub_ctx_set_option(
              context, "module-config:", has_anchor ? "validator iterator" : "iterator"),
          "module-config");
    if (has_anchor)
        check(ub_ctx_add_ta_file(context, anchor), anchor);
}

void dns_init(struct view nameservers)
{
    dns_done();
    context = ub_ctx_create();
    if (!context)
        log_fatal("libunbound: cannot create a context: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        check(ub_ctx_set_option(context, options[i].name, options[i].value),
              options[i].name);
    add_anchor();
    check(ub_ctx_async(context, 1), "threads");
    unsigned n = nameservers.n ? add_listed_nameservers(nameservers) : add_resolv_conf();
    if (n == 0) /* as the C library does */
        (void)add_nameserver(VIEW("127.0.0.1"));
    read_hosts();
    /* This makes the context final, so that no file is opened later. */
    for (size_t i = 0; i < sizeof(open_zones) / sizeof(open_zones[0]); i++)
        check(ub_ctx_zone_remove(context, open_zones[i]), open_zones[i]);
}

void dns_done(void)
{
    if (open_queries > 0)
        log_panic("dns_done: %u questions are open", open_queries);
    if (context)
        ub_ctx_delete(context);
    context = NULL;
    dns_hosts_free(hosts);
    hosts = NULL;
}

/* The pump lives while there are questions. */
static void pump_fiber(void *arg)
{
    struct watch watch = {.fd = -1};

    (void)arg;
    watch_add(&watch, ub_fd(context));
    while (open_queries > 0) {
        int error = ub_process(context);
        if (error)
            log_warning("libunbound: %s", ub_strerror(error));
        if (open_queries == 0 || watch_wait_read(&watch, CLOCK_NEVER) == WAKE_CANCELLED)
            break;
    }
    watch_remove(&watch);
    pump = NULL;
    if (open_queries > 0)
        pump = fiber_spawn("dns", pump_fiber, NULL);
}

/* The last one out sends the pump home. */
static void query_close(void)
{
    open_queries--;
    if (open_queries == 0 && pump)
        fiber_cancel(pump);
}

static enum dns_result rcode_result(unsigned rcode)
{
    switch (rcode) {
    case DNS_RCODE_OK:
        return DNS_OK;
    case DNS_RCODE_NXDOMAIN:
        return DNS_NXDOMAIN;
    default:
        return DNS_TEMPFAIL;
    }
}

/* Called by ub_process(), on the pump's fiber. */
static void answer_came(void *arg, int error, struct ub_result *result)
{
    struct dns_query *q = arg;

    q->result = DNS_TEMPFAIL;
    if (error == 0 && result) {
        struct view bytes = {result->answer_packet, (size_t)result->answer_len};
        q->secure = result->secure;
        if (!result->bogus && bytes.p && dns_packet_parse(q->arena, bytes, &q->packet))
            q->result = rcode_result(q->packet.rcode);
    }
    ub_resolve_free(result);
    q->is_done = true;
    waitq_wake_all(&q->done);
}

struct dns_query *dns_query_start(struct arena *a, struct view name, enum dns_type type)
{
    struct dns_query *q = ARENA_NEW(a, struct dns_query);

    if (!context)
        log_panic("dns_query_start: no dns_init()");
    q->arena = a;
    q->result = DNS_TEMPFAIL;
    WAITQ_INIT(&q->done);
    int error = ub_resolve_async(context, arena_cstr(a, name), (int)type, CLASS_IN, q,
                                 answer_came, &q->id);
    if (error) {
        log_warning("libunbound: %.*s: %s", VIEW_FMT(name), ub_strerror(error));
        q->is_done = true;
        q->id = 0;
        return q;
    }
    open_queries++;
    if (!pump)
        pump = fiber_spawn("dns", pump_fiber, NULL);
    return q;
}

enum dns_result dns_query_wait(struct dns_query *q, int64_t deadline,
                               struct dns_packet *packet, bool *secure)
{
    while (!q->is_done) {
        if (waitq_wait(&q->done, deadline) != WAKE_OK && !q->is_done) {
            (void)ub_cancel(context, q->id); /* fails only when it is unknown by now */
            break;
        }
    }
    if (q->id != 0)
        query_close();
    *packet = q->packet;
    *secure = q->secure;
    return q->result;
}
