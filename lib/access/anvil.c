/* anvil - ask the anvil program; see anvil.h */
#include "access/anvil.h"

#include "base/log.h"
#include "ipc/call.h"
#include "ipc/endpoint.h"

/* A limiter that does not answer holds up nobody for long. */
#define PATIENCE (10 * CLOCK_SECOND)

/* The answer, of type WANTED, in A; NULL (logged): none. */
static struct ipc_message *answer_to(struct ipc *session,
                                     const struct ipc_message *question,
                                     enum ipc_type wanted, struct arena *a)
{
    struct error e = ERROR_INIT;
    struct ipc_message *m = ipc_ask(session, question, wanted, a, clock_in(PATIENCE), &e);
    if (m == NULL)
        log_warning("anvil service: %s", e.text);
    return m;
}

static bool ask(struct ipc *session, const struct ipc_message *question, struct arena *a,
                struct anvil_counts *out)
{
    struct ipc_message *m = answer_to(session, question, IPC_ANVIL_IS, a);
    if (m == NULL)
        return false;
    *out = (struct anvil_counts){.count = ipc_get_u64(m, IPC_ATTR_COUNT, 0),
                                 .rate = ipc_get_u64(m, IPC_ATTR_RATE, 0)};
    return true;
}

struct ipc *anvil_dial(const struct conf *c)
{
    struct error e = ERROR_INIT;
    struct ipc *session = ipc_dial(conf_queue_directory(c), ENDPOINT_PRIVATE,
                                   VIEW("anvil"), "smtpd", clock_in(PATIENCE), &e);
    if (session == NULL)
        log_warning("connect to anvil service: %s", e.text);
    return session;
}

struct ipc *anvil_connect(const struct conf *c, struct view service, struct view client,
                          struct anvil_counts *out)
{
    struct ipc *session = anvil_dial(c);
    if (session == NULL)
        return NULL;
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_ANVIL_CONNECT);
    ipc_put_view(m, IPC_ATTR_SERVICE, service);
    ipc_put_view(m, IPC_ATTR_CLIENT_ADDRESS, client);
    bool good = ask(session, m, a, out);
    arena_free(a);
    if (good)
        return session;
    ipc_close(session);
    return NULL;
}

bool anvil_count(struct ipc *session, enum anvil_event event, struct anvil_counts *out)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_ANVIL_EVENT);
    ipc_put_u64(m, IPC_ATTR_EVENT, event);
    bool good = ask(session, m, a, out);
    arena_free(a);
    return good;
}

bool anvil_count_user(struct ipc *session, struct view user, enum anvil_user_event event,
                      const struct anvil_user_limits *limits,
                      struct anvil_user_counts *out)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_ANVIL_USER);
    ipc_put_view(m, IPC_ATTR_USER, view_sub(user, 0, 255));
    ipc_put_u64(m, IPC_ATTR_USER_EVENT, event);
    ipc_put_u64(m, IPC_ATTR_HOUR, limits->hour);
    ipc_put_u64(m, IPC_ATTR_DAY, limits->day);
    m = answer_to(session, m, IPC_ANVIL_USER_IS, a);
    if (m)
        *out = (struct anvil_user_counts){.hour = ipc_get_u64(m, IPC_ATTR_HOUR, 0),
                                          .day = ipc_get_u64(m, IPC_ATTR_DAY, 0)};
    arena_free(a);
    return m != NULL;
}

/* Clear all but the first BITS of the N bytes at P. */
static void mask(uint8_t *p, unsigned n, unsigned bits)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned left = bits > i * 8 ? bits - i * 8 : 0;
        if (left < 8)
            p[i] &= (uint8_t)(0xff00u >> left);
    }
}

struct view anvil_client(struct arena *a, struct view address, unsigned ipv4_bits,
                         unsigned ipv6_bits)
{
    struct net_address n;
    char text[NET_ADDRESS_TEXT];
    if (!net_address_parse(address, 0, &n))
        return arena_dup(a, address);
    bool is_ipv6 = net_address_family(&n) == AF_INET6;
    unsigned full = is_ipv6 ? 128 : 32, bits = is_ipv6 ? ipv6_bits : ipv4_bits;
    if (bits >= full)
        return arena_dup(a, address);
    mask(is_ipv6 ? n.in6.sin6_addr.s6_addr : (uint8_t *)&n.in.sin_addr, full / 8, bits);
    return arena_printf(a, "%s/%u", net_address_text(&n, text), bits);
}
