/* sessions - sessions with servers, kept in memory for a quicker next handshake
 *
 * A bounded table: when it is full, what was put first goes first.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/memory.h"
#include "tls/private.h"

#define MOST_SESSIONS 2000

struct kept {
    struct list_link link; /* by age */
    char *key;
    SSL_SESSION *session;
    int64_t expires; /* monotonic */
};

struct tls_sessions {
    struct hash *by_key;
    struct list by_age;
    int64_t lifetime;
};

struct tls_sessions *tls_sessions_new(int64_t lifetime)
{
    struct tls_sessions *c = NEW(struct tls_sessions);
    c->by_key = hash_new();
    c->lifetime = lifetime;
    list_init(&c->by_age);
    return c;
}

static void drop(struct tls_sessions *c, struct kept *k)
{
    (void)hash_remove(c->by_key, view_of(k->key));
    list_remove(&k->link);
    SSL_SESSION_free(k->session);
    memory_free(k->key);
    memory_free(k);
}

void tls_sessions_free(struct tls_sessions *c)
{
    if (!c)
        return;
    while (!list_is_empty(&c->by_age))
        drop(c, LIST_FIRST(struct kept, &c->by_age, link));
    hash_free(c->by_key, NULL);
    memory_free(c);
}

SSL_SESSION *tls_sessions_find(struct tls_sessions *c, struct view key)
{
    struct kept *k = hash_get(c->by_key, key);
    if (k && k->expires <= clock_mono()) {
        drop(c, k);
        k = NULL;
    }
    return k ? k->session : NULL;
}

void tls_sessions_remove(struct tls_sessions *c, struct view key)
{
    struct kept *k = hash_get(c->by_key, key);
    if (k)
        drop(c, k);
}

void tls_sessions_put(struct tls_sessions *c, struct view key, SSL_SESSION *session)
{
    tls_sessions_remove(c, key);
    if (hash_count(c->by_key) >= MOST_SESSIONS)
        drop(c, LIST_FIRST(struct kept, &c->by_age, link));
    struct kept *k = NEW(struct kept);
    k->key = memory_alloc(key.n + 1);
    memcpy(k->key, key.p, key.n);
    k->session = session;
    k->expires = clock_in(c->lifetime);
    list_append(&c->by_age, &k->link);
    (void)hash_put(c->by_key, key, k);
}
