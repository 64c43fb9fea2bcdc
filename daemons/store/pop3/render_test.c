/* render_test - messages as they go over the wire, and unique ids */
#include "pop3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* TEXT in pieces that fit LIMIT bytes. */
static void expect(struct view text, const uint64_t *lines, struct view want,
                   size_t limit)
{
    struct render r;
    struct str piece = STR_INIT(limit), all = STR_INIT(100000);

    render_init(&r, text, lines);
    for (;;) {
        str_clear(&piece);
        if (!render_next(&r, &piece))
            break;
        assert_false(piece.overflow);
        str_add(&all, str_view(&piece));
    }
    if (!view_eq(str_view(&all), want))
        fail_msg("limit %zu: \"%s\"", limit, str_cstr(&all));
    str_done(&piece);
    str_done(&all);
}

static void expect_all(struct view text, const uint64_t *lines, struct view want)
{
    for (size_t limit = 10; limit < 80; limit++)
        expect(text, lines, want, limit);
    expect(text, lines, want, 50000);
}

static void test_whole(void **state)
{
    (void)state;
    expect_all(VIEW(""), NULL, VIEW(""));
    expect_all(VIEW("A: b\n\nhello\n"), NULL, VIEW("A: b\r\n\r\nhello\r\n"));
    expect_all(VIEW("\n.\n..\n.x\n"), NULL, VIEW("\r\n..\r\n...\r\n..x\r\n"));
    expect_all(VIEW("no end"), NULL, VIEW("no end\r\n"));
    expect_all(VIEW("a\r\nb\rc\r\n"), NULL, VIEW("a\r\nb\rc\r\n"));
    expect_all(VIEW("nul\0nul\n"), NULL, VIEW("nul\0nul\r\n"));
    expect_all(
        VIEW("a.long.line.with.dots.that.is.cut.into.pieces.of.many.sizes\n.\n"), NULL,
        VIEW("a.long.line.with.dots.that.is.cut.into.pieces.of.many.sizes\r\n..\r\n"));
}

static void test_top(void **state)
{
    static const uint64_t none = 0, one = 1, many = 100;
    struct view text = VIEW("A: b\nC: d\n\none\n.two\nthree\n");

    (void)state;
    expect_all(text, &none, VIEW("A: b\r\nC: d\r\n\r\n"));
    expect_all(text, &one, VIEW("A: b\r\nC: d\r\n\r\none\r\n"));
    expect_all(text, &many, VIEW("A: b\r\nC: d\r\n\r\none\r\n..two\r\nthree\r\n"));
    expect_all(VIEW("A: b"), &one, VIEW("A: b\r\n"));
    expect_all(VIEW("A: b\n\nend"), &one, VIEW("A: b\r\n\r\nend\r\n"));
}

static void expect_uidl(const char *format, const char *want)
{
    struct str out = STR_INIT(1000);
    struct error e = ERROR_INIT;

    assert_true(uidl_check(view_of(format), &e));
    uidl_format(view_of(format), 255, 0x4567abcd, &out);
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_uidl(void **state)
{
    static const char *const bad[] = {"", "%v", "abc", "%", "%0", "%X", "%f%u", "%99u"};
    struct error e = ERROR_INIT;

    (void)state;
    expect_uidl("%08Xu%08Xv", "000000ff4567abcd");
    expect_uidl("%v.%u", "1164422093.255");
    expect_uidl("%u-%Xv%%", "255-4567abcd%");
    expect_uidl("UID%u", "UID255");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(uidl_check(view_of(bad[i]), &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole),
                                       cmocka_unit_test(test_top),
                                       cmocka_unit_test(test_uidl)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
