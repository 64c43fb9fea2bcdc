/* conf_fuzz - hostile bytes as main.cf; what loads must answer every getter */
#include "conf/conf_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = {(const char *)data, size};
    struct error e = ERROR_INIT;
    struct conf_notes notes;
    struct conf *c;

    if (!conf_load_text("/cf", text, NULL, 0, &c, &e)) {
        if (!error_is_set(&e) || e.place[0] == '\0')
            __builtin_trap();
        return 0;
    }
    struct arena *a = arena_new();
    for (enum parameter p = 0; p < P_COUNT; p++)
        if (conf_cstr(c, p)[conf_view(c, p).n] != '\0')
            __builtin_trap();
    conf_check(c, NULL, a, &notes);
    arena_free(a);
    conf_free(c);
    return 0;
}
