/* packet_fuzz - whatever a milter says stays within its bounds */
#include "milter/packet.h"
#include "milter/protocol.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = {(const char *)data, size};
    struct packet_options options;
    struct str reply = STR_INIT(8192);
    if (packet_parse_options(input, &options)) {
        for (size_t i = 0; i < MILTER_STAGES; i++)
            assert(options.has_macros[i] || options.macros[i].n == 0);
    }
    if (packet_parse_reply(input, &reply)) {
        assert(reply.p[0] == '4' || reply.p[0] == '5');
        for (size_t i = 0; i < reply.n; i++)
            assert((unsigned char)reply.p[i] >= ' ' || reply.p[i] == '\n');
    }
    str_done(&reply);
    return 0;
}
