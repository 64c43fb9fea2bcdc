/* rules_fuzz - hostile bytes as files of regexp:, pcre: and cidr: tables
 *
 * The first byte picks the type, the rest up to a NUL is the file, what is behind it the
 * key.
 */
#include "base/log.h"
#include "table/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(enum log_level level, const char *text)
{
    (void)level;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rules_engine *const engines[] = {
        &rules_engine_cidr, &rules_engine_pcre, &rules_engine_regexp};
    struct view all = {(const char *)data, size}, text, key, value;
    struct error e = ERROR_INIT;

    log_set_hook(ignore);
    if (size < 1)
        return 0;
    view_cut(view_from(all, 1), '\0', &text, &key);
    /* libc expands repetitions of repetitions until memory ends; files are ours, so let
     * it. */
    if (data[0] % 3 == 2 && (text.n > 64 || view_has(text, '{')))
        return 0;
    struct rules *r = rules_parse(engines[data[0] % 3], "fuzz", text, 0);
    struct arena *a = arena_new();
    (void)!rules_get(r, view_sub(key, 0, 200), a, &value, &e);
    arena_free(a);
    rules_free(r);
    return 0;
}
