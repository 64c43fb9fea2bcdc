/* search_test - programs of SEARCH, written again as trees */
#include "search.h"

#include "test_kit.h"

static const char *const names[] = {
    "ALL",        "AND",    "OR",        "NOT",      "FLAG",    "KEYWORD",
    "RECENT",     "SET",    "UID",       "SAVED",    "HEADER",  "BODY",
    "TEXT",       "LARGER", "SMALLER",   "BEFORE",   "ON",      "SINCE",
    "SENTBEFORE", "SENTON", "SENTSINCE", "SVBEFORE", "SVON",    "SVSINCE",
    "SVSUPP",     "OLDER",  "YOUNGER",   "MODSEQ",   "EMAILID", "THREADID"};

static void describe(const struct imap_search_node *n, struct str *out)
{
    str_addf(out, "%s%s", n->is_fuzzy ? "~" : "", names[n->key]);
    if (n->flag)
        str_addf(out, " %u", n->flag);
    if (n->header.n > 0)
        str_addf(out, " %.*s", VIEW_FMT(n->header));
    if (n->string.p)
        str_addf(out, " '%.*s'", VIEW_FMT(n->string));
    if (n->number)
        str_addf(out, " %llu", (unsigned long long)n->number);
    if (n->day)
        str_addf(out, " d%d", n->day);
    if (n->set.count > 0) {
        str_add_char(out, ' ');
        assert_true(imap_set_write(&n->set, out));
    }
    if (n->child == NULL)
        return;
    str_add_char(out, '(');
    for (const struct imap_search_node *c = n->child; c; c = c->next) {
        describe(c, out);
        if (c->next)
            str_add_cstr(out, ", ");
    }
    str_add_char(out, ')');
}

static void expect_search(const char *text, const char *want)
{
    struct imap_input in = kit_input(text);
    struct imap_search s;
    struct str out = STR_INIT(10000);
    if (!imap_take_search(&in, &s))
        fail_msg("%s: %s", text, in.error);
    describe(s.root, &out);
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_keys(void **state)
{
    (void)state;
    expect_search("ALL", "ALL");
    expect_search("unseen", "NOT(FLAG 1)");
    expect_search("SEEN DELETED", "AND(FLAG 1, FLAG 8)");
    expect_search("NEW", "AND(RECENT, NOT(FLAG 1))");
    expect_search("OLD", "NOT(RECENT)");
    expect_search("KEYWORD $Junk UNKEYWORD x", "AND(KEYWORD '$Junk', NOT(KEYWORD 'x'))");
    expect_search("FROM \"Smith\" SUBJECT hi",
                  "AND(HEADER From 'Smith', HEADER Subject 'hi')");
    expect_search("HEADER X-Spam \"\"", "HEADER X-Spam ''");
    expect_search("BODY {5}\r\nhello\r\n", "BODY 'hello'");
    expect_search("TEXT \"\xc3\xa9\"", "TEXT '\xc3\xa9'");
    expect_search("LARGER 1000 SMALLER 0", "AND(LARGER 1000, SMALLER)");
    expect_search("BEFORE 2-Jan-1970 SENTON \"3-Jan-1970\" SAVEDSINCE 4-Jan-1970",
                  "AND(BEFORE d1, SENTON d2, SVSINCE d3)");
    expect_search("OLDER 3600 YOUNGER 60", "AND(OLDER 3600, YOUNGER 60)");
    expect_search("SAVEDATESUPPORTED", "SVSUPP");
    expect_search("MODSEQ 99", "MODSEQ 99");
    expect_search("MODSEQ \"/flags/\\\\draft\" all 620162338", "MODSEQ 620162338");
    expect_search("EMAILID M6d99ac3275bb4e THREADID T64",
                  "AND(EMAILID 'M6d99ac3275bb4e', "
                  "THREADID 'T64')");
    expect_search("1:5,7 UID 3:*", "AND(SET 1:5,7, UID 3:*)");
    expect_search("$ SEEN", "AND(SAVED, FLAG 1)");
    expect_search("UID $", "SAVED");
    expect_search("FUZZY SUBJECT x", "~HEADER Subject 'x'");
}

static void test_operators(void **state)
{
    (void)state;
    expect_search("NOT SEEN", "NOT(FLAG 1)");
    expect_search("NOT (SEEN DRAFT)", "NOT(AND(FLAG 1, FLAG 16))");
    expect_search("OR SEEN (DRAFT 1) ALL", "AND(OR(FLAG 1, AND(FLAG 16, SET 1)), ALL)");
    expect_search("OR NOT SEEN OR ALL 1", "OR(NOT(FLAG 1), OR(ALL, SET 1))");
    expect_search("((ALL))", "ALL");
}

/* S071: the client's charset does not matter. */
static void test_charset(void **state)
{
    (void)state;
    expect_search("CHARSET UTF-8 TEXT {2}\r\n\xc3\xa9\r\n", "TEXT '\xc3\xa9'");
    expect_search("CHARSET iso-8859-1 TEXT {1}\r\n\xe9\r\n", "TEXT '\xc3\xa9'");
    expect_search("CHARSET US-ASCII ALL", "ALL");
    struct imap_input in = kit_input("CHARSET x-none TEXT a");
    struct imap_search s;
    assert_false(imap_take_search(&in, &s));
    assert_true(in.bad_charset);
    in = kit_input("CHARSET UTF-8 TEXT {1}\r\n\xe9\r\n");
    assert_false(imap_take_search(&in, &s));
    assert_false(in.bad_charset);
}

static void test_return(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool has_return;
        unsigned returns;
    } rows[] = {{"ALL", false, 0},
                {"RETURN () ALL", true, IMAP_RETURN_ALL},
                {"RETURN (MIN MAX COUNT) ALL", true,
                 IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_COUNT},
                {"RETURN (save) ALL", true, IMAP_RETURN_SAVE},
                {"RETURN (PARTIAL -1:-3 RELEVANCY) CHARSET UTF-8 ALL", true,
                 IMAP_RETURN_PARTIAL | IMAP_RETURN_RELEVANCY}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct imap_input in = kit_input(rows[i].text);
        struct imap_search s;
        assert_true(imap_take_search(&in, &s));
        assert_int_equal(s.has_return, rows[i].has_return);
        assert_int_equal(s.returns, rows[i].returns);
        assert_true(imap_search_uses(&s, IMAP_SEARCH_ALL));
        assert_false(imap_search_uses(&s, IMAP_SEARCH_TEXT));
        if (s.returns & IMAP_RETURN_PARTIAL)
            assert_true(s.partial.from_end && s.partial.high == 3);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "FOO",
                                      "NOT",
                                      "OR SEEN",
                                      "OR SEEN ",
                                      "(SEEN",
                                      "SEEN)",
                                      "()",
                                      "SEEN  DRAFT",
                                      "FROM",
                                      "HEADER x",
                                      "LARGER x",
                                      "BEFORE x",
                                      "UID",
                                      "UID x",
                                      "0",
                                      "OLDER 0",
                                      "FUZZY",
                                      "RETURN (FOO) ALL",
                                      "RETURN (ALL PARTIAL 1:2) ALL",
                                      "RETURN ALL",
                                      "CHARSET UTF-8",
                                      "MODSEQ \"/x/\" all 1",
                                      "EMAILID \"\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct imap_input in = kit_input(bad[i]);
        struct imap_search s;
        if (imap_take_search(&in, &s))
            fail_msg("taken: %s", bad[i]);
        assert_non_null(in.error);
    }
}

static bool takes(const char *piece, size_t times, const char *end)
{
    struct str text = STR_INIT(1 << 20);
    for (size_t i = 0; i < times; i++)
        str_add_cstr(&text, piece);
    str_add_cstr(&text, end);
    struct imap_input in = kit_input(str_cstr(&text));
    struct imap_search s;
    bool taken = imap_take_search(&in, &s);
    str_done(&text);
    return taken;
}

static void test_limits(void **state)
{
    (void)state;
    assert_true(takes("NOT ", IMAP_SEARCH_DEPTH - 1, "ALL"));
    assert_false(takes("NOT ", IMAP_SEARCH_DEPTH, "ALL"));
    assert_false(takes("(", IMAP_SEARCH_DEPTH, "ALL"));
    assert_false(takes("OR ALL ", IMAP_SEARCH_DEPTH, "ALL"));
    assert_false(takes("FUZZY ", IMAP_SEARCH_DEPTH, "ALL"));
    assert_true(takes("ALL ", IMAP_SEARCH_KEYS - 2, "ALL"));
    assert_false(takes("ALL ", IMAP_SEARCH_KEYS - 1, "ALL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),     cmocka_unit_test(test_operators),
        cmocka_unit_test(test_charset),  cmocka_unit_test(test_return),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
