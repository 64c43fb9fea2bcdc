/* dns_packet_fuzz - any bytes as the answer of a name server */
#include "net/dns_packet.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct dns_packet p;

    if (dns_packet_parse(a, (struct view){(const char *)data, size}, &p)) {
        for (size_t i = 0; i < p.n; i++) {
            struct view canonical;
            size_t position = 0;
            const struct dns_record *r = &p.records[i];
            assert(r->owner.n <= 1020 && r->target.n <= 1020 && r->text.n <= 65535);
            assert(dns_packet_next(&p, &position, r->section, r->type, r->owner));
            (void)!dns_packet_canonical(&p, r->owner, &canonical);
        }
    }
    arena_free(a);
    return 0;
}
