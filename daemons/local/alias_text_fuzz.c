/* alias_text_fuzz - hostile bytes as an alias or a .forward line */
#include "alias_text.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = {(const char *)data, size};
    struct arena *a = arena_new();
    struct alias_list list;
    size_t total = 0;

    alias_text_parse(a, text, &list);
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].kind == ALIAS_ADDRESS && list.items[i].text.n == 0)
            __builtin_trap();
        total += list.items[i].text.n;
    }
    if (total > size)
        __builtin_trap();
    arena_free(a);
    return 0;
}
