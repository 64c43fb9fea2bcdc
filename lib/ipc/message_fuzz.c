/* message_fuzz - any bytes as a message from a hostile peer; the first says how many
 * descriptors */
#include "ipc/ipc.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct view bytes = {(const char *)data + 1, size - 1};
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct str line = STR_INIT(1800);
    struct ipc_message *m = ipc_message_parse(a, bytes, data[0] % 6, &e);

    assert(m || error_is_set(&e));
    if (m) {
        struct ipc_value v;
        size_t position = 0, n = 0;
        while (ipc_next(m, &position, &v)) {
            assert(ipc_has(m, v.attr));
            n++;
        }
        assert(position == bytes.n || n == 0);
        assert(view_eq(ipc_message_bytes(m), bytes));
        ipc_message_print(m, &line);
        assert(line.n > 0);
    }
    str_done(&line);
    arena_free(a);
    return 0;
}
