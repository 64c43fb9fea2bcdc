/* sort_test - SORT's arguments, keys and order */
#include "sort.h"

#include "test_kit.h"

static void test_arguments(void **state)
{
    (void)state;
    struct imap_sort sort;
    struct imap_search search;
    struct imap_input in = kit_input("(SUBJECT reverse DATE) UTF-8 SINCE 1-Feb-1994");
    assert_true(imap_take_sort(&in, &sort, &search));
    assert_int_equal(sort.count, 2);
    assert_true(sort.criteria[0].key == IMAP_SORT_SUBJECT && !sort.criteria[0].reverse);
    assert_true(sort.criteria[1].key == IMAP_SORT_DATE && sort.criteria[1].reverse);
    assert_int_equal(sort.keys, 1u << IMAP_SORT_SUBJECT | 1u << IMAP_SORT_DATE);
    assert_int_equal(search.root->key, IMAP_SEARCH_SINCE);
    in = kit_input(
        "RETURN (COUNT) (DISPLAYFROM DISPLAYTO ARRIVAL CC FROM SIZE TO) us-ascii "
        "ALL");
    assert_true(imap_take_sort(&in, &sort, &search));
    assert_int_equal(search.returns, IMAP_RETURN_COUNT);
    static const char *const bad[] = {
        "",
        "() UTF-8 ALL",
        "(SUBJECT) ALL",
        "(FOO) UTF-8 ALL",
        "(REVERSE) UTF-8 ALL",
        "(REVERSE REVERSE DATE) UTF-8 ALL",
        "(DATE) x-none ALL",
        "SUBJECT UTF-8 ALL",
        "(DATE) UTF-8 ",
        "(TO TO TO TO TO TO TO TO TO TO TO TO TO TO TO TO TO) UTF-8 ALL"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in = kit_input(bad[i]);
        if (imap_take_sort(&in, &sort, &search))
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_texts(void **state)
{
    (void)state;
    struct view header = VIEW("From: =?utf-8?Q?=C3=89ric?= <Eric@Example.com>\n"
                              "To: joe@x (Joe)\n"
                              "Cc: Friends: a@x, b@x;\n"
                              "Subject: Re: [list] =?iso-8859-1?Q?=E9t=E9?=\n\n");
    static const char *const want[] = {[IMAP_SORT_CC] = "FRIENDS",
                                       [IMAP_SORT_FROM] = "ERIC",
                                       [IMAP_SORT_SUBJECT] = "E\xcc\x81TE\xcc\x81",
                                       [IMAP_SORT_TO] = "JOE",
                                       [IMAP_SORT_DISPLAYFROM] = "E\xcc\x81RIC",
                                       [IMAP_SORT_DISPLAYTO] = "JOE@X"};
    for (enum imap_sort_key key = IMAP_SORT_CC; key < IMAP_SORT_TEXTS; key++) {
        struct str out = STR_INIT(100);
        assert_true(imap_sort_text(key, header, &out));
        assert_string_equal(str_cstr(&out), want[key]);
        str_clear(&out);
        assert_true(imap_sort_text(key, VIEW("\n"), &out));
        assert_string_equal(str_cstr(&out), "");
        str_done(&out);
    }
    assert_int_equal(imap_sort_date(VIEW("Date: 1 Jan 1970 01:00:00 +0100\n"), 5), 0);
    assert_int_equal(imap_sort_date(VIEW("Date: none\n"), 5), 5);
    assert_int_equal(imap_sort_date(VIEW("\n"), 5), 5);
}

static void expect_order(const char *criteria, const uint32_t *want)
{
    struct imap_sort_entry entries[] = {
        {.number = 1,
         .arrival = 30,
         .date = 5,
         .size = 10,
         .texts = {[IMAP_SORT_FROM] = VIEW("B")}},
        {.number = 2,
         .arrival = 20,
         .date = 5,
         .size = 20,
         .texts = {[IMAP_SORT_FROM] = VIEW("A")}},
        {.number = 3,
         .arrival = 10,
         .date = 4,
         .size = 20,
         .texts = {[IMAP_SORT_FROM] = VIEW("AB")}},
    };
    struct str text = STR_INIT(1000);
    str_addf(&text, "(%s) UTF-8 ALL", criteria);
    struct imap_input in = kit_input(str_cstr(&text));
    struct imap_sort sort;
    struct imap_search search;
    assert_true(imap_take_sort(&in, &sort, &search));
    imap_sort_entries(&sort, entries, 3);
    for (size_t i = 0; i < 3; i++)
        if (entries[i].number != want[i])
            fail_msg("%s: %u at %zu", criteria, entries[i].number, i);
    str_done(&text);
}

static void test_order(void **state)
{
    (void)state;
    expect_order("ARRIVAL", (const uint32_t[]){3, 2, 1});
    expect_order("REVERSE ARRIVAL", (const uint32_t[]){1, 2, 3});
    expect_order("DATE", (const uint32_t[]){3, 1, 2});
    expect_order("REVERSE DATE", (const uint32_t[]){1, 2, 3});
    expect_order("FROM", (const uint32_t[]){2, 3, 1});
    expect_order("REVERSE SIZE FROM", (const uint32_t[]){2, 3, 1});
    expect_order("REVERSE SIZE REVERSE FROM", (const uint32_t[]){3, 2, 1});
    expect_order("SUBJECT", (const uint32_t[]){1, 2, 3});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
