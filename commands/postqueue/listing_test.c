/* listing_test - S169: mailq prints what Postfix prints, byte for byte; S105: reasons in
 * parentheses */
#include "listing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void expect(bool long_ids, const char *json, const char *want)
{
    struct arena *a = arena_new();
    struct listed_message m;
    struct str out = STR_INIT(1 << 16);

    assert_true(listing_parse(a, view_of(json), &m));
    listing_message(long_ids, &m, &out);
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
    arena_free(a);
}

static void test_S169_format(void **state)
{
    (void)state;
    expect(
        false,
        "{\"queue_name\": \"deferred\", \"queue_id\": \"61D3F800081\", \"arrival_time\": "
        "1052669183, \"message_size\": 308, \"forced_expire\": false, \"sender\": "
        "\"root@gw1.maison.mrs\", \"recipients\": [{\"address\": \"a@free.fr\", "
        "\"delay_reason\": \"connect to x[1.2.3.4]:25: Connection refused\"}, "
        "{\"address\": \"b@free.fr\", \"delay_reason\": "
        "\"connect to x[1.2.3.4]:25: Connection refused\"}]}\n",
        "61D3F800081     308 Sun May 11 16:06:23  root@gw1.maison.mrs\n"
        "                                (connect to x[1.2.3.4]:25: Connection refused)\n"
        "                                         a@free.fr\n"
        "                                         b@free.fr\n"
        "\n");
}

static void test_marks(void **state)
{
    (void)state;
    expect(false,
           "{\"queue_name\":\"active\",\"queue_id\":\"A1\",\"arrival_time\":0,\"message_"
           "size\":1,"
           "\"forced_expire\":false,\"sender\":\"\",\"recipients\":[]}",
           "A1*               1 Thu Jan  1 00:00:00  MAILER-DAEMON\n\n");
    expect(true,
           "{\"queue_name\":\"hold\",\"queue_id\":\"3Vb1cD2\",\"arrival_time\":0,"
           "\"message_size\":1,\"sender\":\"\\u0061\\\"\",\"other\":null}",
           "3Vb1cD2!                 1 Thu Jan  1 00:00:00 a\"\n\n");
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"queue_id\":\"A\"",
                                      "{\"queue_id\":\"A}",
                                      "{\"queue_id\":\"\\q\"}",
                                      "{\"queue_id\":\"A\",\"message_size\":-1}",
                                      "{\"queue_id\":\"A\",\"recipients\":[{]}",
                                      "{\"queue_id\":\"A\"} x"};
    struct arena *a = arena_new();
    struct listed_message m;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(listing_parse(a, view_of(bad[i]), &m));
    arena_free(a);
}

static void test_headings(void **state)
{
    struct str out = STR_INIT(1000);

    (void)state;
    listing_heading(false, &out);
    listing_heading(true, &out);
    assert_string_equal(
        str_cstr(&out),
        "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"
        "----Queue ID----- --Size-- ---Arrival Time---- "
        "--Sender/Recipient------\n");
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_S169_format),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_headings),
    };

    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
