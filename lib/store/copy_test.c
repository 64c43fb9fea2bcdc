/* copy_test - line ends, quoting and reading of content */
#include "store/copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* INPUT through F in pieces of STEP bytes. */
static void filtered(struct copy_filter f, const char *input, size_t step,
                     struct str *out)
{
    struct view in = view_of(input);

    str_clear(out);
    for (; in.n > 0; in = view_from(in, step))
        assert_true(copy_filter_add(&f, view_sub(in, 0, step), out));
    assert_true(copy_filter_end(&f, out));
}

static void check(struct copy_filter f, const char *input, const char *expected)
{
    struct str out = STR_INIT(1000);

    for (size_t step = 1; step <= strlen(input) + 1; step++) {
        filtered(f, input, step, &out);
        assert_string_equal(str_cstr(&out), expected);
    }
    str_done(&out);
}

static struct copy_filter make(struct view line_end, bool from, bool dots, bool blank)
{
    struct copy_filter f;

    copy_filter_init(&f, line_end);
    f.quote_from = from;
    f.stuff_dots = dots;
    f.blank_end = blank;
    return f;
}

static void plain_content_is_unchanged(void **state)
{
    (void)state;
    check(make(VIEW("\n"), false, false, false), "From a\n.\n\nb\n", "From a\n.\n\nb\n");
    check(make(VIEW("\n"), false, false, true), "a", "a\n\n");
    check(make(VIEW("\n"), false, false, false), "", "");
}

/* S235: From_ quoting. */
static void s235_from_lines_are_quoted(void **state)
{
    (void)state;
    struct copy_filter f = make(VIEW("\n"), true, false, true);

    check(f, "From x\na From y\nFrom", ">From x\na From y\nFrom\n\n");
    check(f, "From \nFromage\n>From z\n", ">From \nFromage\n>From z\n\n");
    check(f, "\n\nFro\nF\nFrom here\n", "\n\nFro\nF\n>From here\n\n");
}

static void dots_and_line_ends(void **state)
{
    (void)state;
    check(make(VIEW("\r\n"), false, true, false), ".\n..a\nb.\n\n.",
          "..\r\n...a\r\nb.\r\n\r\n..\r\n");
    check(make(VIEW("\r\n"), true, true, true), "From .\n.From \n",
          ">From .\r\n..From \r\n\r\n");
}

static void content_is_read_from_memory_and_descriptor(void **state)
{
    (void)state;
    int fd = memfd_create("content", MFD_CLOEXEC);
    char buf[10];

    assert_int_equal(write(fd, "0123456789", 10), 10);
    struct copy_source s = {.fd = fd, .size = 8};
    assert_int_equal(copy_source_read(&s, 2, buf, 4), 4);
    assert_memory_equal(buf, "2345", 4);
    assert_int_equal(copy_source_read(&s, 6, buf, 10), 2);
    assert_int_equal(copy_source_read(&s, 8, buf, 10), 0);
    s.memory = VIEW("abcdefgh");
    assert_int_equal(copy_source_read(&s, 6, buf, 10), 2);
    assert_memory_equal(buf, "gh", 2);
    s.memory = VIEW_NONE;
    s.size = 20; /* more than there is: an error, not a short message */
    assert_int_equal(copy_source_read(&s, 10, buf, 10), -1);
    close(fd);
}

static void content_is_sent_whole(void **state)
{
    (void)state;
    int from = memfd_create("from", MFD_CLOEXEC), to = memfd_create("to", MFD_CLOEXEC);
    static char buf[300001];

    for (int i = 0; i < 300000; i += 10)
        assert_int_equal(write(from, "0123456789", 10), 10);
    struct copy_source s = {.fd = from, .size = 300000};
    assert_true(copy_source_send(&s, to));
    assert_int_equal(pread(to, buf, sizeof buf, 0), 300000);
    assert_memory_equal(buf + 299990, "0123456789", 10);
    s.size = 300001;
    assert_false(copy_source_send(&s, to));
    close(from);
    close(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_content_is_unchanged),
        cmocka_unit_test(s235_from_lines_are_quoted),
        cmocka_unit_test(dots_and_line_ends),
        cmocka_unit_test(content_is_read_from_memory_and_descriptor),
        cmocka_unit_test(content_is_sent_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
