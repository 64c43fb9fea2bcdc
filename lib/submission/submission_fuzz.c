/* submission_fuzz - records of a maildrop file, as anybody could write them */
#include "submission/submission.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str again = STR_INIT(SUBMISSION_RECORDS_MAX);
    struct submission s;
    struct error e = ERROR_INIT;

    /* What can be read can be written again. */
    if (submission_parse(a, (struct view){(const char *)data, size}, &s, &e) &&
        !submission_write(&s, 0, 0, &again) && again.n < SUBMISSION_RECORDS_MAX / 2)
        __builtin_trap();
    str_done(&again);
    arena_free(a);
    return 0;
}
