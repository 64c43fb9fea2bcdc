/* escape_fuzz - %XX there and back, and %-formats with any format and key */
#include "table/escape.h"
#include "table/expand.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct view v = {(const char *)data, n}, format, key;
    struct str text = STR_INIT(n * 3), back = STR_INIT(n);
    struct error e = ERROR_INIT;

    escape_encode(v, &text);
    assert(escape_decode(str_view(&text), &back) && view_eq(str_view(&back), v));
    str_clear(&back);
    (void)escape_decode(v, &back);
    (void)view_cut(v, '\n', &format, &key);
    str_clear(&text);
    if (expand_check(format, "format", &e) &&
        expand_query(format, key, expand_quote_ldap_name, NULL, &text))
        assert(text.n <= n * 3);
    str_done(&text);
    str_done(&back);
    return 0;
}
