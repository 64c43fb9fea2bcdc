/* entry_test - entries of the cache, their life and their renewal; senders of probes */
#include "entry.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct entry_times times = {.positive_refresh = 700,
                                         .positive_expire = 3100,
                                         .negative_refresh = 300,
                                         .negative_expire = 2000};

static void round_trip(void **state)
{
    (void)state;
    struct str text = STR_INIT(1024);
    const struct entry in = {VERIFY_UNDELIVERABLE, 0, 1700000000,
                             VIEW("host a said: 550: no")};
    struct entry out;
    entry_write(&in, &text);
    assert_string_equal(str_cstr(&text), "2:0:1700000000:host a said: 550: no");
    assert_true(entry_parse(str_view(&text), &out));
    assert_int_equal(out.verdict, in.verdict);
    assert_int_equal(out.updated, in.updated);
    assert_true(view_eq(out.text, in.text));
    str_done(&text);
    static const char *const bad[] = {
        "", "0", "0:1", "0:1:2", "4:1:1:x", "x:1:1:x", "0:-1:1:x", "0:0:0:x", "0:1::x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(entry_parse(view_of(bad[i]), &out));
}

static void lives(void **state)
{
    (void)state;
    int64_t now = 1000000;
    struct entry good = {VERIFY_DELIVERABLE, 0, now - 699, VIEW("")};
    assert_false(entry_wants_probe(&good, &times, now));
    good.updated = now - 701;
    assert_true(entry_wants_probe(&good, &times, now));
    assert_false(entry_is_expired(&good, &times, now));
    good.probed = now - 10; /* under way */
    assert_false(entry_wants_probe(&good, &times, now));
    good = (struct entry){VERIFY_DELIVERABLE, 0, now - 3101, VIEW("")};
    assert_true(entry_is_expired(&good, &times, now));
    struct entry bad = {VERIFY_UNDELIVERABLE, 0, now - 301, VIEW("")};
    assert_true(entry_wants_probe(&bad, &times, now));
    assert_false(entry_is_expired(&bad, &times, now));
    bad.updated = now - 2001;
    assert_true(entry_is_expired(&bad, &times, now));
    struct entry unknown = {VERIFY_UNKNOWN, 0, 0, VIEW("")};
    assert_true(entry_wants_probe(&unknown, &times, now));
    unknown.probed = now - 999;
    assert_false(entry_wants_probe(&unknown, &times, now));
    assert_false(entry_is_expired(&unknown, &times, now));
}

static void senders(void **state)
{
    (void)state;
    struct conf *c;
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    int64_t now = 1700000000 * CLOCK_SECOND, hour = 3600 * CLOCK_SECOND;
    assert_true(conf_load_text("/", VIEW("myorigin = a.example\n"), NULL, 0, &c, &e));
    assert_true(view_eq(verify_sender(c, now, a), VIEW("double-bounce@a.example")));
    assert_true(verify_sender_is(c, VIEW("Double-Bounce@a.example"), now));
    assert_false(verify_sender_is(c, VIEW("double-bounceX@a.example"), now));
    conf_free(c);
    assert_true(conf_load_text("/",
                               VIEW("address_verify_sender = probe@b.example\n"
                                    "address_verify_sender_ttl = 1h\n"),
                               NULL, 0, &c, &e));
    struct view sender = verify_sender(c, now, a);
    assert_true(view_starts(sender, VIEW("probe")) && sender.n > 15);
    assert_true(verify_sender_is(c, sender, now + hour));
    assert_false(verify_sender_is(c, sender, now + 2 * hour));
    assert_false(verify_sender_is(c, VIEW("probe@b.example"), now));
    conf_free(c);
    assert_true(
        conf_load_text("/", VIEW("address_verify_sender = <>\n"), NULL, 0, &c, &e));
    assert_true(view_is_empty(verify_sender(c, now, a)));
    assert_false(verify_sender_is(c, VIEW(""), now));
    conf_free(c);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(lives),
        cmocka_unit_test(senders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
