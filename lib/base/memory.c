/* memory - allocation that cannot fail quietly */
#include "base/memory.h"

#include "base/log.h"

#include <stdint.h>

void *memory_alloc(size_t size)
{
    return memory_alloc_array(1, size);
}

void *memory_alloc_array(size_t count, size_t size)
{
    void *p = count && size ? calloc(count, size) : calloc(1, 1);

    if (p == NULL)
        log_fatal("out of memory: %zu x %zu bytes", count, size);
    return p;
}

void *memory_resize(void *p, size_t size)
{
    void *resized = realloc(p, size ? size : 1);

    if (resized == NULL)
        log_fatal("out of memory: %zu bytes", size);
    return resized;
}

char *memory_cstr(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memory_alloc(size);

    memcpy(copy, text, size);
    return copy;
}

void memory_free(void *p)
{
    free(p);
}
