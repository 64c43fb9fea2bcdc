/* pop3_test - whole POP3 sessions over memory, on a mailbox in memory */
#include "fake_mailbox.h"
#include "pop3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The whole output of a session with INPUT must be WANT. */
static void expect(const char *input, const char *want, unsigned expunged, unsigned seen)
{
    struct error e = ERROR_INIT;
    struct conf *conf;

    assert_true(conf_load_text("/nowhere", VIEW(""), NULL, 0, &conf, &e));
    for (size_t chunk = 0; chunk < 5; chunk++) {
        unsigned lost = fake_lost;
        fake_mailbox_fill();
        fake_lost = lost;
        struct str out = STR_INIT(100000);
        struct store_session s = {.conf = conf,
                                  .arena = arena_new(),
                                  .protocol = STORE_POP3,
                                  .user = VIEW("jo"),
                                  .stream = stream_open_memory(view_of(input), &out)};
        str_init(&s.summary, 512);
        stream_set_chunk(s.stream, chunk);
        assert_int_equal(pop3_session(&s), SESSION_ENDED);
        assert_int_equal(stream_flush(s.stream), STREAM_OK);
        stream_close(s.stream);
        assert_string_equal(str_cstr(&out), want);
        assert_int_equal(fake_expunged, expunged);
        assert_int_equal(fake_seen, seen);
        str_done(&out);
        str_done(&s.summary);
        arena_free(s.arena);
    }
    fake_lost = 0;
    conf_free(conf);
}

static void test_session(void **state)
{
    (void)state;
    expect(
        "STAT\r\nLIST\r\nLIST 3\r\nUIDL\r\nRETR 1\r\nTOP 3 1\r\nDELE 2\r\nQUIT\r\n",
        "+OK Logged in, 3 messages.\r\n+OK 3 72\r\n"
        "+OK\r\n1 29\r\n2 16\r\n3 27\r\n.\r\n+OK 3 27\r\n"
        "+OK\r\n1 0000000200001234\r\n2 0000000500001234\r\n3 0000000900001234\r\n.\r\n"
        "+OK 29 octets\r\nSubject: one\r\n\r\nhello\r\n..dot\r\n.\r\n"
        "+OK\r\nSubject: three\r\n\r\n1\r\n.\r\n"
        "+OK Marked to be deleted.\r\n+OK Logging out.\r\n",
        2, 1);
}

/* Without QUIT nothing is deleted, RSET takes back, deleted messages are not there. */
static void test_deleting(void **state)
{
    (void)state;
    expect("DELE 1\r\nRETR 1\r\nDELE 1\r\nSTAT\r\nRSET\r\nSTAT\r\nDELE 3\r\n",
           "+OK Logged in, 3 messages.\r\n+OK Marked to be deleted.\r\n"
           "-ERR The message is deleted.\r\n-ERR The message is deleted.\r\n+OK 2 43\r\n"
           "+OK\r\n+OK 3 72\r\n+OK Marked to be deleted.\r\n",
           0, 0);
}

static void test_errors(void **state)
{
    (void)state;
    fake_lost = 4;
    expect("RETR\r\nRETR 0\r\nRETR 4\r\nRETR 99999999999\r\nTOP 1\r\nTOP 1 x\r\nXYZ\r\n"
           "\r\nRETR 3\r\nNOOP\r\nretr 2\r\nQUIT\r\n",
           "+OK Logged in, 3 messages.\r\n"
           "-ERR There is no message with that number.\r\n"
           "-ERR There is no message with that number.\r\n"
           "-ERR There is no message with that number.\r\n"
           "-ERR There is no message with that number.\r\n"
           "-ERR Syntax: TOP message lines\r\n-ERR Syntax: TOP message lines\r\n"
           "-ERR Unknown command.\r\n-ERR Unknown command.\r\n"
           "-ERR The message is gone.\r\n+OK\r\n"
           "+OK\r\nSubject: two\r\n\r\n.\r\n+OK Logging out.\r\n",
           0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_session),
                                       cmocka_unit_test(test_deleting),
                                       cmocka_unit_test(test_errors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
