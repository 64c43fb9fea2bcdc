/* template_fuzz - hostile bytes into the parser of bounce_template_file, and out through
 * expansion */
#include "dsn/template.h"

#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void quiet(enum log_level level, const char *text)
{
    (void)level, (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *conf;
    struct dsn_templates t;
    struct str out = STR_INIT(1 << 20);
    log_set_hook(quiet);
    if (!conf && !conf_load_text("/nonexistent", VIEW(""), NULL, 0, &conf, NULL))
        __builtin_trap();
    dsn_templates_default(&t, false);
    dsn_templates_parse(&t, "fuzz", (struct view){(const char *)data, size});
    for (size_t i = 0; i < DSN_KINDS; i++)
        dsn_template_expand(&t.kind[i], (enum dsn_kind)i, conf, &out);
    str_done(&out);
    return 0;
}
