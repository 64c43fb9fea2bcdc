/* memory - allocation that cannot fail quietly */
#include "base/memory.h"

#include "base/log.h"

#include <stdint.h>

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#elif defined __SANITIZE_ADDRESS__
#define HAS_ADDRESS_SANITIZER 1
#endif

#ifdef HAS_ADDRESS_SANITIZER
#include <sys/auxv.h>

const char *__asan_default_options(void);

/* A set-gid program cannot be traced, so the search for leaks would fail in it. */
__attribute__((no_sanitize("address"))) const char *__asan_default_options(void)
{
    return getauxval(AT_SECURE) ? "detect_leaks=0" : "";
}
#endif

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
