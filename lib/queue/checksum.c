/* checksum - CRC-32C (Castagnoli) of journal records, envelopes and contents
 *
 * With the processor's own instruction where there is one, otherwise eight tables
 * (made once, before main).  Polynomial 0x1EDC6F41, reflected (RFC 3720 appendix B.4).
 */
#include "queue/envelope.h"

#define POLYNOMIAL 0x82f63b78u

static uint32_t tables[8][256];
static bool have_instruction;

__attribute__((constructor)) static void checksum_prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = (c >> 1) ^ (c & 1 ? POLYNOMIAL : 0);
        tables[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xff];
#if defined(__x86_64__)
    __builtin_cpu_init();
    have_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

static uint64_t load_u64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static uint32_t checksum_portable(uint32_t c, const unsigned char *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t v = load_u64(p) ^ c;
        c = tables[7][v & 0xff] ^ tables[6][(v >> 8) & 0xff] ^
            tables[5][(v >> 16) & 0xff] ^ tables[4][(v >> 24) & 0xff] ^
            tables[3][(v >> 32) & 0xff] ^ tables[2][(v >> 40) & 0xff] ^
            tables[1][(v >> 48) & 0xff] ^ tables[0][v >> 56];
    }
    for (; n > 0; p++, n--)
        c = (c >> 8) ^ tables[0][(c ^ *p) & 0xff];
    return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
checksum_instruction(uint32_t c, const unsigned char *p, size_t n)
{
    uint64_t wide = c;
    for (; n >= 8; p += 8, n -= 8)
        wide = __builtin_ia32_crc32di(wide, load_u64(p));
    c = (uint32_t)wide;
    for (; n > 0; p++, n--)
        c = __builtin_ia32_crc32qi(c, *p);
    return c;
}
#else
#define checksum_instruction checksum_portable
#endif

uint32_t queue_checksum(uint32_t seed, struct view bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    uint32_t c = ~seed;
    c = have_instruction ? checksum_instruction(c, p, bytes.n)
                         : checksum_portable(c, p, bytes.n);
    return ~c;
}

/* For the test that holds both ways against each other. */
uint32_t queue_checksum_portable(uint32_t seed, struct view bytes)
{
    return ~checksum_portable(~seed, (const unsigned char *)bytes.p, bytes.n);
}
