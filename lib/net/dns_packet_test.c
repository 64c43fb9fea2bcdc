/* dns_packet_test - answers, good and hostile */
#include "net/dns_packet.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ASSERT_VIEW(v, text) assert_true(view_eq((v), view_of(text)))

/* 1 question, 2 answers (MX with compression, CNAME), 1 additional (A). */
#define QUESTION "\7Example\3com\0\0\17\0\1"
#define HEADER(flags, answers, additional)                                               \
    "\0\1" flags "\0\1\0" answers "\0\0\0" additional
#define MX_RECORD    "\300\14\0\17\0\1\0\0\0\74\0\7\0\12\2MX\300\14"
#define A_RECORD     "\2mx\300\14\0\1\0\1\0\0\0\74\0\4\177\0\0\2"
#define CNAME_RECORD "\1a\300\24\0\5\0\1\0\0\0\74\0\4\1b\300\24"
#define TXT_RECORD   "\300\14\0\20\0\1\0\0\0\74\0\7\2ab\3cd\0"
#define OPT_RECORD   "\0\0\51\20\0\0\0\0\0\0\0"

static bool parse(struct arena *a, struct view packet, struct dns_packet *out)
{
    return dns_packet_parse(a, packet, out);
}

static void test_good(void **state)
{
    const struct view packet =
        VIEW(HEADER("\204\0", "\3", "\2")
                 QUESTION MX_RECORD CNAME_RECORD TXT_RECORD A_RECORD OPT_RECORD);
    struct arena *a = arena_new();
    struct dns_packet p;
    struct view canonical;
    char buf[NET_ADDRESS_TEXT];
    size_t at = 0;

    (void)state;
    assert_true(parse(a, packet, &p));
    assert_int_equal(p.n, 4);
    assert_int_equal(p.rcode, DNS_RCODE_OK);
    const struct dns_record *r =
        dns_packet_next(&p, &at, DNS_SECTION_ANSWER, DNS_TYPE_MX, VIEW("example.com"));
    assert_non_null(r);
    assert_int_equal(r->preference, 10);
    assert_int_equal(r->ttl, 60);
    ASSERT_VIEW(r->target, "mx.example.com");
    assert_null(
        dns_packet_next(&p, &at, DNS_SECTION_ANSWER, DNS_TYPE_MX, VIEW("example.com")));
    at = 0;
    r = dns_packet_next(&p, &at, DNS_SECTION_ADDITIONAL, DNS_TYPE_A,
                        VIEW("mx.example.com"));
    assert_non_null(r);
    assert_string_equal(net_address_text(&r->address, buf), "127.0.0.2");
    at = 0;
    r = dns_packet_next(&p, &at, DNS_SECTION_ANSWER, DNS_TYPE_TXT, VIEW("example.com"));
    assert_non_null(r);
    assert_true(view_eq(r->text, VIEW("abcd\0")));
    assert_true(dns_packet_canonical(&p, VIEW("a.com"), &canonical));
    ASSERT_VIEW(canonical, "b.com");
    arena_free(a);
}

/* Every shorter packet is malformed, and none reads beyond its end. */
static void test_cut(void **state)
{
    const struct view packet = VIEW(
        HEADER("\204\0", "\3", "\1") QUESTION MX_RECORD CNAME_RECORD TXT_RECORD A_RECORD);
    struct arena *a = arena_new();
    struct dns_packet p;

    (void)state;
    for (size_t n = 0; n < packet.n; n++) {
        struct view cut = arena_dup(a, view_sub(packet, 0, n));
        assert_false(parse(a, cut, &p));
    }
    assert_true(parse(a, packet, &p));
    arena_free(a);
}

/* An answer of one record to the question. */
#define ONE(record) VIEW(HEADER("\204\0", "\1", "\0") QUESTION record)

static void test_hostile(void **state)
{
    const struct {
        const char *what;
        struct view packet;
    } bad[] = {
        {"a question", VIEW(HEADER("\4\0", "\0", "\0") QUESTION)},
        {"pointer to itself", ONE("\300\35\0\1\0\1\0\0\0\0\0\4abcd")},
        {"pointer forward", ONE("\300\60\0\1\0\1\0\0\0\0\0\4abcd\0\0\0\0\0\0\0")},
        {"address of 3 bytes", ONE("\300\14\0\1\0\1\0\0\0\0\0\3abc")},
        {"address of 5 bytes", ONE("\300\14\0\1\0\1\0\0\0\0\0\5abcde")},
        {"reserved label", ONE("\100a\0\0\1\0\1\0\0\0\0\0\4abcd")},
        {"name beyond its record", ONE("\300\14\0\17\0\1\0\0\0\0\0\3\0\12\1a\0")},
        {"string beyond its record", ONE("\300\14\0\20\0\1\0\0\0\0\0\2\4abcd")},
        {"too many records", VIEW("\0\1\204\0\0\0\0\377\377\377\377\377\377")},
        {"two questions", VIEW("\0\1\204\0\0\2\0\0\0\0\0\0\0\0\1\0\1\0\0\1\0\1")},
    };
    struct arena *a = arena_new();
    struct dns_packet p;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(a, bad[i].packet, &p))
            fail_msg("accepted: %s", bad[i].what);
    }
    assert_true(parse(a, ONE("\300\14\0\1\0\1\0\0\0\0\0\4abcd"), &p));
    assert_true(parse(a, VIEW("\0\1\204\3\0\0\0\0\0\0\0\0"), &p));
    assert_int_equal(p.rcode, DNS_RCODE_NXDOMAIN);
    arena_free(a);
}

/* COUNT records, each owned by a label of 50 letters before the name of the one before.
 */
static bool parse_long_names(struct arena *a, unsigned count)
{
    struct str s = STR_INIT(4096);
    struct dns_packet p;
    size_t before = 0;

    str_add(&s, VIEW("\0\1\204\0\0\0\0"));
    str_addf(&s, "%c%c%c%c%c", (int)count, 0, 0, 0, 0);
    for (unsigned i = 0; i < count; i++) {
        size_t start = s.n;
        str_add(&s, VIEW("\62aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
        if (i == 0)
            str_add_char(&s, '\0');
        else
            str_add(&s, (struct view){(const char[]){(char)0xc0, (char)before}, 2});
        str_add(&s, VIEW("\0\1\0\1\0\0\0\0\0\4abcd"));
        before = start;
    }
    bool ok = parse(a, str_view(&s), &p);
    if (ok)
        assert_int_equal(p.records[count - 1].owner.n, count * 51 - 1);
    str_done(&s);
    return ok;
}

static void test_long_name(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    assert_true(parse_long_names(a, 4));
    assert_false(parse_long_names(a, 5)); /* 256 bytes on the wire */
    arena_free(a);
}

static void test_escapes_and_loops(void **state)
{
    struct arena *a = arena_new();
    struct dns_packet p;
    struct view canonical;

    (void)state;
    assert_true(
        parse(a, VIEW("\0\1\204\0\0\0\0\1\0\0\0\0\3A.\377\0\0\2\0\1\0\0\0\0\0\1\0"), &p));
    ASSERT_VIEW(p.records[0].owner, "a\\046\\255");
    ASSERT_VIEW(p.records[0].target, "");
    assert_true(
        parse(a,
              VIEW("\0\1\204\0\0\0\0\2\0\0\0\0"
                   "\1a\0\0\5\0\1\0\0\0\0\0\3\1b\0\1b\0\0\5\0\1\0\0\0\0\0\3\1a\0"),
              &p));
    assert_false(dns_packet_canonical(&p, VIEW("a"), &canonical));
    assert_true(dns_packet_canonical(&p, VIEW("c"), &canonical));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_escapes_and_loops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
