/* text_source_fuzz - hostile bytes as the text of a table and of aliases */
#include "table/text_source.h"

#include "base/log.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(enum log_level level, const char *text)
{
    (void)level;
    (void)text;
}

static bool check(struct view key, struct view value, unsigned line, void *arg)
{
    (void)arg;
    if (key.n == 0 || value.n == 0 || line == 0)
        __builtin_trap();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = {(const char *)data, size};

    log_set_hook(ignore);
    (void)text_source_read(TEXT_MAP, "fuzz", text, check, NULL);
    (void)text_source_read(TEXT_ALIASES, "fuzz", text, check, NULL);
    return 0;
}
