/* envelope - the envelope's records: writing, and reading as from a stranger
 *
 * Record: type (1 byte), length of the value (u32 little endian), value.  The table
 * below names all but the recipients' record.  docs/queue-file.md.
 */
#include "queue/envelope.h"

#include "base/number.h"

#include <endian.h>

enum kind { KIND_TEXT, KIND_BYTES };

#define TYPE_MARKS     'M'
#define TYPE_ARRIVAL   'A'
#define TYPE_FLAGS     'F'
#define TYPE_RET       'r'
#define TYPE_RECIPIENT 'R'
#define RECORD_HEAD    5
#define RECIPIENT_HEAD 8 /* status, notify, three u16 lengths */

const uint32_t envelope_marks[ENVELOPE_N_MARKS] = {
    MESSAGE_DELAY_SENT, MESSAGE_FORCED_EXPIRE, MESSAGE_REQUEUE};

static const struct field {
    char type;
    enum kind kind;
    size_t offset; /* of a struct view in struct envelope */
    size_t max;
} fields[] = {
    {'S', KIND_BYTES, offsetof(struct envelope, sender), ENVELOPE_ADDRESS_MAX},
    {'E', KIND_BYTES, offsetof(struct envelope, envid), 512},
    {'c', KIND_BYTES, offsetof(struct envelope, client_name), 512},
    {'a', KIND_TEXT, offsetof(struct envelope, client_address), 128},
    {'p', KIND_TEXT, offsetof(struct envelope, client_port), 16},
    {'h', KIND_BYTES, offsetof(struct envelope, helo_name), 1024},
    {'P', KIND_TEXT, offsetof(struct envelope, protocol_name), 32},
    {'m', KIND_TEXT, offsetof(struct envelope, sasl_method), 64},
    {'u', KIND_BYTES, offsetof(struct envelope, sasl_username), 512},
    {'s', KIND_BYTES, offsetof(struct envelope, sasl_sender), 512},
    {'l', KIND_TEXT, offsetof(struct envelope, log_ident), 64},
    {'w', KIND_TEXT, offsetof(struct envelope, rewrite_context), 16},
    {'f', KIND_BYTES, offsetof(struct envelope, content_filter), ENVELOPE_ADDRESS_MAX},
    {'d', KIND_BYTES, offsetof(struct envelope, redirect), ENVELOPE_ADDRESS_MAX},
    {'i', KIND_BYTES, offsetof(struct envelope, message_id), 1024},
    {'v', KIND_TEXT, offsetof(struct envelope, verp_delimiters), 2},
    {'o', KIND_TEXT, offsetof(struct envelope, replaces), 48},
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

static struct view *field_of(struct envelope *env, const struct field *f)
{
    return (struct view *)(void *)((char *)env + f->offset);
}

static bool is_text_byte(char c)
{
    return c != '\0' && c != '\r' && c != '\n';
}

/* --- writing --- */

static bool put_head(struct str *out, char type, size_t length)
{
    uint32_t n = htole32((uint32_t)length);
    return str_add_char(out, type) && str_add(out, (struct view){(char *)&n, sizeof n});
}

static bool put_record(struct str *out, char type, const void *value, size_t length)
{
    return put_head(out, type, length) && str_add(out, (struct view){value, length});
}

/* A text field: cut at its limit, line ends made harmless. */
static bool put_field(struct str *out, const struct field *f, struct view v)
{
    v = view_sub(v, 0, f->max);
    if (f->kind == KIND_BYTES)
        return put_record(out, f->type, v.p, v.n);
    if (!put_head(out, f->type, v.n))
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (!str_add_char(out, is_text_byte(v.p[i]) ? v.p[i] : '?'))
            return false;
    return true;
}

static bool is_status(char c)
{
    return c == RECIPIENT_PENDING || c == RECIPIENT_DONE;
}

static bool is_recipient_status(char c)
{
    return is_status(c) || c == RECIPIENT_EXPANDED || c == RECIPIENT_REPORTED;
}

static bool put_recipient(struct str *out, struct recipient *r)
{
    if (r->address.n == 0 || r->address.n > ENVELOPE_ADDRESS_MAX)
        return false;
    struct view original = view_sub(r->original, 0, ENVELOPE_ADDRESS_MAX);
    struct view orcpt = view_sub(r->orcpt, 0, ENVELOPE_ADDRESS_MAX);
    uint16_t lengths[3] = {htole16((uint16_t)r->address.n), htole16((uint16_t)original.n),
                           htole16((uint16_t)orcpt.n)};
    size_t total = RECIPIENT_HEAD + r->address.n + original.n + orcpt.n;
    if (!put_head(out, TYPE_RECIPIENT, total))
        return false;
    r->offset = (uint32_t)out->n;
    if (!is_recipient_status((char)r->status))
        r->status = RECIPIENT_PENDING;
    return str_add_char(out, (char)r->status) &&
           str_add_char(out, (char)(r->notify & 15)) &&
           str_add(out, (struct view){(char *)lengths, sizeof lengths}) &&
           str_add(out, r->address) && str_add(out, original) && str_add(out, orcpt);
}

static bool put_facts(struct envelope *env, struct str *out)
{
    uint32_t flags = htole32(env->flags & ~(uint32_t)ENVELOPE_MARKS);
    uint64_t arrival = htole64((uint64_t)env->arrival);
    uint8_t ret = (uint8_t)env->ret;
    char marks[ENVELOPE_N_MARKS];
    for (int i = 0; i < ENVELOPE_N_MARKS; i++)
        marks[i] = env->flags & envelope_marks[i] ? RECIPIENT_DONE : RECIPIENT_PENDING;
    env->marks_offset = RECORD_HEAD;
    if (!put_record(out, TYPE_MARKS, marks, sizeof marks) ||
        !put_record(out, TYPE_ARRIVAL, &arrival, sizeof arrival) ||
        !put_record(out, TYPE_FLAGS, &flags, sizeof flags) ||
        !put_record(out, TYPE_RET, &ret, sizeof ret))
        return false;
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct view *v = field_of(env, &fields[i]);
        if ((v->n > 0 || fields[i].type == 'S') && !put_field(out, &fields[i], *v))
            return false;
    }
    return true;
}

bool envelope_write(struct envelope *env, struct str *out)
{
    size_t start = out->n;
    if (env->n_recipients == 0 || env->n_recipients > ENVELOPE_RECIPIENTS_MAX ||
        env->sender.n > ENVELOPE_ADDRESS_MAX || !put_facts(env, out))
        return false;
    env->marks_offset = RECORD_HEAD;
    for (size_t i = 0; i < env->n_recipients; i++) {
        if (!put_recipient(out, &env->recipients[i]))
            return false;
        env->recipients[i].offset -= (uint32_t)start;
        if (out->n - start > ENVELOPE_MAX_BYTES)
            return false;
    }
    return true;
}

/* --- reading --- */

struct record {
    char type;
    size_t offset; /* of the value */
    struct view value;
};

static bool next_record(struct view bytes, size_t *at, struct record *out)
{
    if (bytes.n - *at < RECORD_HEAD)
        return false;
    uint32_t length;
    memcpy(&length, bytes.p + *at + 1, sizeof length);
    length = le32toh(length);
    if (length > bytes.n - *at - RECORD_HEAD)
        return false;
    *out = (struct record){bytes.p[*at], *at + RECORD_HEAD,
                           view_sub(bytes, *at + RECORD_HEAD, length)};
    *at += RECORD_HEAD + length;
    return true;
}

/* Check the frame of all records and count the recipients. */
static bool count_recipients(struct view bytes, size_t *count)
{
    struct record r;
    *count = 0;
    for (size_t at = 0; at < bytes.n;) {
        if (!next_record(bytes, &at, &r))
            return false;
        *count += r.type == TYPE_RECIPIENT;
    }
    return *count > 0 && *count <= ENVELOPE_RECIPIENTS_MAX;
}

static bool take_recipient(const struct record *r, struct recipient *out)
{
    uint16_t lengths[3];
    if (r->value.n < RECIPIENT_HEAD)
        return false;
    memcpy(lengths, r->value.p + 2, sizeof lengths);
    size_t address = le16toh(lengths[0]), original = le16toh(lengths[1]),
           orcpt = le16toh(lengths[2]);
    struct view rest = view_from(r->value, RECIPIENT_HEAD);
    if (address == 0 || address > ENVELOPE_ADDRESS_MAX ||
        original > ENVELOPE_ADDRESS_MAX || orcpt > ENVELOPE_ADDRESS_MAX ||
        rest.n != address + original + orcpt)
        return false;
    *out = (struct recipient){.address = view_sub(rest, 0, address),
                              .original = view_sub(rest, address, original),
                              .orcpt = view_from(rest, address + original),
                              .notify = (uint8_t)r->value.p[1],
                              .status = (uint8_t)r->value.p[0],
                              .offset = (uint32_t)r->offset};
    return is_recipient_status(r->value.p[0]) && out->notify <= 15;
}

static bool take_field(const struct record *r, struct envelope *out, uint32_t *seen)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (fields[i].type != r->type)
            continue;
        if (r->value.n > fields[i].max || (*seen & (1u << i)))
            return false;
        if (fields[i].kind == KIND_TEXT)
            for (size_t k = 0; k < r->value.n; k++)
                if (!is_text_byte(r->value.p[k]))
                    return false;
        *seen |= 1u << i;
        *field_of(out, &fields[i]) = r->value;
        return true;
    }
    return false;
}

#define SEEN_ARRIVAL (1u << 28)
#define SEEN_FLAGS   (1u << 29)
#define SEEN_RET     (1u << 30)
#define SEEN_MARKS   (1u << 31)
#define SEEN_ALL     (SEEN_ARRIVAL | SEEN_FLAGS | SEEN_RET | SEEN_MARKS)
_Static_assert(N_FIELDS < 28, "the bits of seen");

static bool see_once(uint32_t *seen, uint32_t bit)
{
    bool is_first = !(*seen & bit);
    *seen |= bit;
    return is_first;
}

static bool take_marks(const struct record *r, struct envelope *out)
{
    if (r->value.n != ENVELOPE_N_MARKS)
        return false;
    out->marks_offset = (uint32_t)r->offset;
    for (int i = 0; i < ENVELOPE_N_MARKS; i++) {
        if (!is_status(r->value.p[i]))
            return false;
        if (r->value.p[i] == RECIPIENT_DONE)
            out->flags |= envelope_marks[i];
    }
    return true;
}

/* One record that is not a recipient. */
static bool take_fact(const struct record *r, struct envelope *out, uint32_t *seen)
{
    uint64_t wide;
    uint32_t narrow;
    switch (r->type) {
    case TYPE_MARKS:
        return see_once(seen, SEEN_MARKS) && take_marks(r, out);
    case TYPE_ARRIVAL:
        if (!see_once(seen, SEEN_ARRIVAL) || r->value.n != sizeof wide)
            return false;
        memcpy(&wide, r->value.p, sizeof wide);
        out->arrival = (int64_t)le64toh(wide);
        return out->arrival >= 0;
    case TYPE_FLAGS:
        if (!see_once(seen, SEEN_FLAGS) || r->value.n != sizeof narrow)
            return false;
        memcpy(&narrow, r->value.p, sizeof narrow);
        out->flags |= le32toh(narrow) & ~(uint32_t)ENVELOPE_MARKS;
        return true;
    case TYPE_RET:
        if (!see_once(seen, SEEN_RET) || r->value.n != 1 ||
            (uint8_t)r->value.p[0] > DSN_RET_HDRS)
            return false;
        out->ret = (enum dsn_ret)r->value.p[0];
        return true;
    default:
        return take_field(r, out, seen);
    }
}

bool envelope_parse(struct arena *a, struct view bytes, struct envelope *out,
                    struct error *e)
{
    size_t count, filled = 0;
    uint32_t seen = 0;
    struct record r;
    *out = (struct envelope){.arrival = 0};
    if (bytes.n > ENVELOPE_MAX_BYTES || !count_recipients(bytes, &count)) {
        error_set(e, "5.6.0", "malformed envelope: bad record frame");
        return false;
    }
    out->recipients = arena_alloc_array(a, count, sizeof *out->recipients);
    out->n_recipients = count;
    for (size_t at = 0; at < bytes.n;) {
        size_t start = at;
        bool good = next_record(bytes, &at, &r);
        if (good && r.type == TYPE_RECIPIENT) /* envelope_checksum() wants marks first */
            good = (seen & SEEN_MARKS) && take_recipient(&r, &out->recipients[filled++]);
        else if (good)
            good = take_fact(&r, out, &seen);
        if (!good) {
            error_set(e, "5.6.0", "malformed envelope: record at %zu", start);
            return false;
        }
    }
    if ((seen & SEEN_ALL) != SEEN_ALL || !(seen & 1)) {
        error_set(e, "5.6.0", "malformed envelope: a required record is missing");
        return false;
    }
    return true;
}

bool envelope_replaces(const struct envelope *env, struct queue_id *origin,
                       uint32_t *index)
{
    struct view id, number;
    uint64_t n;
    if (!view_cut(env->replaces, ' ', &id, &number) || !queue_id_parse(id, origin) ||
        !number_parse_u64(number, 0, UINT32_MAX, &n))
        return false;
    *index = (uint32_t)n;
    return true;
}

/* --- footer --- */

/* 64 bytes: magic (8), version (4), zero (4), content size (8), envelope size (8),
 * checksum (4), content checksum (4), zero (16), checksum of the 56 before (4), end
 * magic (4). */
static const char footer_magic[8] = "DILGMSG1";
static const char footer_end[4] = {'D', 'O', 'N', 'E'};
#define FOOTER_VERSION 1

static void put_u32(char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}
static void put_u64(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}
static uint32_t get_u32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}
static uint64_t get_u64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

void queue_footer_write(const struct queue_footer *f, char out[QUEUE_FOOTER_SIZE])
{
    memset(out, 0, QUEUE_FOOTER_SIZE);
    memcpy(out, footer_magic, sizeof footer_magic);
    put_u32(out + 8, FOOTER_VERSION);
    put_u64(out + 16, f->content_size);
    put_u64(out + 24, f->envelope_size);
    put_u32(out + 32, f->checksum);
    put_u32(out + 36, f->content_checksum);
    put_u32(out + 56, queue_checksum(0, (struct view){out, 56}));
    memcpy(out + 60, footer_end, sizeof footer_end);
}

bool queue_footer_parse(const char bytes[QUEUE_FOOTER_SIZE], struct queue_footer *out,
                        struct error *e)
{
    if (memcmp(bytes, footer_magic, sizeof footer_magic) != 0 ||
        memcmp(bytes + 60, footer_end, sizeof footer_end) != 0 ||
        get_u32(bytes + 56) != queue_checksum(0, (struct view){bytes, 56})) {
        error_set(e, "5.6.0", "no valid footer");
        return false;
    }
    if (get_u32(bytes + 8) != FOOTER_VERSION) {
        error_set(e, "5.6.0", "unknown queue file version %u", get_u32(bytes + 8));
        return false;
    }
    *out = (struct queue_footer){get_u64(bytes + 16), get_u64(bytes + 24),
                                 get_u32(bytes + 32), get_u32(bytes + 36)};
    if (out->envelope_size > ENVELOPE_MAX_BYTES || out->content_size > INT64_MAX / 2) {
        error_set(e, "5.6.0", "impossible sizes in the footer");
        return false;
    }
    return true;
}

bool envelope_has_site(const struct envelope *env, struct view site)
{
    for (size_t i = 0; i < env->n_recipients; i++) {
        struct view local, domain;
        if (env->recipients[i].status == RECIPIENT_PENDING &&
            view_rcut(env->recipients[i].address, '@', &local, &domain) &&
            view_eq_case(domain, site))
            return true;
    }
    return false;
}

uint32_t envelope_checksum(const struct envelope *env, struct view bytes,
                           uint64_t content_size)
{
    static const struct view pending = VIEW("ppp");
    uint32_t c = queue_checksum(0, view_sub(bytes, 0, env->marks_offset));
    size_t at = env->marks_offset + ENVELOPE_N_MARKS;
    c = queue_checksum(c, view_sub(pending, 0, ENVELOPE_N_MARKS));
    for (size_t i = 0; i < env->n_recipients; i++) {
        size_t offset = env->recipients[i].offset;
        c = queue_checksum(c, view_sub(bytes, at, offset - at));
        c = queue_checksum(c, view_sub(pending, 0, 1));
        at = offset + 1;
    }
    c = queue_checksum(c, view_from(bytes, at));
    char sizes[16];
    put_u64(sizes, content_size);
    put_u64(sizes + 8, bytes.n);
    return queue_checksum(c, (struct view){sizes, sizeof sizes});
}
