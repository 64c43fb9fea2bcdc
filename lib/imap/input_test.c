/* input_test - the lexer, value by value */
#include "input.h"

#include "test_kit.h"

static void test_strings(void **state)
{
    (void)state;
    struct view v;
    struct imap_input in =
        kit_input("a1 login \"jo\\\"e\" {5}\r\nab\r\nc \"\" {0+}\r\n x]y\r\n");
    assert_true(imap_take_tag(&in, &v));
    assert_view(v, "a1");
    assert_true(imap_take_space(&in) && imap_take_word(&in, &v));
    assert_view(v, "login");
    assert_true(imap_take_space(&in) && imap_take_astring(&in, &v));
    assert_view(v, "jo\"e");
    assert_true(imap_take_space(&in) && imap_take_astring(&in, &v));
    assert_view(v, "ab\r\nc");
    assert_true(imap_take_space(&in) && imap_take_string(&in, &v));
    assert_view(v, "");
    assert_true(imap_take_space(&in) && imap_take_nstring(&in, &v));
    assert_non_null(v.p);
    assert_true(imap_take_space(&in) && imap_take_astring(&in, &v));
    assert_view(v, "x]y");
    assert_true(imap_take_end(&in));
    in = kit_input("NIL nilly");
    assert_true(imap_take_nstring(&in, &v));
    assert_null(v.p);
    assert_true(imap_take_space(&in));
    assert_false(imap_take_nstring(&in, &v));
}

typedef bool (*take_view)(struct imap_input *in, struct view *v);

static void expect_refused(take_view take, const char *text)
{
    struct view v;
    struct imap_input in = kit_input(text);
    if (take(&in, &v) && imap_take_end(&in))
        fail_msg("taken: %s", text);
    assert_non_null(in.error);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refused(imap_take_tag, "");
    expect_refused(imap_take_tag, "a+b");
    expect_refused(imap_take_atom, "a]");
    expect_refused(imap_take_atom, "(");
    expect_refused(imap_take_astring, "\xc3\xa9");
    expect_refused(imap_take_astring, "\"open");
    expect_refused(imap_take_astring, "\"esc\\");
    expect_refused(imap_take_astring, "\"esc\\n\"");
    expect_refused(imap_take_astring, "{3}\r\nab");
    expect_refused(imap_take_astring, "{3} x\r\nabc");
    expect_refused(imap_take_astring, "{}\r\n");
    expect_refused(imap_take_astring, "{5}{3}\r\nabc");
    expect_refused(imap_take_astring, "{-1}\r\n");
    expect_refused(imap_take_astring, "{99999999999999999999}\r\n");
    expect_refused(imap_take_astring, "~{1}\r\na");
    expect_refused(imap_take_string, "atom");
    expect_refused(imap_take_mailbox, "&bad");
    expect_refused(imap_take_mailbox, "\"a\xc3\xa9\"");
    expect_refused(imap_take_mailbox, "{3}\r\na\r\n");
    expect_refused(imap_take_mailbox, "a*");
}

static void test_tag_limit(void **state)
{
    (void)state;
    char tag[IMAP_TAG_MAX + 2];
    memset(tag, 'a', sizeof tag);
    tag[IMAP_TAG_MAX + 1] = '\0';
    expect_refused(imap_take_tag, tag);
    tag[IMAP_TAG_MAX] = '\0';
    struct imap_input in = kit_input(tag);
    struct view v;
    assert_true(imap_take_tag(&in, &v));
}

static void test_literal_limits(void **state)
{
    (void)state;
    struct view v;
    struct imap_input in = kit_input("{5}\r\nabcde\r\n");
    in.literal_max = 4;
    assert_false(imap_take_string(&in, &v));
    assert_true(in.too_big);
    in = kit_input("{1}\r\na {1}\r\nb\r\n");
    in.literals = IMAP_LITERALS - 1;
    assert_true(imap_take_string(&in, &v) && imap_take_space(&in));
    assert_false(imap_take_string(&in, &v));
    imap_input_memory(&in, arena, VIEW("{1}\r\n\0\r\n"));
    assert_false(imap_take_string(&in, &v));
    imap_input_memory(&in, arena, VIEW("~{1}\r\n\0\r\n"));
    assert_true(imap_take_nstring8(&in, &v));
    assert_int_equal(v.n, 1);
}

/* After a refusal the literals that come unasked are taken away. */
static void test_skip(void **state)
{
    (void)state;
    struct view v;
    struct imap_input in = kit_input("% {3+}\r\nabc {2+}\r\nde end\r\nnext\r\n");
    assert_false(imap_take_atom(&in, &v));
    assert_true(imap_input_skip(&in));
    assert_view(in.rest, "next\r\n");
    in = kit_input("% {3}\r\nnext\r\n");
    assert_true(imap_input_skip(&in));
    assert_view(in.rest, "next\r\n");
    in = kit_input("% {99999999+}\r\nabc\r\n");
    assert_false(imap_input_skip(&in));
    in = kit_input("% {9+}\r\nabc\r\n");
    assert_false(imap_input_skip(&in));
    assert_true(in.has_failed);
}

static struct {
    struct imap_literal literal;
    int calls;
} asked;

static bool give_literal(void *context, const struct imap_literal *literal,
                         struct view *bytes, struct view *next_line)
{
    assert_ptr_equal(context, &asked);
    asked.literal = *literal;
    asked.calls++;
    *bytes = VIEW("abc");
    *next_line = VIEW(" rest");
    return literal->size == 3;
}

static void test_callback(void **state)
{
    (void)state;
    struct imap_input in;
    struct view v;
    imap_input_init(&in, arena, VIEW("{3+}"));
    in.literal = give_literal;
    in.context = &asked;
    assert_true(imap_take_astring(&in, &v));
    assert_view(v, "abc");
    assert_false(asked.literal.is_sync);
    assert_true(imap_take_space(&in) && imap_take_atom(&in, &v));
    assert_view(v, "rest");
    imap_input_continue(&in, VIEW("{4}"));
    assert_false(imap_take_astring(&in, &v));
    assert_true(asked.literal.is_sync && in.has_failed);
    assert_int_equal(asked.calls, 2);
}

static void test_mailboxes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool utf8;
        const char *want;
    } rows[] = {{"inbox", false, "INBOX"},
                {"\"INBOX/x\"", false, "INBOX/x"},
                {"Envoy&AOk-s", false, "Envoy\xc3\xa9s"},
                {"a&-b", false, "a&b"},
                {"\"Envoy\xc3\xa9s\"", true, "Envoy\xc3\xa9s"},
                {"a&-b", true, "a&-b"},
                {"{7}\r\nEnvoy\xc3\xa9\r\n", true, "Envoy\xc3\xa9"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct imap_input in = kit_input(rows[i].text);
        struct view v;
        in.utf8 = rows[i].utf8;
        assert_true(imap_take_mailbox(&in, &v));
        assert_view(v, rows[i].want);
    }
    struct imap_input in = kit_input("\"\xff\"");
    struct view v;
    in.utf8 = true;
    assert_false(imap_take_mailbox(&in, &v));
    in = kit_input("%/*]");
    assert_true(imap_take_pattern(&in, &v) && imap_take_end(&in));
    assert_view(v, "%/*]");
}

static void test_numbers(void **state)
{
    (void)state;
    uint32_t n;
    uint64_t big;
    struct imap_input in = kit_input("4294967295 9223372036854775807 007");
    assert_true(imap_take_number(&in, &n) && n == UINT32_MAX && imap_take_space(&in));
    assert_true(imap_take_number64(&in, &big) && big == INT64_MAX &&
                imap_take_space(&in));
    assert_true(imap_take_nz_number(&in, &n) && n == 7);
    in = kit_input("4294967296");
    assert_false(imap_take_number(&in, &n));
    in = kit_input("9223372036854775808");
    assert_false(imap_take_number64(&in, &big));
    in = kit_input("0");
    assert_false(imap_take_nz_number(&in, &n));
    in = kit_input("x");
    assert_false(imap_take_number(&in, &n));
}

static void test_flags(void **state)
{
    (void)state;
    struct imap_flags flags;
    struct imap_input in = kit_input("(\\seen $Forwarded \\Draft $forwarded)");
    assert_true(imap_take_flag_list(&in, &flags) && imap_take_end(&in));
    assert_int_equal(flags.bits, IMAP_FLAG_SEEN | IMAP_FLAG_DRAFT);
    assert_int_equal(flags.count, 1);
    assert_view(flags.keywords[0], "$Forwarded");
    in = kit_input("()");
    assert_true(imap_take_flags(&in, &flags) && flags.bits == 0 && flags.count == 0);
    in = kit_input("\\Deleted key");
    assert_true(imap_take_flags(&in, &flags) && imap_take_end(&in));
    assert_int_equal(flags.bits, IMAP_FLAG_DELETED);
    assert_int_equal(flags.count, 1);
    static const char *const bad[] = {"(\\Recent)", "(\\Other)", "(a",
                                      "(a  b)",     "(\\)",      "(a])"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in = kit_input(bad[i]);
        assert_false(imap_take_flags(&in, &flags));
    }
    struct str many = STR_INIT(10000);
    for (int i = 0; i < IMAP_KEYWORDS_MAX + 1; i++)
        str_addf(&many, "%ck%d", i ? ' ' : '(', i);
    str_add_char(&many, ')');
    in = kit_input(str_cstr(&many));
    assert_false(imap_take_flags(&in, &flags));
    str_done(&many);
}

static void test_dates(void **state)
{
    (void)state;
    int32_t day;
    int64_t seconds;
    int offset;
    struct imap_input in = kit_input("1-Feb-1994 \"29-feb-2000\"");
    assert_true(imap_take_date(&in, &day) && day == 8797 && imap_take_space(&in));
    assert_true(imap_take_date(&in, &day) && day == 11016);
    in = kit_input("\"17-Jul-1996 02:44:25 -0700\"");
    assert_true(imap_take_date_time(&in, &seconds, &offset));
    assert_int_equal(seconds, 837596665);
    assert_int_equal(offset, -420);
    in = kit_input("\" 1-Jan-1970 00:00:00 +0000\"");
    assert_true(imap_take_date_time(&in, &seconds, &offset) && seconds == 0);
    static const char *const bad[] = {"30-Feb-1994", "1-Fev-1994",   "1-Feb-94",
                                      "0-Feb-1994",  "\"1-Feb-1994", "1 Feb 1994",
                                      "123-Feb-1994"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in = kit_input(bad[i]);
        assert_false(imap_take_date(&in, &day) && imap_take_end(&in));
    }
    static const char *const bad_times[] = {
        "17-Jul-1996 02:44:25 -0700",     "\"17-Jul-1996 24:44:25 -0700\"",
        "\"17-Jul-1996 02:44:25 0700\"",  "\"17-Jul-1996 02:44 -0700\"",
        "\"17-Jul-1996 02:44:25 -0760\"", "\"17-Jul-1996 02:44:25 -0700"};
    for (size_t i = 0; i < sizeof bad_times / sizeof *bad_times; i++) {
        in = kit_input(bad_times[i]);
        assert_false(imap_take_date_time(&in, &seconds, &offset));
    }
}

static void test_partial(void **state)
{
    (void)state;
    struct imap_partial p;
    static const char *const good[] = {"1:500", "-1:-100"};
    for (size_t i = 0; i < 2; i++) {
        struct imap_input in = kit_input(good[i]);
        struct str out = STR_INIT(100);
        assert_true(imap_take_partial(&in, &p) && imap_take_end(&in));
        assert_int_equal(p.from_end, i == 1);
        assert_true(imap_write_partial(&p, &out));
        assert_string_equal(str_cstr(&out), good[i]);
        str_done(&out);
    }
    static const char *const bad[] = {"1:-5", "-1:5", "0:5", "1", "1:", "*:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct imap_input in = kit_input(bad[i]);
        assert_false(imap_take_partial(&in, &p));
    }
}

static void test_sets(void **state)
{
    (void)state;
    struct imap_set set;
    struct imap_input in = kit_input("1:*,3 (FLAGS)");
    assert_true(imap_take_set(&in, true, &set) && set.count == 2 && imap_take_space(&in));
    in = kit_input("$");
    assert_true(imap_take_set(&in, true, &set) && set.is_saved);
    in = kit_input("1:*");
    assert_false(imap_take_set(&in, false, &set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tag_limit), cmocka_unit_test(test_literal_limits),
        cmocka_unit_test(test_skip),      cmocka_unit_test(test_callback),
        cmocka_unit_test(test_mailboxes), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_flags),     cmocka_unit_test(test_dates),
        cmocka_unit_test(test_partial),   cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
