/* auth_cache - logins that failed, so that they are not tried with every message
 *
 * A server that hears the same wrong password again and again locks the account.  Entries
 * are "host;user" with "time;digest;status;text", where the digest is one of the
 * password: as soon as that is another, the login is tried.  smtp_sasl_auth_cache_name.
 */
#include "auth.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "format/base64.h"

#include <inttypes.h>
#include <openssl/evp.h>

/* Longest reply that is kept. */
#define TEXT_MAX ((size_t)1024)

struct auth_cache {
    struct table *table;
    int64_t life; /* microseconds; 0: no limit */
};

struct auth_cache *auth_cache_open(const struct client *c)
{
    struct view name =
        view_trim_space(conf_view(c->conf, PARAMETER(c, sasl_auth_cache_name)));
    if (name.n == 0)
        return NULL;
    if (!view_starts(name, VIEW("proxy:")))
        log_warning("%s_sasl_auth_cache_name: %.*s should begin with proxy:, since "
                    "several processes write it",
                    c->lmtp ? "lmtp" : "smtp", VIEW_FMT(name));
    struct auth_cache *a = NEW(struct auth_cache);
    a->table = table_open(c->conf, name, TABLE_READ_WRITE);
    a->life = conf_time(c->conf, PARAMETER(c, sasl_auth_cache_time));
    return a;
}

void auth_cache_close(struct auth_cache *a)
{
    if (a)
        table_close(a->table);
    memory_free(a);
}

static struct view key_of(struct arena *a, struct view host, struct view user)
{
    return arena_printf(a, "%.*s;%.*s", VIEW_FMT(host), VIEW_FMT(user));
}

/* A digest of the password, salted with whose it is. */
static struct view digest_of(struct arena *a, struct view key, struct view password)
{
    unsigned char out[32];
    unsigned n = 0;
    struct str text = STR_INIT(64), in = STR_INIT(65536);
    str_add(&in, key);
    str_add_char(&in, '\0');
    str_add(&in, password);
    if (EVP_Digest(in.p, in.n, out, &n, EVP_sha256(), NULL) == 1)
        base64_encode((struct view){(const char *)out, n}, &text);
    explicit_bzero(in.p, in.n);
    str_done(&in);
    struct view digest = arena_dup(a, str_view(&text));
    str_done(&text);
    return digest;
}

static int64_t now(void)
{
    return clock_wall() / CLOCK_SECOND;
}

/* Is ENTRY about this password, and young enough? */
static bool is_current(const struct auth_cache *a, struct view entry, struct view digest,
                       struct auth_failure *out)
{
    struct view time, kept;
    uint64_t since;
    if (!view_cut(entry, ';', &time, &entry) || !view_cut(entry, ';', &kept, &entry) ||
        !view_cut(entry, ';', &out->status, &out->text) || out->status.n > 11 ||
        !number_parse_u64(time, 0, INT64_MAX / 2, &since))
        return false;
    bool is_young = a->life == 0 || (int64_t)since + a->life / CLOCK_SECOND >= now();
    return is_young && digest.n > 0 && view_eq(kept, digest);
}

bool auth_cache_get(struct auth_cache *a, struct view host, struct view user,
                    struct view password, struct arena *arena, struct auth_failure *out)
{
    struct view entry;
    struct error e = ERROR_INIT;
    if (!a)
        return false;
    struct view key = key_of(arena, host, user), digest = digest_of(arena, key, password);
    switch (table_get(a->table, key, arena, &entry, &e)) {
    case TABLE_FOUND:
        if (is_current(a, entry, digest, out))
            return true;
        if (!table_delete(a->table, key, &e))
            log_warning("SASL failure cache: %s", error_cstr(&e));
        return false;
    case TABLE_ERROR:
        log_warning("SASL failure cache: %s", error_cstr(&e));
        return false;
    case TABLE_NOT_FOUND:
    default:
        return false;
    }
}

void auth_cache_put(struct auth_cache *a, struct view host, struct view user,
                    struct view password, const char *status, struct view text)
{
    struct error e = ERROR_INIT;
    if (!a)
        return;
    struct arena *arena = arena_new();
    struct view key = key_of(arena, host, user), digest = digest_of(arena, key, password);
    struct view entry =
        arena_printf(arena, "%" PRId64 ";%.*s;%s;%.*s", now(), VIEW_FMT(digest), status,
                     VIEW_FMT(view_sub(text, 0, TEXT_MAX)));
    if (digest.n > 0 && !table_put(a->table, key, entry, &e))
        log_warning("SASL failure cache: %s", error_cstr(&e));
    arena_free(arena);
}
