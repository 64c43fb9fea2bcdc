/* protocols - versions of TLS and grades of ciphers; see protocols.h */
#include "tls/protocols.h"

#include "base/number.h"

#define SEPARATORS VIEW(" \t\r\n,:")

static const struct {
    const char *name;
    unsigned bit;
    int version;
} versions[] = {
    {"SSLv2", TLS_NO_SSL2, 0x0002},  {"SSLv3", TLS_NO_SSL3, 0x0300},
    {"TLSv1", TLS_NO_1_0, 0x0301},   {"TLSv1.1", TLS_NO_1_1, 0x0302},
    {"TLSv1.2", TLS_NO_1_2, 0x0303}, {"TLSv1.3", TLS_NO_1_3, 0x0304},
};
#define ALL_VERSIONS 63u

static bool find_version(struct view word, unsigned *bit, int *version)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (!view_eq_case(word, view_of(versions[i].name)))
            continue;
        *bit = versions[i].bit;
        *version = versions[i].version;
        return true;
    }
    return false;
}

/* The word behind ">=" or "<=": a name, or a number to base 16. */
static bool parse_bound(struct view word, int *version)
{
    unsigned bit;
    uint64_t number;
    if (find_version(word, &bit, version))
        return true;
    if (view_starts_case(word, VIEW("0x")))
        word = view_from(word, 2);
    if (!number_parse_base(word, 16, 0xffff, &number))
        return false;
    *version = (int)number;
    return true;
}

bool tls_protocols_parse(struct view list, struct tls_protocols *out)
{
    struct view word;
    unsigned included = 0, bit;
    int version;
    *out = (struct tls_protocols){.excluded = 0};
    while (view_token(&list, SEPARATORS, &word)) {
        if (view_starts(word, VIEW(">="))) {
            if (!parse_bound(view_from(word, 2), &out->least))
                return false;
        } else if (view_starts(word, VIEW("<="))) {
            if (!parse_bound(view_from(word, 2), &out->greatest))
                return false;
        } else if (word.p[0] == '!') {
            if (!find_version(view_from(word, 1), &bit, &version))
                return false;
            out->excluded |= bit;
        } else {
            if (!find_version(word, &bit, &version))
                return false;
            included |= bit;
        }
    }
    if (included)
        out->excluded |= ALL_VERSIONS & ~included;
    return true;
}

bool tls_grade_parse(struct view word, enum tls_grade *out)
{
    static const struct {
        const char *name;
        enum tls_grade grade;
    } grades[] = {{"high", TLS_GRADE_HIGH},
                  {"medium", TLS_GRADE_MEDIUM},
                  {"low", TLS_GRADE_LOW},
                  {"export", TLS_GRADE_EXPORT},
                  {"null", TLS_GRADE_NULL}};
    for (size_t i = 0; i < sizeof grades / sizeof grades[0]; i++) {
        if (!view_eq_case(word, view_of(grades[i].name)))
            continue;
        *out = grades[i].grade;
        return true;
    }
    return false;
}

bool tls_ciphers_exclude(struct view excluded, struct str *out, struct view *bad)
{
    struct view word;
    while (view_token(&excluded, SEPARATORS, &word)) {
        if (view_has(VIEW("!+-@"), word.p[0])) {
            *bad = word;
            return false;
        }
        str_add(out, VIEW(":!"));
        str_add(out, word);
    }
    return true;
}
