/* peer_text_fuzz - any bytes as attributes of XCLIENT and XFORWARD */
#include "peer_text.h"

#include "net/address.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view rest = {(const char *)data, size}, word, address;
    struct arena *a = arena_new();
    struct peer_attribute x;
    while (view_token(&rest, VIEW(" \n"), &word)) {
        if (peer_attribute_parse(a, word, &x) != PEER_OK)
            continue;
        assert(x.name.n > 0 && x.value.n <= PEER_VALUE_MAX);
        assert(view_find_any(x.value, VIEW("\r\n\t")) == VIEW_NPOS);
        (void)peer_port_is_valid(x.value);
        if (peer_address_is_valid(x.value, &address)) {
            struct net_address parsed;
            assert(net_address_parse(address, 0, &parsed));
        }
    }
    arena_free(a);
    return 0;
}
