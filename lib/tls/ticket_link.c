/* ticket_link - keys of session tickets from tlsmgr; see tickets.h
 *
 * The connection stays open for the life of the process, and tlsmgr with its keys for as
 * long as anybody is connected.
 */
#include "base/clock.h"
#include "base/log.h"
#include "ipc/call.h"
#include "ipc/endpoint.h"
#include "tls/tickets.h"
#include "tls/tls.h"

#include <string.h>

/* A handshake does not wait longer for keys that it can make itself. */
#define PATIENCE (2 * CLOCK_SECOND)

static struct ipc *tlsmgr; /* NULL: not connected */

void tls_ticket_key_pack(const struct tls_ticket_key *k, char out[TLS_TICKET_KEY_WIRE])
{
    memcpy(out, k->name, 16);
    memcpy(out + 16, k->cipher, 32);
    memcpy(out + 48, k->mac, 32);
    memcpy(out + 80, &k->made, 8);
}

bool tls_ticket_key_unpack(struct view bytes, struct tls_ticket_key *k)
{
    if (bytes.n != TLS_TICKET_KEY_WIRE)
        return false;
    memcpy(k->name, bytes.p, 16);
    memcpy(k->cipher, bytes.p + 16, 32);
    memcpy(k->mac, bytes.p + 48, 32);
    memcpy(&k->made, bytes.p + 80, 8);
    return true;
}

static bool take_keys(const struct ipc_message *m, struct tls_ticket_key *current,
                      struct tls_ticket_key *previous)
{
    struct ipc_value value;
    size_t position = 0;
    return ipc_next(m, &position, &value) && tls_ticket_key_unpack(value.view, current) &&
           ipc_next(m, &position, &value) && tls_ticket_key_unpack(value.view, previous);
}

static bool ask(struct tls_ticket_key *current, struct tls_ticket_key *previous,
                int64_t period, void *arg)
{
    const struct conf *c = arg;
    struct error e = ERROR_INIT;
    int64_t end = clock_in(PATIENCE);
    if (!tlsmgr)
        tlsmgr = ipc_dial(conf_queue_directory(c), ENDPOINT_PRIVATE,
                          conf_view(c, P_tlsmgr_service_name), "smtpd", end, &e);
    if (!tlsmgr) {
        log_debug("connect to tlsmgr service: %s", e.text);
        return false;
    }
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_TICKET_KEYS);
    ipc_put_u64(m, IPC_ATTR_PERIOD, (uint64_t)period);
    m = ipc_ask(tlsmgr, m, IPC_TICKET_KEYS_ARE, a, end, &e);
    bool good = m && take_keys(m, current, previous);
    if (!good) {
        log_warning("tlsmgr service: %s", e.text);
        ipc_close(tlsmgr);
        tlsmgr = NULL;
    }
    arena_free(a);
    return good;
}

void tls_tickets_share(const struct conf *c)
{
    static const struct conf *kept;
    kept = c;
    tls_tickets_set_source(ask, (void *)(uintptr_t)kept);
}
