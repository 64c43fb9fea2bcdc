/* dns_packet - the answer of a name server as records; RFC 1035 4.1, 3.3, RFC 3596 */
#include "net/dns_packet.h"

#define NAME_WIRE_MAX 255 /* RFC 1035 2.3.4 */
#define CNAME_MAX     16  /* links that are followed */
#define CLASS_IN      1

/* A place in the packet; once `bad`, everything reads as zero. */
struct cursor {
    struct view packet;
    size_t at;
    bool bad;
};

static unsigned get8(struct cursor *c)
{
    if (c->at >= c->packet.n) {
        c->bad = true;
        return 0;
    }
    return (unsigned char)c->packet.p[c->at++];
}

static unsigned get16(struct cursor *c)
{
    unsigned high = get8(c);

    return high << 8 | get8(c);
}

static uint32_t get32(struct cursor *c)
{
    uint32_t high = get16(c);

    return high << 16 | get16(c);
}

static struct view get_bytes(struct cursor *c, size_t n)
{
    if (c->at > c->packet.n || c->packet.n - c->at < n) {
        c->bad = true;
        return VIEW_NONE;
    }
    c->at += n;
    return view_sub(c->packet, c->at - n, n);
}

/* One label byte as text: host name bytes as they are, in lower case, others as \DDD. */
static size_t put_label_byte(char *p, unsigned char byte)
{
    if (ascii_is_alnum(byte) || byte == '-' || byte == '_') {
        *p = (char)ascii_lower(byte);
        return 1;
    }
    p[0] = '\\';
    p[1] = (char)('0' + byte / 100);
    p[2] = (char)('0' + byte / 10 % 10);
    p[3] = (char)('0' + byte % 10);
    return 4;
}

/* One label to TEXT behind *N; a dot goes between two. */
static void put_label(char *text, size_t *n, struct view label)
{
    if (*n > 0)
        text[(*n)++] = '.';
    for (size_t i = 0; i < label.n; i++)
        *n += put_label_byte(text + *n, (unsigned char)label.p[i]);
}

/* A domain name, also a compressed one.  A pointer must lead to before the place
 * where this run of labels began, so that following them comes to an end. */
static struct view get_name(struct arena *a, struct cursor *c)
{
    char text[NAME_WIRE_MAX * 4];
    size_t n = 0, wire = 1, start = c->at, resume = 0;

    for (;;) {
        unsigned length = get8(c);
        if (length == 0)
            break;
        if (length >= 0xc0) {
            size_t target = (length & 0x3f) << 8 | get8(c);
            if (resume == 0)
                resume = c->at;
            c->bad = c->bad || target >= start;
            c->at = start = target;
        } else {
            wire += length + 1;
            c->bad = c->bad || length > 63 || wire > NAME_WIRE_MAX;
            if (!c->bad)
                put_label(text, &n, get_bytes(c, length));
        }
        if (c->bad)
            return VIEW_NONE;
    }
    if (resume)
        c->at = resume;
    return c->bad ? VIEW_NONE : arena_dup(a, (struct view){text, n});
}

/* TXT: every character string, one behind the other. */
static struct view get_text(struct arena *a, struct cursor *c, size_t length)
{
    char *text = arena_alloc(a, length + 1);
    size_t n = 0, end = c->at + length;

    while (c->at < end && !c->bad) {
        struct view piece = get_bytes(c, get8(c));
        if (c->at > end) {
            c->bad = true;
            break;
        }
        if (piece.n > 0)
            memcpy(text + n, piece.p, piece.n);
        n += piece.n;
    }
    return (struct view){text, n};
}

static void get_address(struct cursor *c, struct net_address *out, unsigned type)
{
    *out = (struct net_address){.length = 0};
    if (type == DNS_TYPE_A) {
        struct view bytes = get_bytes(c, 4);
        if (c->bad)
            return;
        memcpy(&out->in.sin_addr, bytes.p, 4);
        out->in.sin_family = AF_INET;
        out->length = sizeof(out->in);
    } else {
        struct view bytes = get_bytes(c, 16);
        if (c->bad)
            return;
        memcpy(&out->in6.sin6_addr, bytes.p, 16);
        out->in6.sin6_family = AF_INET6;
        out->length = sizeof(out->in6);
    }
}

/* The data of a record, which must take exactly LENGTH bytes. */
static void get_data(struct arena *a, struct cursor *c, struct dns_record *r,
                     size_t length)
{
    size_t end = c->at + length;

    switch (r->type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        get_address(c, &r->address, r->type);
        break;
    case DNS_TYPE_MX:
        r->preference = get16(c);
        r->target = get_name(a, c);
        break;
    case DNS_TYPE_SRV:
        r->preference = get16(c);
        r->weight = (uint16_t)get16(c);
        r->port = (uint16_t)get16(c);
        r->target = get_name(a, c);
        break;
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
        r->target = get_name(a, c);
        break;
    case DNS_TYPE_TXT:
        r->text = get_text(a, c, length);
        break;
    case DNS_TYPE_TLSA:
        r->text = arena_dup(a, get_bytes(c, length));
        break;
    default:
        (void)get_bytes(c, length);
        break;
    }
    c->bad = c->bad || c->at != end;
}

static bool is_known(const struct dns_record *r, unsigned class)
{
    switch (r->type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
    case DNS_TYPE_MX:
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
    case DNS_TYPE_TXT:
    case DNS_TYPE_SRV:
    case DNS_TYPE_TLSA:
        return class == CLASS_IN;
    default:
        return false;
    }
}

/* One record; false when it is of no use to us, or the packet is bad. */
static bool get_record(struct arena *a, struct cursor *c, struct dns_record *r)
{
    r->owner = get_name(a, c);
    r->type = get16(c);
    unsigned class = get16(c);
    r->ttl = get32(c);
    size_t length = get16(c);
    if (!is_known(r, class)) {
        (void)get_bytes(c, length);
        return false;
    }
    get_data(a, c, r, length);
    return !c->bad;
}

bool dns_packet_parse(struct arena *a, struct view packet, struct dns_packet *out)
{
    struct cursor c = {.packet = packet};
    unsigned counts[3];
    unsigned flags, questions;

    *out = (struct dns_packet){.n = 0};
    (void)get16(&c); /* ID: checked by who sent the question */
    flags = get16(&c);
    questions = get16(&c);
    for (int i = 0; i < 3; i++)
        counts[i] = get16(&c);
    out->rcode = flags & 0xf;
    out->is_truncated = flags >> 9 & 1;
    if (c.bad || !(flags & 0x8000) || questions > 1 ||
        counts[0] + counts[1] + counts[2] > DNS_PACKET_RECORDS)
        return false;
    for (; questions > 0; questions--) {
        (void)get_name(a, &c);
        (void)get32(&c);
    }
    out->records = arena_alloc_array(a, counts[0] + counts[1] + counts[2] + 1,
                                     sizeof(out->records[0]));
    for (int section = 0; section < 3; section++) {
        for (; counts[section] > 0 && !c.bad; counts[section]--) {
            struct dns_record *r = &out->records[out->n];
            *r = (struct dns_record){.section = (enum dns_section)section};
            out->n += get_record(a, &c, r);
        }
    }
    return !c.bad;
}

const struct dns_record *dns_packet_next(const struct dns_packet *p, size_t *position,
                                         enum dns_section section, unsigned type,
                                         struct view owner)
{
    while (*position < p->n) {
        const struct dns_record *r = &p->records[(*position)++];
        if (r->section == section && r->type == type && view_eq(r->owner, owner))
            return r;
    }
    return NULL;
}

bool dns_packet_canonical(const struct dns_packet *p, struct view name,
                          struct view *canonical)
{
    for (int i = 0; i < CNAME_MAX; i++) {
        size_t position = 0;
        const struct dns_record *r =
            dns_packet_next(p, &position, DNS_SECTION_ANSWER, DNS_TYPE_CNAME, name);
        if (!r) {
            *canonical = name;
            return true;
        }
        name = r->target;
    }
    return false;
}
