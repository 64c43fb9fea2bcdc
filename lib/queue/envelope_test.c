/* envelope_test - envelope, footer, checksum, queue IDs and the reasons file: round trips
 * and refusals.  S033. */
#include "queue/defer_log.h"
#include "queue/envelope.h"
#include "queue/queue_file.h"
#include "queue/queue_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_view(struct view got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p ? got.p : "", want, got.n);
}

static struct envelope sample(struct arena *a)
{
    struct envelope env = {
        .arrival = INT64_C(1700000000123456),
        .sender = VIEW("sender@example.com"),
        .flags = MESSAGE_8BIT | MESSAGE_DELAY_SENT,
        .ret = DSN_RET_HDRS,
        .envid = VIEW("id+20x"),
        .client_name = VIEW("client.example"),
        .client_address = VIEW("192.0.2.1"),
        .helo_name = VIEW("helo\nname"),
        .log_ident = VIEW("two\nlines"),
        .content_filter = VIEW("smtp:[127.0.0.1]:10025"),
        .message_id = VIEW("<1@x>"),
    };
    env.n_recipients = 3;
    env.recipients = arena_alloc_array(a, 3, sizeof *env.recipients);
    env.recipients[0] = (struct recipient){.address = VIEW("a@example.com"),
                                           .original = VIEW("b@example.com"),
                                           .orcpt = VIEW("rfc822;b@example.com"),
                                           .notify = NOTIFY_SUCCESS | NOTIFY_DELAY};
    env.recipients[1] =
        (struct recipient){.address = VIEW("c@example.com"), .status = RECIPIENT_DONE};
    env.recipients[2] = (struct recipient){.address = VIEW("d")};
    return env;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct envelope env = sample(a), got;
    struct str bytes = STR_INIT(ENVELOPE_MAX_BYTES);
    struct error e = ERROR_INIT;
    assert_true(envelope_write(&env, &bytes));
    assert_true(envelope_parse(a, str_view(&bytes), &got, &e));
    assert_int_equal(got.arrival, env.arrival);
    assert_int_equal(got.flags, env.flags);
    assert_int_equal(got.ret, DSN_RET_HDRS);
    assert_view(got.sender, "sender@example.com");
    assert_view(got.envid, "id+20x");
    assert_view(got.helo_name, "helo\nname");
    assert_view(got.log_ident, "two?lines");
    assert_view(got.content_filter, "smtp:[127.0.0.1]:10025");
    assert_int_equal(got.n_recipients, 3);
    assert_view(got.recipients[0].original, "b@example.com");
    assert_view(got.recipients[0].orcpt, "rfc822;b@example.com");
    assert_int_equal(got.recipients[0].notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
    assert_int_equal(got.recipients[1].status, RECIPIENT_DONE);
    assert_int_equal(got.recipients[2].status, RECIPIENT_PENDING);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(got.recipients[i].offset, env.recipients[i].offset);
        assert_int_equal(bytes.p[got.recipients[i].offset], got.recipients[i].status);
    }
    str_done(&bytes);
    arena_free(a);
}

/* Marking recipients in place leaves the checksum as it is; any other change does not. */
static void test_checksum_and_marks(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct envelope env = sample(a), got;
    struct str bytes = STR_INIT(ENVELOPE_MAX_BYTES);
    struct error e = ERROR_INIT;
    assert_true(envelope_write(&env, &bytes));
    uint32_t before = envelope_checksum(&env, str_view(&bytes), 77);
    env.recipients[2].status = RECIPIENT_DONE;
    env.flags = MESSAGE_8BIT | MESSAGE_FORCED_EXPIRE;
    queue_file_mark(&env, bytes.p, bytes.n);
    assert_true(envelope_parse(a, str_view(&bytes), &got, &e));
    assert_int_equal(got.flags, MESSAGE_8BIT | MESSAGE_FORCED_EXPIRE);
    assert_int_equal(got.recipients[2].status, RECIPIENT_DONE);
    assert_int_equal(envelope_checksum(&got, str_view(&bytes), 77), before);
    assert_int_not_equal(envelope_checksum(&got, str_view(&bytes), 78), before);
    bytes.p[bytes.n - 1] ^= 1;
    assert_int_not_equal(envelope_checksum(&got, str_view(&bytes), 77), before);
    str_done(&bytes);
    arena_free(a);
}

/* A list stays one when its sender was told of it, so that it is never counted. */
static void test_marks_on_lists(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct envelope env = sample(a), got;
    struct str bytes = STR_INIT(ENVELOPE_MAX_BYTES);
    struct error e = ERROR_INIT;
    const uint32_t marks[] = {0, 1, 1};
    env.recipients[0].status = RECIPIENT_PENDING;
    env.recipients[1].status = RECIPIENT_EXPANDED;
    assert_true(envelope_write(&env, &bytes));
    queue_marks_apply(&env, marks, 3);
    queue_file_mark(&env, bytes.p, bytes.n);
    assert_true(envelope_parse(a, str_view(&bytes), &got, &e));
    assert_int_equal(got.recipients[0].status, RECIPIENT_DONE);
    assert_int_equal(got.recipients[1].status, RECIPIENT_REPORTED);
    assert_true(recipient_is_list(got.recipients[1].status));
    str_done(&bytes);
    arena_free(a);
}

/* Every cut and every changed byte is either refused or gives an envelope of the same
 * size. */
static void test_hostile_bytes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct envelope env = sample(a), got;
    struct str bytes = STR_INIT(ENVELOPE_MAX_BYTES);
    struct error e = ERROR_INIT;
    assert_true(envelope_write(&env, &bytes));
    for (size_t n = 0; n < bytes.n; n++) {
        struct view cut = view_sub(str_view(&bytes), 0, n);
        if (envelope_parse(a, cut, &got, &e))
            (void)envelope_checksum(&got, cut, 0);
        arena_reset(a);
    }
    for (size_t i = 0; i < bytes.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            bytes.p[i] ^= (char)(1 << bit);
            if (envelope_parse(a, str_view(&bytes), &got, &e)) {
                (void)envelope_checksum(&got, str_view(&bytes), 0);
                queue_file_mark(&got, bytes.p, bytes.n);
            }
            bytes.p[i] ^= (char)(1 << bit);
            arena_reset(a);
        }
    str_done(&bytes);
    arena_free(a);
}

static void test_refusals(void **state)
{
    (void)state;
    struct str bytes = STR_INIT(ENVELOPE_MAX_BYTES);
    struct envelope none = {.sender = VIEW("x")};
    assert_false(envelope_write(&none, &bytes));
    static char big[ENVELOPE_ADDRESS_MAX + 1];
    memset(big, 'a', sizeof big);
    struct recipient r = {.address = {big, sizeof big}};
    struct envelope env = {.recipients = &r, .n_recipients = 1};
    assert_false(envelope_write(&env, &bytes));
    r.address.n--;
    str_clear(&bytes);
    assert_true(envelope_write(&env, &bytes));
    str_done(&bytes);
}

static void test_footer(void **state)
{
    (void)state;
    char raw[QUEUE_FOOTER_SIZE];
    struct queue_footer f = {4096, 300, 0x12345678, 0x9abcdef0}, got;
    struct error e = ERROR_INIT;
    queue_footer_write(&f, raw);
    assert_true(queue_footer_parse(raw, &got, &e));
    assert_memory_equal(&f, &got, sizeof f);
    for (size_t i = 0; i < sizeof raw; i++) {
        raw[i] ^= 4;
        assert_false(queue_footer_parse(raw, &got, &e));
        raw[i] ^= 4;
    }
}

static void test_crc32c(void **state)
{
    (void)state;
    /* RFC 3720 appendix B.4 */
    char bytes[1000];
    memset(bytes, 0, 32);
    assert_int_equal(queue_checksum(0, (struct view){bytes, 32}), 0x8a9136aau);
    assert_int_equal(queue_checksum(0, VIEW("123456789")), 0xe3069283u);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t n = 0; n < 100; n++) {
        struct view v = {bytes + n % 9, n};
        assert_int_equal(queue_checksum(5, v), queue_checksum_portable(5, v));
    }
    uint32_t parts = queue_checksum(queue_checksum(0, VIEW("1234")), VIEW("56789"));
    assert_int_equal(parts, 0xe3069283u);
}

/* S033: the two forms of queue IDs. */
static void test_queue_id(void **state)
{
    (void)state;
    struct queue_id id, again;
    queue_id_make(&id, false, INT64_C(1700000000000000) + 0xabcde, 0x123456);
    assert_string_equal(id.text, "ABCDE123456");
    assert_true(queue_id_parse(queue_id_view(&id), &again));
    assert_int_equal(queue_id_microseconds(queue_id_view(&id)), 0xabcde);
    queue_id_make(&id, true, INT64_C(1700000000654321), 51);
    assert_true(queue_id_parse(queue_id_view(&id), &again));
    assert_int_equal(queue_id_microseconds(queue_id_view(&id)), 654321);
    assert_int_equal(id.text[10], 'z');
    assert_string_equal(id.text + 11, "10");
    static const char *const bad[] = {"",        "ABC",  "../etc/passwd", "abcdef",
                                      "journal", "lock", "ABCDE-12345",   "4T5Nz"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(queue_id_parse(view_of(bad[i]), &again));
}

static void test_image(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct envelope env = sample(a);
    struct queue_message m = {.content_size = 6}, got;
    struct str image = STR_INIT(1 << 20), tail = STR_INIT(1 << 20);
    struct error e = ERROR_INIT;
    assert_true(envelope_write(&env, &tail));
    m.envelope = env;
    m.envelope_bytes = str_view(&tail);
    m.content_checksum = queue_checksum(0, VIEW("hello\n"));
    str_add(&image, VIEW("hello\n"));
    assert_true(queue_file_tail(&m, &image));
    assert_true(queue_image_parse(a, str_view(&image), true, &got, &e));
    assert_int_equal(got.envelope.n_recipients, 3);
    image.p[0] = 'H';
    assert_false(queue_image_parse(a, str_view(&image), true, &got, &e));
    assert_true(queue_image_parse(a, str_view(&image), false, &got, &e));
    assert_false(queue_image_parse(a, view_from(str_view(&image), 1), false, &got, &e));
    str_done(&image);
    str_done(&tail);
    arena_free(a);
}

/* S105: reasons survive a round trip, line ends in them do no harm. */
static void test_defer_log(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct defer_reason in[2] = {
        {.index = 0,
         .recipient = VIEW("a@b"),
         .status = VIEW("4.4.1"),
         .text = VIEW("connect to x\nindex=7: Connection refused")},
        {.index = 5,
         .recipient = VIEW("c@d"),
         .status = VIEW("4.2.0"),
         .text = VIEW("k=v"),
         .remote_mta = VIEW("mx.example")}};
    struct defer_reason *out;
    struct str text = STR_INIT(10000);
    size_t n;
    assert_true(defer_log_format(in, 2, &text));
    defer_log_parse(str_view(&text), a, &out, &n);
    assert_int_equal(n, 2);
    assert_view(out[0].text, "connect to x index=7: Connection refused");
    assert_view(defer_log_find(out, n, 5)->remote_mta, "mx.example");
    assert_null(defer_log_find(out, n, 1));
    defer_log_parse(VIEW("reason=early\nindex=x\nreason=y\n\nindex=3\nreason=z"), a, &out,
                    &n);
    assert_int_equal(n, 1);
    assert_view(out[0].text, "z");
    str_done(&text);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_checksum_and_marks),
        cmocka_unit_test(test_marks_on_lists), cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_footer),
        cmocka_unit_test(test_crc32c),         cmocka_unit_test(test_queue_id),
        cmocka_unit_test(test_image),          cmocka_unit_test(test_defer_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
