/* maildirsize_fuzz - the file that says how full a Maildir is, as its owner may write it
 */
#include "store/maildirsize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct maildirsize s;
    bool is_whole = false, is_count = false;

    if (maildirsize_parse((struct view){(const char *)data, size}, &s, &is_whole,
                          &is_count) &&
        is_whole && (s.bytes > INT64_MAX || s.messages > INT64_MAX))
        __builtin_trap();
    return 0;
}
