/* key_link - ask tlsmgr for certificates and for what their keys do; see key_link.h
 *
 * One connection a process.  Before the loop runs it is asked in a blocking way; in the
 * loop a reader gives each answer to the fiber that waits for it (TAG), so many may wait
 * at a time.  When tlsmgr goes away the connection is made again, and all keys are asked
 * for again, since they may have changed.
 */
#include "tls/key_link.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "ipc/call.h"
#include "ipc/endpoint.h"
#include "run/fiber.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE (10 * CLOCK_SECOND)
/* A reload reaches tlsmgr and its clients in any order. */
#define RELOAD_TRIES 25
#define RELOAD_PAUSE (CLOCK_SECOND / 5)
#define WATCHERS     4

/* A fiber that waits for an answer. */
struct question {
    struct list_link link;
    uint64_t tag;
    struct waitq answered;
    struct arena *arena;
    struct ipc_message *answer; /* in ARENA; NULL: none came */
    bool is_over;
};

static struct {
    const struct conf *conf;
    int fd;        /* blocking, before the loop; -1 */
    struct ipc *c; /* in the loop; NULL while there is no connection */
    uint64_t tag;
    struct list questions;
    unsigned senders; /* fibers that use C at this moment */
    struct waitq connected;
    bool is_lost; /* a fiber connects again */
    struct {
        void (*renew)(void *arg);
        void *arg;
    } watchers[WATCHERS];
    size_t n_watchers;
} tlsmgr = {.fd = -1};

/* --- the connection in the loop --- */

static void reconnect_fiber(void *arg);

static void answer_question(const struct ipc_message *m)
{
    uint64_t tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);
    struct view bytes = ipc_message_bytes(m);
    struct error e = ERROR_INIT;
    LIST_FOR_EACH (struct question, q, &tlsmgr.questions, link) {
        if (q->tag != tag || q->is_over)
            continue;
        q->answer = ipc_message_parse(q->arena, arena_dup(q->arena, bytes), 0, &e);
        q->is_over = true;
        waitq_wake_all(&q->answered);
        return;
    }
}

static void renew_fiber(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < tlsmgr.n_watchers; i++)
        tlsmgr.watchers[i].renew(tlsmgr.watchers[i].arg);
}

static void lose(void)
{
    struct ipc *c = tlsmgr.c;
    tlsmgr.c = NULL;
    (void)shutdown(ipc_fd(c), SHUT_RDWR); /* wakes who waits for room to send */
    while (tlsmgr.senders > 0)
        fiber_yield();
    ipc_close(c);
    LIST_FOR_EACH (struct question, q, &tlsmgr.questions, link) {
        q->is_over = true;
        waitq_wake_all(&q->answered);
    }
    if (!tlsmgr.is_lost) {
        tlsmgr.is_lost = true;
        (void)fiber_spawn("tlsmgr lost", reconnect_fiber, NULL);
    }
}

static void reader_fiber(void *arg)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    struct ipc *c = arg;
    while ((m = ipc_receive(c, a, CLOCK_NEVER, &e)) != NULL) {
        if (ipc_message_type(m) == IPC_KEYS_CHANGED)
            (void)fiber_spawn("renewed keys", renew_fiber, NULL);
        else
            answer_question(m);
        ipc_message_close_fds(m);
        arena_reset(a);
    }
    arena_free(a);
    lose();
}

static void use_connection(struct ipc *c)
{
    tlsmgr.c = c;
    (void)fiber_spawn("tlsmgr", reader_fiber, c);
}

static struct ipc *dial_service(struct error *e)
{
    return ipc_dial(conf_queue_directory(tlsmgr.conf), ENDPOINT_PRIVATE,
                    conf_view(tlsmgr.conf, P_tlsmgr_service_name), "tls",
                    clock_in(PATIENCE), e);
}

static void reconnect_fiber(void *arg)
{
    int64_t pause = CLOCK_SECOND / 50;
    (void)arg;
    for (;;) {
        struct error e = ERROR_INIT;
        struct ipc *c = dial_service(&e);
        if (c) {
            use_connection(c);
            break;
        }
        log_debug("connect to tlsmgr service: %s", e.text);
        if (fiber_sleep(pause) == WAKE_CANCELLED)
            return;
        pause = pause < 5 * CLOCK_SECOND ? 2 * pause : pause;
    }
    tlsmgr.is_lost = false;
    waitq_wake_all(&tlsmgr.connected);
    renew_fiber(NULL);
}

/* There is a connection, from before the loop or of it. */
static bool is_connected(int64_t deadline)
{
    if (tlsmgr.fd >= 0) {
        int fd = tlsmgr.fd;
        tlsmgr.fd = -1;
        use_connection(ipc_open(fd));
    }
    while (!tlsmgr.c && tlsmgr.is_lost)
        if (waitq_wait(&tlsmgr.connected, deadline) != WAKE_OK)
            return false;
    return tlsmgr.c != NULL;
}

/* Ask on a fiber; the answer lives in A. */
static struct ipc_message *ask_waiting(struct ipc_message *m, uint64_t tag,
                                       struct arena *a, struct error *e)
{
    int64_t deadline = clock_in(PATIENCE);
    struct question q = {.tag = tag, .arena = a};
    if (!is_connected(deadline)) {
        error_set(e, "4.3.0", "no connection");
        return NULL;
    }
    WAITQ_INIT(&q.answered);
    list_append(&tlsmgr.questions, &q.link);
    tlsmgr.senders++;
    bool sent = ipc_send(tlsmgr.c, m, deadline, e);
    tlsmgr.senders--;
    while (sent && !q.is_over)
        if (waitq_wait(&q.answered, deadline) != WAKE_OK)
            break;
    list_remove(&q.link);
    if (sent && !q.answer)
        error_set(e, "4.3.0", q.is_over ? "closed" : "timed out");
    return q.answer;
}

/* --- which keys --- */

/* False with *E: there is no tlsmgr, and never will be for this process. */
static bool connect_first(const struct conf *c, struct error *e)
{
    if (tlsmgr.conf)
        return tlsmgr.fd >= 0 || tlsmgr.c || tlsmgr.is_lost;
    tlsmgr.conf = c;
    list_init(&tlsmgr.questions);
    WAITQ_INIT(&tlsmgr.connected);
    if (fiber_self()) {
        tlsmgr.c = dial_service(e);
        if (tlsmgr.c)
            use_connection(tlsmgr.c);
        return tlsmgr.c != NULL;
    }
    tlsmgr.fd = ipc_dial_blocking(conf_queue_directory(c), ENDPOINT_PRIVATE,
                                  conf_view(c, P_tlsmgr_service_name), "tls", e);
    return tlsmgr.fd >= 0;
}

static struct ipc_message *ask_keys(const struct tls_key_names *names, struct arena *a,
                                    struct error *e)
{
    struct ipc_message *m = ipc_message_new(a, IPC_KEYS_OF);
    uint64_t tag = ++tlsmgr.tag;
    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    ipc_put_u64(m, IPC_ATTR_TLS_ROLE,
                names->role == &tls_role_smtp   ? TLS_ROLE_SMTP
                : names->role == &tls_role_lmtp ? TLS_ROLE_LMTP
                                                : TLS_ROLE_SERVER);
    for (size_t i = 0; i < TLS_KEY_FILES; i++)
        ipc_put_view(m, IPC_ATTR_KEY_FILE, names->files[i]);
    if (fiber_self())
        return ask_waiting(m, tag, a, e);
    return ipc_ask_blocking(tlsmgr.fd, m, IPC_KEYS_ARE, a, e);
}

static void pause_briefly(void)
{
    if (fiber_self())
        (void)fiber_sleep(RELOAD_PAUSE);
    else
        (void)usleep(RELOAD_PAUSE);
}

/* The chain that is being put together. */
struct chain {
    SSL_CTX *ctx;
    X509 *leaf;
    STACK_OF(X509) * issuers;
    unsigned n;
};

static bool use_chain(struct chain *k)
{
    if (!k->leaf)
        return true;
    EVP_PKEY *key = tls_key_of_certificate(k->leaf);
    bool good = key && SSL_CTX_use_cert_and_key(k->ctx, k->leaf, key, k->issuers, 1) == 1;
    EVP_PKEY_free(key);
    X509_free(k->leaf);
    sk_X509_pop_free(k->issuers, X509_free);
    k->leaf = NULL;
    k->issuers = NULL;
    k->n += good;
    return good;
}

static bool add_certificate(struct chain *k, struct view der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.n);
    if (x && !k->leaf) {
        k->leaf = x;
        return true;
    }
    if (!k->issuers)
        k->issuers = sk_X509_new_null();
    if (x && k->issuers && sk_X509_push(k->issuers, x) > 0)
        return true;
    X509_free(x);
    return false;
}

static bool use_answer(SSL_CTX *ctx, const struct ipc_message *m, unsigned *n)
{
    struct chain k = {.ctx = ctx};
    struct ipc_value value;
    size_t position = 0;
    bool good = true;
    while (good && ipc_next(m, &position, &value)) {
        if (value.attr == IPC_ATTR_KEY_ID)
            good = use_chain(&k);
        else if (value.attr == IPC_ATTR_CERTIFICATE)
            good = add_certificate(&k, value.view);
    }
    good = use_chain(&k) && good;
    *n = k.n;
    ERR_clear_error();
    return good;
}

enum key_link_result key_link_load(SSL_CTX *ctx, const struct conf *c,
                                   const struct tls_key_names *names, unsigned *n,
                                   struct error *e)
{
    struct error why = ERROR_INIT;
    enum key_link_result result = KEY_LINK_FAILED;
    struct ipc_message *m = NULL;
    enum tls_keys_state state = TLS_KEYS_UNKNOWN;
    if (!connect_first(c, &why)) {
        log_debug("keys are read here: %s", why.text);
        return KEY_LINK_ABSENT;
    }
    struct arena *a = arena_new();
    for (int i = 0; i < RELOAD_TRIES && state == TLS_KEYS_UNKNOWN; i++) {
        if (i > 0)
            pause_briefly();
        m = ask_keys(names, a, &why);
        if (!m)
            break;
        state = (enum tls_keys_state)ipc_get_u64(m, IPC_ATTR_KEYS_STATE, 0);
    }
    if (!m)
        error_set(e, "4.3.0", "tlsmgr service: %s: disabling TLS support", why.text);
    else if (state == TLS_KEYS_OTHER_KINDS)
        result = KEY_LINK_ABSENT;
    else if (state != TLS_KEYS_HERE)
        error_set(e, "4.3.5", "%.*s", VIEW_FMT(ipc_get_view(m, IPC_ATTR_TEXT)));
    else if (use_answer(ctx, m, n))
        result = KEY_LINK_DONE;
    else
        error_set(e, "4.3.5", "tlsmgr service: unusable certificate");
    arena_free(a);
    return result;
}

void key_link_watch(void (*renew)(void *arg), void *arg)
{
    if (!tlsmgr.conf || tlsmgr.n_watchers == WATCHERS)
        return;
    tlsmgr.watchers[tlsmgr.n_watchers].renew = renew;
    tlsmgr.watchers[tlsmgr.n_watchers++].arg = arg;
    (void)is_connected(clock_mono());
}

/* --- what they do --- */

int key_link_use(const unsigned char id[TLS_KEY_ID_BYTES],
                 enum tls_key_operation operation, struct view in, unsigned char *out,
                 size_t room)
{
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_KEY_USE);
    uint64_t tag = ++tlsmgr.tag;
    int n = -1;
    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    ipc_put_view(m, IPC_ATTR_KEY_ID, (struct view){(const char *)id, TLS_KEY_ID_BYTES});
    ipc_put_u64(m, IPC_ATTR_KEY_OPERATION, operation);
    ipc_put_view(m, IPC_ATTR_BLOCK, in);
    m = fiber_self() ? ask_waiting(m, tag, a, &e) : NULL;
    if (m) {
        struct view block = ipc_get_view(m, IPC_ATTR_BLOCK);
        if (block.n > 0 && block.n <= room) {
            memcpy(out, block.p, block.n);
            n = (int)block.n;
        }
    } else {
        log_warning("tlsmgr service: %s", e.text);
    }
    arena_free(a);
    return n;
}
