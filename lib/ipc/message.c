/* message - build, check and read one message; the form is in message_private.h */
#include "base/log.h"
#include "ipc/message_private.h"

#include <assert.h>
#include <unistd.h>

#define VARINT_MAX  10
#define TYPE_BYTES  2
#define FIRST_BYTES 256

const char *ipc_type_name(enum ipc_type type)
{
    return (unsigned)type < IPC_TYPES ? ipc_message_schemas[type].name : "?";
}

static bool is_bytes(enum ipc_kind kind)
{
    return kind == IPC_KIND_BYTES || kind == IPC_KIND_SECRET || kind == IPC_KIND_TEXT;
}

/* Fold text into a checksum (FNV-1a). */
static uint64_t fold(uint64_t sum, struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        sum = (sum ^ (unsigned char)v.p[i]) * 0x100000001b3U;
    return (sum ^ 0xff) * 0x100000001b3U;
}

static uint64_t fold_number(uint64_t sum, uint64_t number)
{
    return fold(sum, (struct view){(const char *)&number, sizeof(number)});
}

uint64_t ipc_version(void)
{
    uint64_t sum = 0xcbf29ce484222325U;

    for (unsigned i = 0; i < IPC_ATTRS; i++) {
        sum = fold(sum, view_of(ipc_attr_schemas[i].name));
        sum = fold_number(sum, ipc_attr_schemas[i].kind);
        sum = fold_number(sum, ipc_attr_schemas[i].max);
    }
    for (unsigned i = 0; i < IPC_TYPES; i++) {
        const struct ipc_message_schema *s = &ipc_message_schemas[i];
        sum = fold(sum, view_of(s->name));
        sum = fold_number(sum, s->fds_min << 8 | s->fds_max);
        sum = fold(sum, (struct view){(const char *)s->use, sizeof(s->use)});
    }
    return sum;
}

/* --- building --- */

struct ipc_message *ipc_message_new(struct arena *a, enum ipc_type type)
{
    struct ipc_message *m = ARENA_NEW(a, struct ipc_message);

    assert((unsigned)type < IPC_TYPES);
    m->arena = a;
    m->type = type;
    m->cap = FIRST_BYTES;
    m->p = arena_alloc(a, m->cap);
    m->p[0] = (char)(type & 0xff);
    m->p[1] = (char)(type >> 8);
    m->n = TYPE_BYTES;
    return m;
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

/* Write VALUE to P, which has room for VARINT_MAX bytes; the number of bytes. */
static size_t put_varint(char *p, uint64_t value)
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        p[n++] = (char)(value | 0x80);
    p[n++] = (char)value;
    return n;
}

/* Room for N more bytes, or NULL when the message would be too long. */
static char *grow(struct ipc_message *m, size_t n)
{
    if (n > IPC_MAX_BYTES || m->n + n > IPC_MAX_BYTES)
        return NULL;
    if (m->n + n > m->cap) {
        size_t cap = m->cap;
        while (cap < m->n + n)
            cap *= 2;
        char *p = arena_alloc(m->arena, cap);
        memcpy(p, m->p, m->n);
        m->p = p;
        m->cap = cap;
    }
    return m->p + m->n;
}

static const struct ipc_attr_schema *schema_of(const struct ipc_message *m,
                                               enum ipc_attr attr)
{
    assert((unsigned)attr < IPC_ATTRS);
    assert(ipc_message_schemas[m->type].use[attr] != IPC_USE_NONE);
    return &ipc_attr_schemas[attr];
}

/* Append attribute byte, number, bytes; remember where it first was. */
static void put(struct ipc_message *m, enum ipc_attr attr, uint64_t number,
                struct view bytes)
{
    char head[1 + VARINT_MAX];

    head[0] = (char)attr;
    size_t n = 1 + put_varint(head + 1, number);
    char *p = grow(m, n + bytes.n);
    if (!p) {
        m->broken = ipc_attr_schemas[attr].name;
        return;
    }
    memcpy(p, head, n);
    if (bytes.n > 0)
        memcpy(p + n, bytes.p, bytes.n);
    if (m->first[attr] == 0)
        m->first[attr] = (uint32_t)m->n;
    m->n += n + bytes.n;
}

void ipc_put_u64(struct ipc_message *m, enum ipc_attr attr, uint64_t value)
{
    const struct ipc_attr_schema *schema = schema_of(m, attr);

    assert(schema->kind == IPC_KIND_U64 || schema->kind == IPC_KIND_BOOL);
    put(m, attr, value, VIEW_NONE);
}

void ipc_put_i64(struct ipc_message *m, enum ipc_attr attr, int64_t value)
{
    const struct ipc_attr_schema *schema = schema_of(m, attr);

    assert(schema->kind == IPC_KIND_I64);
    put(m, attr, zigzag(value), VIEW_NONE);
}

void ipc_put_view(struct ipc_message *m, enum ipc_attr attr, struct view value)
{
    const struct ipc_attr_schema *schema = schema_of(m, attr);

    assert(is_bytes(schema->kind));
    put(m, attr, value.n, value);
}

void ipc_put_cstr(struct ipc_message *m, enum ipc_attr attr, const char *value)
{
    ipc_put_view(m, attr, view_of(value));
}

void ipc_put_fd(struct ipc_message *m, int fd)
{
    assert(fd >= 0 && m->nfds < ipc_message_schemas[m->type].fds_max);
    m->fds[m->nfds++] = fd;
}

size_t ipc_message_size(const struct ipc_message *m)
{
    return m->n;
}

enum ipc_type ipc_message_type(const struct ipc_message *m)
{
    return m->type;
}

struct view ipc_message_bytes(const struct ipc_message *m)
{
    return (struct view){m->p, m->n};
}

/* --- checking --- */

static bool get_varint(struct view bytes, size_t *at, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < VARINT_MAX && *at < bytes.n; i++) {
        unsigned byte = (unsigned char)bytes.p[(*at)++];
        uint64_t bits = byte & 0x7f;
        if (i == VARINT_MAX - 1 && byte > 1)
            return false; /* beyond 64 bits */
        value |= bits << 7 * i;
        if (byte < 0x80) {
            *out = value;
            return byte != 0 || i == 0; /* the shortest form */
        }
    }
    return false;
}

/* Read the attribute at *AT; false when it does not fit its own form. */
static bool get_value(struct view bytes, size_t *at, struct ipc_value *out)
{
    uint64_t number;

    unsigned attr = (unsigned char)bytes.p[(*at)++];
    if (attr >= IPC_ATTRS || !get_varint(bytes, at, &number))
        return false;
    *out = (struct ipc_value){.attr = (enum ipc_attr)attr};
    switch (ipc_attr_schemas[attr].kind) {
    case IPC_KIND_U64:
    case IPC_KIND_BOOL:
        out->u64 = number;
        return true;
    case IPC_KIND_I64:
        out->i64 = unzigzag(number);
        return true;
    case IPC_KIND_BYTES:
    case IPC_KIND_SECRET:
    case IPC_KIND_TEXT:
        if (number > bytes.n - *at)
            return false;
        out->view = view_sub(bytes, *at, (size_t)number);
        *at += (size_t)number;
        return true;
    }
    return false;
}

/* Is the value within what its attribute allows? */
static bool value_is_allowed(const struct ipc_value *v)
{
    const struct ipc_attr_schema *schema = &ipc_attr_schemas[v->attr];

    switch (schema->kind) {
    case IPC_KIND_U64:
        return schema->max == 0 || v->u64 <= schema->max;
    case IPC_KIND_BOOL:
        return v->u64 <= 1;
    case IPC_KIND_I64:
        return true;
    case IPC_KIND_TEXT:
        if (view_find_any(v->view, (struct view){"\0\r\n", 3}) != VIEW_NPOS)
            return false;
        return v->view.n <= schema->max;
    case IPC_KIND_BYTES:
    case IPC_KIND_SECRET:
        return v->view.n <= schema->max;
    }
    return false;
}

static bool violation(const struct ipc_message *m, struct error *e, const char *what,
                      const char *which)
{
    error_set(e, "4.3.0", "message %s: %s %s", ipc_type_name(m->type), which, what);
    return false;
}

/* Are all there that must be? */
static bool check_required(const struct ipc_message *m, struct error *e)
{
    for (unsigned i = 0; i < IPC_ATTRS; i++) {
        if (ipc_message_schemas[m->type].use[i] == IPC_USE_REQUIRED && m->first[i] == 0)
            return violation(m, e, "is missing", ipc_attr_schemas[i].name);
    }
    return true;
}

bool ipc_message_check(struct ipc_message *m, unsigned nfds, struct error *e)
{
    const struct ipc_message_schema *schema = &ipc_message_schemas[m->type];
    struct view bytes = {m->p, m->n};

    if (nfds < schema->fds_min || nfds > schema->fds_max)
        return violation(m, e, "have the wrong number", "descriptors");
    memset(m->first, 0, sizeof(m->first));
    for (size_t at = TYPE_BYTES; at < m->n;) {
        size_t start = at;
        struct ipc_value v;
        if (!get_value(bytes, &at, &v))
            return violation(m, e, "is malformed", "an attribute");
        const char *name = ipc_attr_schemas[v.attr].name;
        uint8_t use = schema->use[v.attr];
        if (use == IPC_USE_NONE)
            return violation(m, e, "does not belong there", name);
        if (use != IPC_USE_REPEATED && m->first[v.attr] != 0)
            return violation(m, e, "appears twice", name);
        if (!value_is_allowed(&v))
            return violation(m, e, "has a value that is not allowed", name);
        if (m->first[v.attr] == 0)
            m->first[v.attr] = (uint32_t)start;
    }
    return check_required(m, e);
}

struct ipc_message *ipc_message_parse(struct arena *a, struct view bytes, unsigned nfds,
                                      struct error *e)
{
    if (bytes.n < TYPE_BYTES || bytes.n > IPC_MAX_BYTES) {
        error_set(e, "4.3.0", "message of %zu bytes", bytes.n);
        return NULL;
    }
    unsigned type = (unsigned char)bytes.p[0] | (unsigned)(unsigned char)bytes.p[1] << 8;
    if (type >= IPC_TYPES) {
        error_set(e, "4.3.0", "message of unknown type %u", type);
        return NULL;
    }
    struct ipc_message *m = ARENA_NEW(a, struct ipc_message);
    m->arena = a;
    m->type = (enum ipc_type)type;
    m->p = arena_alloc(a, bytes.n);
    m->n = m->cap = bytes.n;
    m->is_received = true;
    memcpy(m->p, bytes.p, bytes.n);
    return ipc_message_check(m, nfds, e) ? m : NULL;
}

/* --- reading --- */

/* The value at offset AT, which was checked before. */
static struct ipc_value value_at(const struct ipc_message *m, size_t *at)
{
    struct ipc_value v;

    bool ok = get_value((struct view){m->p, m->n}, at, &v);
    assert(ok);
    return v;
}

static bool get_first(const struct ipc_message *m, enum ipc_attr attr,
                      struct ipc_value *out)
{
    size_t at = m->first[schema_of(m, attr) - ipc_attr_schemas];

    if (at == 0)
        return false;
    *out = value_at(m, &at);
    return true;
}

uint64_t ipc_get_u64(const struct ipc_message *m, enum ipc_attr attr, uint64_t absent)
{
    struct ipc_value v;

    assert(ipc_attr_schemas[attr].kind == IPC_KIND_U64 ||
           ipc_attr_schemas[attr].kind == IPC_KIND_BOOL);
    return get_first(m, attr, &v) ? v.u64 : absent;
}

int64_t ipc_get_i64(const struct ipc_message *m, enum ipc_attr attr, int64_t absent)
{
    struct ipc_value v;

    assert(ipc_attr_schemas[attr].kind == IPC_KIND_I64);
    return get_first(m, attr, &v) ? v.i64 : absent;
}

struct view ipc_get_view(const struct ipc_message *m, enum ipc_attr attr)
{
    struct ipc_value v;

    assert(is_bytes(ipc_attr_schemas[attr].kind));
    return get_first(m, attr, &v) ? v.view : VIEW_NONE;
}

bool ipc_has(const struct ipc_message *m, enum ipc_attr attr)
{
    assert((unsigned)attr < IPC_ATTRS);
    return m->first[attr] != 0;
}

bool ipc_next(const struct ipc_message *m, size_t *position, struct ipc_value *out)
{
    if (*position == 0)
        *position = TYPE_BYTES;
    if (*position >= m->n)
        return false;
    *out = value_at(m, position);
    return true;
}

int ipc_take_fd(struct ipc_message *m, unsigned i)
{
    if (i >= m->nfds)
        return -1;
    int fd = m->fds[i];
    m->fds[i] = -1;
    return fd;
}

void ipc_message_close_fds(struct ipc_message *m)
{
    for (unsigned i = 0; m->is_received && i < m->nfds; i++) {
        if (m->fds[i] >= 0)
            close(m->fds[i]);
        m->fds[i] = -1;
    }
}
