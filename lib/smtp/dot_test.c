/* dot_test - where messages end, and what cannot end them */
#include "dot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct outcome {
    struct str text; /* lines ended by LF, pieces by "|" */
    size_t used;     /* input bytes up to and with the end */
    bool ended, bare_lf, bare_cr, false_end;
};

static struct outcome read_all(enum dot_mode mode, bool bdat, size_t limit,
                               struct view input, size_t chunk)
{
    struct outcome o = {.text = STR_INIT(100000)};
    struct dot_reader r;
    if (bdat)
        dot_reader_init_bdat(&r, mode, limit);
    else
        dot_reader_init(&r, mode, limit);
    enum dot_status status = DOT_NEED;
    for (size_t at = 0; at < input.n && status != DOT_END; at += chunk) {
        struct view part = view_sub(input, at, chunk);
        size_t given = part.n;
        struct view text;
        while ((status = dot_reader_next(&r, &part, &text)) == DOT_LINE ||
               status == DOT_PART) {
            str_add(&o.text, text);
            str_add_char(&o.text, status == DOT_LINE ? '\n' : '|');
        }
        o.used += given - part.n;
    }
    struct view rest;
    if (bdat && dot_reader_finish(&r, &rest) == DOT_LINE) {
        str_add(&o.text, rest);
        str_add_char(&o.text, '$');
    }
    o.ended = r.ended;
    o.bare_lf = r.seen_bare_lf;
    o.bare_cr = r.seen_bare_cr;
    o.false_end = r.seen_false_end;
    dot_reader_done(&r);
    return o;
}

/* The same outcome for every cut of INPUT: TEXT, and USED bytes (0: no end). */
static void expect(enum dot_mode mode, const char *input, const char *text, size_t used)
{
    for (size_t chunk = 1; chunk <= strlen(input); chunk++) {
        struct outcome o = read_all(mode, false, 64, view_of(input), chunk);
        if (strcmp(str_cstr(&o.text), text) != 0 || o.ended != (used > 0) ||
            (used > 0 && o.used != used))
            fail_msg("chunk %zu, used %zu: %s", chunk, o.used, str_cstr(&o.text));
        str_done(&o.text);
    }
}

/* S021: CRLF.CRLF ends. */
static void test_end(void **state)
{
    expect(DOT_NORMALIZE, ".\r\nQUIT\r\n", "", 3);
    expect(DOT_NORMALIZE, "a\r\n.\r\nQUIT\r\n", "a\n", 6);
    expect(DOT_NORMALIZE, "a\r\n..\r\n.b\r\n...\r\n.\r\n", "a\n.\nb\n..\n", 19);
    expect(DOT_NORMALIZE, "a\r\n\r\nb\r\n", "a\n\nb\n", 0);
    expect(DOT_REJECT, "a\r\n.\r\n", "a\n", 6);
    expect(DOT_NOTE, "a\r\n.\r\n", "a\n", 6);
    expect(DOT_NO, "a\r\n.\r\n", "a\n", 6);
    (void)state;
}

/* None of the known ways to write a half-hearted end may end a message. */
static void test_smuggling(void **state)
{
    static const struct {
        const char *input, *text;
    } rows[] = {
        {"a\n.\nMAIL\r\n.\r\n", "a\n\nMAIL\n"},
        {"a\n.\r\nMAIL\r\n.\r\n", "a\n\nMAIL\n"},
        {"a\r\n.\nMAIL\r\n.\r\n", "a\n\nMAIL\n"},
        {"a\r.\rMAIL\r\n.\r\n", "a\r.\rMAIL\n"},
        {"a\r.\r\nMAIL\r\n.\r\n", "a\r.\nMAIL\n"},
        {"a\r\n.\rMAIL\r\n.\r\n", "a\n\rMAIL\n"},
        {"a\r\n.\r\r\nMAIL\r\n.\r\n", "a\n\r\nMAIL\n"},
        {"a\r\r\n.\r\r\nMAIL\r\n.\r\n", "a\r\n\r\nMAIL\n"},
        {"a\n\r.\r\nMAIL\r\n.\r\n", "a\n\r.\nMAIL\n"},
        {"a\r\n .\r\nMAIL\r\n.\r\n", "a\n .\nMAIL\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect(DOT_NORMALIZE, rows[i].input, rows[i].text, strlen(rows[i].input));
        expect(DOT_REJECT, rows[i].input, rows[i].text, strlen(rows[i].input));
    }
    /* A NUL is content like any other byte. */
    struct outcome o = read_all(DOT_NORMALIZE, false, 64,
                                (struct view){"a\r\n.\0\r\nb\r\n.\r\n", 13}, 100);
    assert_int_equal(o.used, 13);
    str_done(&o.text);
    (void)state;
}

static void test_old_laxity(void **state)
{
    expect(DOT_NO, "a\n.\nMAIL", "a\n", 4);
    expect(DOT_NO, "a\r\n.\nMAIL", "a\n", 5);
    expect(DOT_NO, "a\n.\r\nMAIL", "a\n", 5);
    expect(DOT_NO, "a\r\n.\r\r\nb\r\n.\r\n", "a\n\r\nb\n", 13);
    (void)state;
}

static void test_marks(void **state)
{
    struct outcome o = read_all(DOT_REJECT, false, 64, VIEW("a\nb\r\n.\r\n"), 3);
    assert_true(o.bare_lf && !o.bare_cr && !o.false_end);
    str_done(&o.text);
    o = read_all(DOT_NORMALIZE, false, 64, VIEW("a\rb\r\n.\n.\r\nx\r\n.\r\n"), 3);
    assert_true(o.bare_lf && o.bare_cr && o.false_end && o.ended);
    str_done(&o.text);
    o = read_all(DOT_REJECT, false, 64, VIEW("a\r\n.\r\n"), 3);
    assert_false(o.bare_lf || o.bare_cr || o.false_end);
    str_done(&o.text);
    struct dot_reader r;
    dot_reader_init(&r, DOT_REJECT, 64);
    struct view in = VIEW("a\n");
    struct view text;
    assert_int_equal(dot_reader_next(&r, &in, &text), DOT_LINE);
    assert_true(dot_reader_must_reject(&r));
    dot_reader_done(&r);
    (void)state;
}

/* Lines over the limit come in pieces, cut alike whatever the input's cut, and a
 * CRLF is never torn. */
static void test_line_limit(void **state)
{
    for (size_t length = 60; length < 135; length++) {
        struct str input = STR_INIT(400);
        struct str want = STR_INIT(400);
        for (size_t i = 0; i < length; i++)
            str_add_char(&input, (char)('a' + i % 26));
        str_add_cstr(&input, "\r\n.\r\n");
        for (size_t i = 0; i < length; i++) {
            str_add_char(&want, (char)('a' + i % 26));
            if (i % 64 == 63 && i + 1 < length)
                str_add_char(&want, '|');
        }
        for (size_t chunk = 1; chunk < 70; chunk += 3) {
            struct outcome o =
                read_all(DOT_NORMALIZE, false, 64, str_view(&input), chunk);
            assert_true(o.ended && !o.bare_lf && !o.bare_cr);
            struct view got = str_view(&o.text);
            got.n--; /* the last LF */
            /* The cut may come one byte early where a CR is near; the bytes count. */
            struct str joined = STR_INIT(400);
            struct str plain = STR_INIT(400);
            for (size_t i = 0; i < got.n; i++)
                if (got.p[i] != '|')
                    str_add_char(&joined, got.p[i]);
            for (size_t i = 0; i < want.n; i++)
                if (want.p[i] != '|')
                    str_add_char(&plain, want.p[i]);
            assert_true(view_eq(str_view(&joined), str_view(&plain)));
            str_done(&joined);
            str_done(&plain);
            str_done(&o.text);
        }
        str_done(&input);
        str_done(&want);
    }
    (void)state;
}

/* A dot in the middle of a long line, where a piece begins, is not stuffing. */
static void test_dot_after_part(void **state)
{
    struct str input = STR_INIT(400);
    for (int i = 0; i < 64; i++)
        str_add_char(&input, 'a');
    str_add_cstr(&input, ".\r\n.\r\n");
    for (size_t chunk = 1; chunk < input.n; chunk++) {
        struct outcome o = read_all(DOT_NORMALIZE, false, 64, str_view(&input), chunk);
        assert_true(o.ended);
        assert_true(view_ends(str_view(&o.text), VIEW("a|.\n")));
        assert_int_equal(o.used, input.n);
        str_done(&o.text);
    }
    str_done(&input);
    (void)state;
}

static void expect_bdat(const char *input, const char *text)
{
    for (size_t chunk = 1; chunk <= strlen(input) + 1; chunk++) {
        struct outcome o = read_all(DOT_NORMALIZE, true, 64, view_of(input), chunk);
        assert_string_equal(str_cstr(&o.text), text);
        str_done(&o.text);
    }
}

static void test_bdat(void **state)
{
    expect_bdat("a\r\n.\r\n..b\nc", "a\n.\n..b\nc$");
    expect_bdat("a\r\n", "a\n");
    expect_bdat("a\r", "a\r$");
    expect_bdat("", "");
    (void)state;
}

static void expect_written(bool stuff, size_t limit, const char *text, const char *want)
{
    for (size_t chunk = 1; chunk <= strlen(text) + 1; chunk++) {
        struct str out = STR_INIT(1000);
        struct dot_writer w;
        dot_writer_init(&w, stuff, limit);
        w.replace_cr = true;
        for (size_t at = 0; at < strlen(text); at += chunk)
            assert_true(dot_writer_feed(&w, view_sub(view_of(text), at, chunk), &out));
        assert_true(dot_writer_end(&w, &out));
        assert_string_equal(str_cstr(&out), want);
        str_done(&out);
    }
}

static void test_writer(void **state)
{
    expect_written(true, 0, "", ".\r\n");
    expect_written(true, 0, "a\n.\n..b\nc", "a\r\n..\r\n...b\r\nc\r\n.\r\n");
    expect_written(false, 0, "a\n.\nb", "a\r\n.\r\nb\r\n");
    expect_written(true, 10, "12345678901234567890\n.\n",
                   "1234567890\r\n 123456789\r\n 0\r\n..\r\n.\r\n");
    expect_written(true, 10, "1234567890\nx\n", "1234567890\r\nx\r\n.\r\n");
    expect_written(true, 0, "a\r.\rb\n", "a . b\r\n.\r\n");
    (void)state;
}

/* What is written reads back, dots and all. */
static void test_round_trip(void **state)
{
    const char *text = ".\n..\n\n.a\nb.\n...\n";
    struct str wire = STR_INIT(1000);
    struct dot_writer w;
    dot_writer_init(&w, true, 998);
    assert_true(dot_writer_feed(&w, view_of(text), &wire) && dot_writer_end(&w, &wire));
    struct outcome o = read_all(DOT_REJECT, false, 64, str_view(&wire), 5);
    assert_string_equal(str_cstr(&o.text), text);
    assert_int_equal(o.used, wire.n);
    str_done(&o.text);
    str_done(&wire);
    (void)state;
}

static void test_mode_names(void **state)
{
    enum dot_mode mode;
    assert_true(dot_mode_parse(VIEW("yes"), &mode) && mode == DOT_NORMALIZE);
    assert_true(dot_mode_parse(VIEW("Reject"), &mode) && mode == DOT_REJECT);
    assert_true(dot_mode_parse(VIEW("no"), &mode) && mode == DOT_NO);
    assert_true(dot_mode_parse(VIEW("note"), &mode) && mode == DOT_NOTE);
    assert_false(dot_mode_parse(VIEW("maybe"), &mode));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end),        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_old_laxity), cmocka_unit_test(test_marks),
        cmocka_unit_test(test_line_limit), cmocka_unit_test(test_dot_after_part),
        cmocka_unit_test(test_bdat),       cmocka_unit_test(test_writer),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_mode_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
