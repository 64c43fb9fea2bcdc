/* proxy_header_test - both versions of the PROXY protocol */
#include "net/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct proxy_header h;
static char client[NET_ADDRESS_TEXT], server[NET_ADDRESS_TEXT];

/* Read the header from BYTES; what is left is "220". */
static bool receive(struct view bytes)
{
    struct error e = ERROR_INIT;
    struct str input = STR_INIT(4096);
    str_add(&input, bytes);
    str_add(&input, VIEW("HELO x\r\n"));
    struct stream *s = stream_open_memory(str_view(&input), NULL);
    stream_set_chunk(s, 7);
    bool good = proxy_header_receive(s, &h, &e);
    if (good) {
        struct view line;
        int ending;
        assert_int_equal(stream_read_line(s, 100, &line, &ending), STREAM_OK);
        assert_true(view_eq(line, VIEW("HELO x")));
    }
    if (good && !h.is_local) {
        (void)net_address_text(&h.client, client);
        (void)net_address_text(&h.server, server);
    }
    stream_close(s);
    str_done(&input);
    return good;
}

static void version_1(void **state)
{
    (void)state;
    assert_true(receive(VIEW("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n")));
    assert_string_equal(client, "192.0.2.1");
    assert_string_equal(server, "198.51.100.1");
    assert_int_equal(net_address_port(&h.client), 56324);
    assert_int_equal(net_address_port(&h.server), 25);
    assert_true(receive(VIEW("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n")));
    assert_string_equal(client, "2001:db8::1");
    assert_true(receive(VIEW("PROXY UNKNOWN a b c\r\n")));
    assert_true(h.is_local);
    static const char *const bad[] = {
        "PROXY\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
        "PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n",
        "PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
        "EHLO x\r\n",
        "PROXY UNKNOWN "
        "1234567890123456789012345678901234567890123456789012345678901234567890"
        "1234567890123456789012345678901234567890\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(receive(view_of(bad[i])));
}

#define V2(tail) VIEW("\r\n\r\n\0\r\nQUIT\n" tail)

static void version_2(void **state)
{
    (void)state;
    assert_true(
        receive(V2("\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\0\x19")));
    assert_string_equal(client, "192.0.2.1");
    assert_string_equal(server, "198.51.100.1");
    assert_int_equal(net_address_port(&h.client), 0xdc04);
    assert_int_equal(net_address_port(&h.server), 25);
    /* With an extension behind the addresses. */
    assert_true(
        receive(V2("\x21\x11\0\x10\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\0\x19\1\0\1x")));
    assert_true(receive(V2("\x20\0\0\0")));
    assert_true(h.is_local);
    assert_false(
        receive(V2("\x11\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\0\x19")));
    assert_false(receive(V2("\x21\x11\0\x04\xc0\0\x02\x01")));
    assert_false(receive(V2("\x21\x21\0\x04\xc0\0\x02\x01")));
    assert_false(receive(V2("\x21\x11\xff\xff")));
    assert_false(
        receive(V2("\x22\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\0\x19")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1),
        cmocka_unit_test(version_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
