/* memory - allocation that cannot fail quietly
 *
 * Running out of memory ends the process with a log line: whatever was not
 * acknowledged is not lost by that, and a program that limps on without memory
 * loses more.  Sizes are checked for overflow.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* SIZE bytes of zeros; caller frees with memory_free(). */
void *memory_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *memory_alloc_array(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
/* As realloc; new bytes are not cleared. */
void *memory_resize(void *p, size_t size) __attribute__((returns_nonnull, alloc_size(2)));
char *memory_cstr(const char *text) __attribute__((malloc, returns_nonnull));
void memory_free(void *p);

#define NEW(type) ((type *)memory_alloc(sizeof(type)))

#endif
