/* sequence_test - sets of message numbers */
#include "sequence.h"

#include "test_kit.h"

static struct imap_set set_of(const char *text)
{
    struct imap_set set;
    imap_set_init(&set, arena);
    assert_true(imap_set_parse(view_of(text), true, &set));
    return set;
}

static void expect_set(const struct imap_set *set, const char *want)
{
    struct str out = STR_INIT(10000);
    assert_true(imap_set_write(set, &out));
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_parse(void **state)
{
    (void)state;
    static const char *const good[] = {"1",   "1:3",          "3:1",        "*", "1:*",
                                       "*:1", "2,4:7,9,12:*", "4294967295", "$"};
    static const char *const bad[] = {"",      "0",   "1:",  ":1",         "1,",  ",1",
                                      "1:2:3", "1;2", "a",   "4294967296", "$,1", "1,$",
                                      "1 2",   "-1",  "1:0", "**",         "1.2"};
    struct imap_set set;
    imap_set_init(&set, arena);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(imap_set_parse(view_of(good[i]), true, &set));
        expect_set(&set, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(imap_set_parse(view_of(bad[i]), true, &set));
    assert_false(imap_set_parse(VIEW("1:*"), false, &set));
    assert_false(imap_set_parse(VIEW("$"), false, &set));
}

static void test_resolve(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t largest;
        const char *want;
    } rows[] = {{"1:*", 5, "1:5"},
                {"7:*", 5, "5:7"},
                {"*", 5, "5"},
                {"*:2", 5, "2:5"},
                {"*", 0, ""},
                {"1,*,3", 0, "1,3"},
                {"5,1:2,3,9:8", 9, "1:3,5,8:9"},
                {"1:4,2:3,4:6", 9, "1:6"},
                {"4294967295,1", 9, "1,4294967295"},
                {"4294967294:4294967295,4294967295", 9, "4294967294:4294967295"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct imap_set set = set_of(rows[i].text);
        imap_set_resolve(&set, rows[i].largest);
        expect_set(&set, rows[i].want);
    }
}

/* Every way to build a set from numbers gives the same as a table of bits. */
static void test_against_table(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 200; round++) {
        bool table[64] = {false};
        struct imap_set set;
        imap_set_init(&set, round % 2 ? arena : NULL);
        for (int i = 0; i < 20; i++) {
            seed = seed * 1103515245 + 12345;
            uint32_t first = 1 + seed / 65536 % 60;
            uint32_t last = first + seed / 16 % 3;
            imap_set_add_range(&set, first, last);
            for (uint32_t n = first; n <= last; n++)
                table[n] = true;
        }
        struct imap_set_cursor cursor = {0};
        uint32_t number = 0;
        uint64_t count = 0;
        for (uint32_t n = 1; n < 64; n++) {
            assert_int_equal(imap_set_contains(&set, n), table[n]);
            if (!table[n])
                continue;
            assert_true(imap_set_next(&set, &cursor, &number));
            assert_int_equal(number, n);
            count++;
        }
        assert_false(imap_set_next(&set, &cursor, &number));
        assert_int_equal(imap_set_size(&set), count);
        for (size_t i = 1; i < set.count; i++)
            assert_true(set.ranges[i].first > set.ranges[i - 1].last + 1);
        imap_set_done(&set);
    }
}

static void test_operations(void **state)
{
    (void)state;
    struct imap_set a = set_of("1:5,8,10:20,4294967290:4294967295");
    struct imap_set b = set_of("3:9,15,4294967295");
    struct imap_set out;
    imap_set_init(&out, NULL);
    imap_set_intersect(&a, &b, &out);
    expect_set(&out, "3:5,8,15,4294967295");
    imap_set_subtract(&a, &b, &out);
    expect_set(&out, "1:2,10:14,16:20,4294967290:4294967294");
    imap_set_subtract(&b, &a, &out);
    expect_set(&out, "6:7,9");
    imap_set_unite(&a, &b, &out);
    expect_set(&out, "1:20,4294967290:4294967295");
    struct imap_set none;
    imap_set_init(&none, NULL);
    imap_set_subtract(&a, &none, &out);
    expect_set(&out, "1:5,8,10:20,4294967290:4294967295");
    imap_set_intersect(&a, &none, &out);
    expect_set(&out, "");
    assert_int_equal(imap_set_max(&out), 0);
    imap_set_done(&out);
}

static void test_limit(void **state)
{
    (void)state;
    struct str text = STR_INIT(1 << 20);
    for (int i = 0; i < IMAP_SET_RANGES; i++)
        str_add(&text, VIEW("1,"));
    struct imap_set set;
    imap_set_init(&set, NULL);
    assert_true(imap_set_parse(view_sub(str_view(&text), 0, text.n - 1), true, &set));
    str_add_char(&text, '1');
    assert_false(imap_set_parse(str_view(&text), true, &set));
    imap_set_done(&set);
    str_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),         cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_against_table), cmocka_unit_test(test_operations),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
