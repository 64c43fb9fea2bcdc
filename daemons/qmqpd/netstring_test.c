/* netstring_test - netstrings, whole and broken */
#include "netstring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct str got;

static enum netstring_result read_text(const char *text, uint64_t *taken)
{
    struct stream *s = stream_open_memory(view_of(text), NULL);
    stream_set_chunk(s, 2);
    str_done(&got);
    str_init(&got, 10);
    enum netstring_result result = netstring_read(s, &got, taken);
    stream_close(s);
    return result;
}

static void netstrings(void **state)
{
    uint64_t taken;
    (void)state;
    assert_int_equal(read_text("5:hello,", &taken), NETSTRING_OK);
    assert_string_equal(str_cstr(&got), "hello");
    assert_int_equal(taken, 8);
    assert_int_equal(read_text("0:,", &taken), NETSTRING_OK);
    assert_int_equal(taken, 3);
    assert_int_equal(read_text("10:0123456789,", &taken), NETSTRING_OK);
    assert_int_equal(taken, 14);
    assert_int_equal(read_text("11:01234567890,", &taken), NETSTRING_TOO_LONG);
    assert_int_equal(read_text("99999999999999999999999:", &taken), NETSTRING_TOO_LONG);
    assert_int_equal(read_text("05:hello,", &taken), NETSTRING_SYNTAX);
    assert_int_equal(read_text(":,", &taken), NETSTRING_SYNTAX);
    assert_int_equal(read_text("-1:,", &taken), NETSTRING_SYNTAX);
    assert_int_equal(read_text("2:abc", &taken), NETSTRING_SYNTAX);
    assert_int_equal(read_text("5:hel", &taken), NETSTRING_LOST);
    assert_int_equal(read_text("", &taken), NETSTRING_LOST);
    str_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(netstrings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
