/* escape - %XX in tcp_table(5) */
#include "table/escape.h"

#include "base/number.h"

void escape_encode(struct view v, struct str *out)
{
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c == '%' || c <= ' ' || c >= 0x7f)
            str_addf(out, "%%%02X", c);
        else
            str_add_char(out, (char)c);
    }
}

bool escape_decode(struct view v, struct str *out)
{
    for (size_t i = 0; i < v.n; i++) {
        uint64_t byte = (unsigned char)v.p[i];
        if (byte == '%') {
            struct view digits = view_sub(v, i + 1, 2);
            if (digits.n != 2 || !number_parse_base(digits, 16, 255, &byte))
                return false;
            i += 2;
        }
        str_add_char(out, (char)byte);
    }
    return true;
}
