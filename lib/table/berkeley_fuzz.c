/* berkeley_fuzz - any bytes as a file of Berkeley DB */
#include "table/berkeley.h"

#include <stdint.h>

static void take(struct view key, struct view value, void *arg)
{
    size_t *sum = arg;

    /* Touch all bytes. */
    for (size_t i = 0; i < key.n; i++)
        *sum += (unsigned char)key.p[i];
    for (size_t i = 0; i < value.n; i++)
        *sum += (unsigned char)value.p[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct error e = ERROR_INIT;
    size_t sum = 0;

    (void)berkeley_parse((struct view){(const char *)data, n}, take, &sum, &e);
    return sum == SIZE_MAX;
}
