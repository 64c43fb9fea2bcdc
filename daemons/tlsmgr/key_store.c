/* key_store - private keys; see key_store.h */
#include "key_store.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/master_cf.h"
#include "run/thread.h"
#include "tls/expiry.h"
#include "tls/key_link.h"
#include "tls/self_signed.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#define SETS_MAX        64
#define DIRECTORIES_MAX 64
#define KEYS_MAX        (3 * SETS_MAX)

struct key_set {
    struct tls_key_names names; /* in the store's arena */
    SSL_CTX *ctx;               /* NULL: ERROR */
    unsigned n;
    bool has_other_kinds;
    struct error error;
};

struct kept_key {
    unsigned char id[TLS_KEY_ID_BYTES];
    EVP_PKEY *key; /* of a set */
};

struct key_store {
    struct arena *arena;
    struct tls_files *files;
    struct key_set sets[SETS_MAX];
    size_t n_sets;
    struct kept_key keys[KEYS_MAX];
    size_t n_keys;
    const char *directories[DIRECTORIES_MAX + 1];
    size_t n_directories;
};

static const struct tls_role *const roles[] = {[TLS_ROLE_SERVER] = &tls_role_server,
                                               [TLS_ROLE_SMTP] = &tls_role_smtp,
                                               [TLS_ROLE_LMTP] = &tls_role_lmtp};

/* --- which sets there are --- */

static bool is_same(const struct tls_key_names *a, const struct tls_key_names *b)
{
    if (a->role != b->role)
        return false;
    for (size_t i = 0; i < TLS_KEY_FILES; i++)
        if (!view_eq(a->files[i], b->files[i]))
            return false;
    return true;
}

static struct key_set *find_set(struct key_store *s, const struct tls_key_names *names)
{
    for (size_t i = 0; i < s->n_sets; i++)
        if (is_same(&s->sets[i].names, names))
            return &s->sets[i];
    return NULL;
}

static void add_directory(struct key_store *s, const char *base, struct view file)
{
    struct view head = VIEW_NONE, tail;
    file = view_trim_space(file);
    if (file.n == 0 || view_eq_case(file, VIEW("none")) ||
        s->n_directories == DIRECTORIES_MAX)
        return;
    bool has_slash = view_rcut(file, '/', &head, &tail);
    struct view path = file.p[0] == '/' ? head.n ? head : VIEW("/")
                       : has_slash
                           ? arena_printf(s->arena, "%s/%.*s", base, VIEW_FMT(head))
                           : view_of(base);
    for (size_t i = 0; i < s->n_directories; i++)
        if (view_eq(path, view_of(s->directories[i])))
            return;
    s->directories[s->n_directories++] = arena_cstr(s->arena, path);
}

static void add_directories(struct key_store *s, const struct conf *c,
                            const struct tls_key_names *names)
{
    struct view list = names->files[TLS_KEYS_CHAINS], word;
    while (view_token(&list, VIEW(" \t\r\n,"), &word))
        add_directory(s, conf_directory(c), word);
    for (size_t i = TLS_KEYS_RSA; i < TLS_KEY_FILES; i++)
        add_directory(s, conf_directory(c), names->files[i]);
}

/* The server's keys when it has none of its own. */
static bool load_own(struct key_store *s, struct key_set *set, const struct conf *c,
                     struct error *e)
{
    struct str path = STR_INIT(1024);
    bool good =
        tls_self_signed_ensure(c, e) &&
        tls_keys_load_chains(set->ctx, conf_directory(c), tls_self_signed_path(c, &path),
                             s->files, &set->n, e);
    str_done(&path);
    return good;
}

static void keep(struct key_store *s, EVP_PKEY *key)
{
    if (s->n_keys < KEYS_MAX && tls_key_id(key, s->keys[s->n_keys].id))
        s->keys[s->n_keys++].key = key;
}

static void keep_keys(struct key_store *s, struct key_set *set)
{
    long more = SSL_CTX_set_current_cert(set->ctx, SSL_CERT_SET_FIRST);
    for (; more == 1; more = SSL_CTX_set_current_cert(set->ctx, SSL_CERT_SET_NEXT)) {
        EVP_PKEY *key = SSL_CTX_get0_privatekey(set->ctx);
        if (key && tls_key_is_keepable(key))
            keep(s, key);
        else
            set->has_other_kinds = true;
    }
    ERR_clear_error();
}

static void tell_end(struct view text, void *arg)
{
    (void)arg;
    log_warning("%.*s", VIEW_FMT(text));
}

static bool is_named(const struct tls_key_names *names)
{
    for (size_t i = 0; i < TLS_KEY_FILES; i++)
        if (names->files[i].n > 0)
            return true;
    return false;
}

static void load_set(struct key_store *s, struct key_set *set, const struct conf *c)
{
    set->ctx = SSL_CTX_new(TLS_method());
    if (set->ctx)
        SSL_CTX_set_security_level(set->ctx, 0); /* also of keys that are small */
    bool good =
        set->ctx && (is_named(&set->names)
                         ? tls_keys_load_named(set->ctx, conf_directory(c), &set->names,
                                               s->files, &set->n, &set->error)
                         : load_own(s, set, c, &set->error));
    if (good) {
        keep_keys(s, set);
        return;
    }
    SSL_CTX_free(set->ctx);
    set->ctx = NULL;
}

static bool add_names(struct key_store *s, const struct conf *c,
                      const struct tls_key_names *names)
{
    if ((!names->role->is_server && !is_named(names)) || find_set(s, names) ||
        s->n_sets == SETS_MAX)
        return false;
    struct key_set *set = &s->sets[s->n_sets++];
    *set = (struct key_set){.names = {.role = names->role}, .error = ERROR_INIT};
    for (size_t i = 0; i < TLS_KEY_FILES; i++)
        set->names.files[i] = arena_dup(s->arena, names->files[i]);
    add_directories(s, c, &set->names);
    load_set(s, set, c);
    return true;
}

/* What postscreen_tls_... says in place of smtpd_tls_... */
static void add_screen(struct key_store *s, const struct conf *c)
{
    static const struct tls_role role_screen = {
        .chain_files = P_postscreen_tls_chain_files,
        .cert_file = P_postscreen_tls_cert_file,
        .key_file = P_postscreen_tls_key_file,
        .dcert_file = P_postscreen_tls_dcert_file,
        .dkey_file = P_postscreen_tls_dkey_file,
        .eccert_file = P_postscreen_tls_eccert_file,
        .eckey_file = P_postscreen_tls_eckey_file,
    };
    struct tls_key_names names;
    tls_key_names(c, &role_screen, &names);
    names.role = &tls_role_server;
    (void)add_names(s, c, &names);
}

static void add_all(struct key_store *s, const struct conf *c)
{
    struct tls_key_names names;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        tls_key_names(c, roles[i], &names);
        if (add_names(s, c, &names))
            tls_expiry_check(c, roles[i], tell_end, NULL);
    }
    add_screen(s, c);
}

static bool says_of_tls(const struct master_service *line)
{
    for (size_t i = 0; i < line->n_overrides; i++)
        if (strstr(line->overrides[i], "_tls_"))
            return true;
    return false;
}

/* Services that have settings of their own. */
static void add_services(struct key_store *s, const struct conf *c)
{
    struct arena *a = arena_new();
    struct master_cf services;
    struct error e = ERROR_INIT;
    if (!master_cf_load(conf_directory(c), a, &services, &e)) {
        log_warning("%s", error_cstr(&e));
        arena_free(a);
        return;
    }
    for (size_t i = 0; i < services.n; i++) {
        const struct master_service *line = &services.items[i];
        struct conf *own;
        error_clear(&e);
        if (!says_of_tls(line) ||
            !conf_load_text(conf_directory(c), conf_source(c), line->overrides,
                            line->n_overrides, &own, &e))
            continue; /* master tells what is wrong with it */
        add_all(s, own);
        conf_free(own);
    }
    arena_free(a);
}

struct key_store *key_store_new(const struct conf *c)
{
    struct key_store *s = NEW(struct key_store);
    s->arena = arena_new();
    s->files = tls_files_new();
    add_all(s, c);
    add_services(s, c);
    add_directory(s, conf_cstr(c, P_data_directory), VIEW("smtpd-self-signed.pem"));
    add_directory(s, conf_directory(c), VIEW("master.cf"));
    return s;
}

void key_store_free(struct key_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_sets; i++)
        SSL_CTX_free(s->sets[i].ctx);
    tls_files_free(s->files);
    arena_free(s->arena);
    memory_free(s);
}

const char *const *key_store_directories(const struct key_store *s)
{
    return s->directories;
}

bool key_store_has_new_places(const struct key_store *s, const struct key_store *before)
{
    for (size_t i = 0; i < s->n_directories; i++) {
        size_t k = 0;
        while (k < before->n_directories &&
               strcmp(s->directories[i], before->directories[k]) != 0)
            k++;
        if (k == before->n_directories)
            return true;
    }
    return false;
}

bool key_store_is_worse(const struct key_store *s, const struct key_store *before)
{
    for (size_t i = 0; i < s->n_sets; i++) {
        const struct key_set *set = &s->sets[i];
        for (size_t k = 0; !set->ctx && k < before->n_sets; k++) {
            if (!before->sets[k].ctx || !is_same(&set->names, &before->sets[k].names))
                continue;
            log_warning("%s; the certificates stay as they were", set->error.text);
            return true;
        }
    }
    return false;
}

struct tls_files *key_store_files(struct key_store *s)
{
    return s->files;
}

/* --- certificates --- */

static bool put_certificate(struct ipc_message *m, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    bool good =
        n > 0 && n <= 16384 && ipc_message_size(m) + (size_t)n < IPC_MAX_BYTES - 1024;
    if (good)
        ipc_put_view(m, IPC_ATTR_CERTIFICATE, (struct view){(char *)der, (size_t)n});
    if (n > 0)
        OPENSSL_free(der);
    return good;
}

/* The current chain of the set. */
static bool put_chain(struct ipc_message *m, SSL_CTX *ctx)
{
    unsigned char id[TLS_KEY_ID_BYTES];
    X509 *leaf = SSL_CTX_get0_certificate(ctx);
    STACK_OF(X509) *issuers = NULL;
    if (!leaf || !tls_key_id(X509_get0_pubkey(leaf), id))
        return false;
    ipc_put_view(m, IPC_ATTR_KEY_ID, (struct view){(char *)id, sizeof id});
    bool good = put_certificate(m, leaf);
    (void)SSL_CTX_get0_chain_certs(ctx, &issuers);
    for (int i = 0; good && i < sk_X509_num(issuers); i++)
        good = put_certificate(m, sk_X509_value(issuers, i));
    return good;
}

static bool put_set(struct ipc_message *m, SSL_CTX *ctx)
{
    bool good = true;
    long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
    for (; good && more == 1; more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT))
        good = put_chain(m, ctx);
    ERR_clear_error();
    return good;
}

static bool read_question(const struct ipc_message *question, struct tls_key_names *names)
{
    struct ipc_value value;
    size_t position = 0, n = 0;
    names->role = roles[ipc_get_u64(question, IPC_ATTR_TLS_ROLE, 0)];
    while (ipc_next(question, &position, &value)) {
        if (value.attr != IPC_ATTR_KEY_FILE)
            continue;
        if (n == TLS_KEY_FILES)
            return false;
        names->files[n++] = value.view;
    }
    return n == TLS_KEY_FILES;
}

static struct ipc_message *keys_are(struct arena *a, const struct ipc_message *question,
                                    enum tls_keys_state state, const char *text)
{
    struct ipc_message *m = ipc_message_new(a, IPC_KEYS_ARE);
    ipc_put_u64(m, IPC_ATTR_TAG, ipc_get_u64(question, IPC_ATTR_TAG, 0));
    ipc_put_u64(m, IPC_ATTR_KEYS_STATE, state);
    if (text)
        ipc_put_cstr(m, IPC_ATTR_TEXT, text);
    return m;
}

struct ipc_message *key_store_keys(struct key_store *s, struct arena *a,
                                   const struct ipc_message *question)
{
    struct tls_key_names names;
    struct key_set *set = read_question(question, &names) ? find_set(s, &names) : NULL;
    if (!set)
        return keys_are(a, question, TLS_KEYS_UNKNOWN,
                        "key files are not those of the configuration");
    if (!set->ctx)
        return keys_are(a, question, TLS_KEYS_UNUSABLE, set->error.text);
    if (set->has_other_kinds)
        return keys_are(a, question, TLS_KEYS_OTHER_KINDS, NULL);
    struct ipc_message *m = keys_are(a, question, TLS_KEYS_HERE, NULL);
    return put_set(m, set->ctx)
               ? m
               : keys_are(a, question, TLS_KEYS_UNUSABLE, "certificate chains too long");
}

/* --- what keys do --- */

static EVP_PKEY *find_key(const struct key_store *s, struct view id)
{
    for (size_t i = 0; s && i < s->n_keys; i++)
        if (view_eq(id, (struct view){(const char *)s->keys[i].id, TLS_KEY_ID_BYTES}))
            return s->keys[i].key;
    return NULL;
}

/* A block that is padded already must be one of PSS (RFC 8017 9.1.1): a bare private
 * operation would decrypt recorded sessions. */
static bool is_allowed(enum tls_key_operation operation, struct view in)
{
    return operation != TLS_KEY_RSA_SIGN_PSS ||
           (in.n > 0 && (unsigned char)in.p[in.n - 1] == 0xbc);
}

static bool operate(EVP_PKEY_CTX *x, enum tls_key_operation operation,
                    const unsigned char *in, size_t n, unsigned char *out, size_t *out_n)
{
    switch (operation) {
    case TLS_KEY_RSA_SIGN:
    case TLS_KEY_RSA_SIGN_PSS:
        return EVP_PKEY_sign_init(x) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(x, operation == TLS_KEY_RSA_SIGN
                                                   ? RSA_PKCS1_PADDING
                                                   : RSA_NO_PADDING) == 1 &&
               EVP_PKEY_sign(x, out, out_n, in, n) == 1;
    case TLS_KEY_RSA_DECRYPT:
    case TLS_KEY_RSA_DECRYPT_RAW:
        return EVP_PKEY_decrypt_init(x) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(x, operation == TLS_KEY_RSA_DECRYPT
                                                   ? RSA_PKCS1_PADDING
                                                   : RSA_NO_PADDING) == 1 &&
               EVP_PKEY_decrypt(x, out, out_n, in, n) == 1;
    case TLS_KEY_ECDSA_SIGN:
        break;
    }
    return EVP_PKEY_sign_init(x) == 1 && EVP_PKEY_sign(x, out, out_n, in, n) == 1;
}

/* In a worker: RSA takes its time. */
struct work {
    EVP_PKEY *key;
    enum tls_key_operation operation;
    struct view in;
    unsigned char out[TLS_BLOCK_MAX];
    size_t n;
};

static void work(void *arg)
{
    struct work *w = arg;
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new(w->key, NULL);
    w->n = sizeof w->out;
    if (!x ||
        !operate(x, w->operation, (const unsigned char *)w->in.p, w->in.n, w->out, &w->n))
        w->n = 0;
    EVP_PKEY_CTX_free(x);
    ERR_clear_error();
}

struct ipc_message *key_store_use(struct key_store *s, struct key_store *before,
                                  struct arena *a, const struct ipc_message *question)
{
    struct view id = ipc_get_view(question, IPC_ATTR_KEY_ID);
    struct work *w = ARENA_NEW(a, struct work);
    w->operation =
        (enum tls_key_operation)ipc_get_u64(question, IPC_ATTR_KEY_OPERATION, 0);
    w->in = ipc_get_view(question, IPC_ATTR_BLOCK);
    w->key = find_key(s, id);
    if (!w->key)
        w->key = find_key(before, id);
    if (w->key && is_allowed(w->operation, w->in)) {
        EVP_PKEY_up_ref(w->key);
        if (w->operation == TLS_KEY_ECDSA_SIGN)
            work(w);
        else
            thread_run(work, w);
        EVP_PKEY_free(w->key);
    }
    struct ipc_message *m = ipc_message_new(a, IPC_KEY_USED);
    ipc_put_u64(m, IPC_ATTR_TAG, ipc_get_u64(question, IPC_ATTR_TAG, 0));
    ipc_put_view(m, IPC_ATTR_BLOCK, (struct view){(char *)w->out, w->n});
    return m;
}
