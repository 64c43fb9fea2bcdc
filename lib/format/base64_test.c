/* base64_test - RFC 4648 10 and the line form */
#include "base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_vectors(void **state)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"},
                                          {"\xff\xfe\xfb", "//77"}};
    struct str out = STR_INIT(100);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        str_clear(&out);
        assert_true(base64_encode(view_of(rows[i][0]), &out));
        assert_string_equal(str_cstr(&out), rows[i][1]);
        str_clear(&out);
        assert_true(base64_decode(view_of(rows[i][1]), &out));
        assert_string_equal(str_cstr(&out), rows[i][0]);
    }
    str_done(&out);
    (void)state;
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"Zg=",  "Zg",   "Z===",  "Zg==Zg==", "Zm9v\n",
                                      "Zm 9", "====", "Zm9v=", "Z*==",     "=Zg="};
    struct str out = STR_INIT(100);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(base64_decode(view_of(bad[i]), &out));
    str_done(&out);
    struct str small = STR_INIT(2);
    assert_false(base64_decode(VIEW("Zm9v"), &small));
    assert_false(base64_encode(VIEW("foo"), &small));
    str_done(&small);
    (void)state;
}

/* S067: any cut of the input gives the same lines and the same bytes. */
static void test_streams(void **state)
{
    char bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t chunk = 1; chunk < sizeof bytes; chunk += 13) {
        struct str text = STR_INIT(1000);
        struct str back = STR_INIT(1000);
        struct base64_encoder e;
        struct base64_decoder d;
        base64_encoder_init(&e);
        base64_decoder_init(&d);
        struct view all = {bytes, sizeof bytes};
        for (size_t at = 0; at < all.n; at += chunk)
            base64_encoder_feed(&e, view_sub(all, at, chunk), &text);
        base64_encoder_end(&e, &text);
        assert_int_equal(view_find(str_view(&text), '\n'), 76);
        assert_int_equal(text.p[text.n - 1], '\n');
        for (size_t at = 0; at < text.n; at += chunk)
            base64_decoder_feed(&d, view_sub(str_view(&text), at, chunk), &back);
        assert_true(view_eq(str_view(&back), all));
        str_done(&text);
        str_done(&back);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
