/* proxy_header_fuzz - any bytes in front of a session */
#include "net/proxy_header.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header h;
    struct error e = ERROR_INIT;
    struct view input = {(const char *)data, size};
    struct stream *s = stream_open_memory(input, NULL);
    bool good = proxy_header_receive(s, &h, &e);
    assert(good == !error_is_set(&e));
    if (good && !h.is_local) {
        char text[NET_ADDRESS_TEXT];
        struct net_address again;
        assert(net_address_parse(view_of(net_address_text(&h.client, text)), 0, &again));
    }
    stream_close(s);
    return 0;
}
