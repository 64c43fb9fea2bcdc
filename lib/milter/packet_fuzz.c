/* packet_fuzz - whatever a milter says stays within its bounds */
#include "milter/packet.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = {(const char *)data, size};
    struct packet_options options;
    struct str reply = STR_INIT(8192);
    (void)packet_parse_options(input, &options);
    (void)packet_parse_reply(input, &reply);
    str_done(&reply);
    return 0;
}
