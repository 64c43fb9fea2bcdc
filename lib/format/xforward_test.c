/* xforward_test - what a filter is told, and in how many commands */
#include "format/xforward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *write(struct view wants, const struct xforward_fact *facts, size_t n)
{
    static struct str out = STR_INIT(4096);
    str_clear(&out);
    assert_true(xforward_write(wants, facts, n, &out));
    return str_cstr(&out);
}

static void test_wanted(void **state)
{
    const struct xforward_fact facts[] = {
        {"NAME", VIEW("unknown")}, {"ADDR", VIEW("192.0.2.7")}, {"HELO", VIEW("a b+c")}};
    (void)state;
    assert_string_equal(write(VIEW("NAME ADDR HELO"), facts, 3),
                        "XFORWARD NAME=[UNAVAILABLE] ADDR=192.0.2.7 HELO=a+20b+2Bc\n");
    assert_string_equal(write(VIEW("helo  PORT\r"), facts, 3),
                        "XFORWARD HELO=a+20b+2Bc\n");
    assert_string_equal(write(VIEW("PORT"), facts, 3), "");
    assert_string_equal(write(VIEW_NONE, facts, 3), "");
}

/* No command is longer than a server must take, whatever a client called itself. */
static void test_long(void **state)
{
    char text[300];
    (void)state;
    memset(text, 'x', sizeof text);
    const struct xforward_fact facts[] = {
        {"NAME", {text, 255}}, {"HELO", {text, 250}}, {"IDENT", {text, 256}}};
    const char *out = write(VIEW("NAME HELO IDENT"), facts, 3);
    const char *second = strchr(out, '\n') + 1;
    assert_int_equal(second - out, strlen("XFORWARD NAME=\n") + 255);
    assert_true(strncmp(second, "XFORWARD HELO=xx", 16) == 0);
    assert_string_equal(strchr(second, 'x') + 250, " IDENT=[UNAVAILABLE]\n");
}

static void test_address(void **state)
{
    struct str out = STR_INIT(100);
    (void)state;
    xforward_address(VIEW("2001:db8::7"), &out);
    assert_string_equal(str_cstr(&out), "IPv6:2001:db8::7");
    xforward_address(VIEW("IPv6:2001:db8::7"), &out);
    assert_string_equal(str_cstr(&out), "IPv6:2001:db8::7");
    xforward_address(VIEW("192.0.2.7"), &out);
    assert_string_equal(str_cstr(&out), "192.0.2.7");
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wanted),
                                       cmocka_unit_test(test_long),
                                       cmocka_unit_test(test_address)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
