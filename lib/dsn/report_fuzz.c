/* report_fuzz - hostile bytes into report_parse(); what parses must survive a round trip
 */
#include "dsn/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct report_recipient *items;
    size_t n;
    struct view bytes = {(const char *)data, size};
    if (report_parse(a, bytes, &items, &n, NULL)) {
        struct str again = STR_INIT(REPORT_BYTES_MAX);
        if (!report_write(items, n, &again) || !view_eq(str_view(&again), bytes))
            __builtin_trap();
        str_done(&again);
    }
    arena_free(a);
    return 0;
}
