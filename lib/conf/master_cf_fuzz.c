/* master_cf_fuzz - hostile bytes as master.cf */
#include "conf/master_cf.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct view text = {(const char *)data, size};
    struct error e = ERROR_INIT;
    struct master_cf m;

    if (!master_cf_parse("master.cf", text, a, &m, &e) && e.place[0] == '\0')
        __builtin_trap();
    for (size_t i = 0; i < m.n; i++)
        if (m.items[i].command.n == 0 || master_cf_find(&m, m.items[i].name) == NULL)
            __builtin_trap();
    arena_free(a);
    return 0;
}
