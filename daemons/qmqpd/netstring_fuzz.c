/* netstring_fuzz - any bytes as netstrings */
#include "netstring.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream *s = stream_open_memory((struct view){(const char *)data, size}, NULL);
    uint64_t taken, all = 0;
    enum netstring_result result = NETSTRING_OK;
    while (result == NETSTRING_OK) {
        struct str out = STR_INIT(100);
        result = netstring_read(s, &out, &taken);
        if (result == NETSTRING_OK) {
            assert(out.n <= 100 && taken >= out.n + 3);
            all += out.n;
        }
        str_done(&out);
    }
    assert(all <= size);
    stream_close(s);
    return 0;
}
