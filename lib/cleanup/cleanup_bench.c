/* cleanup_bench - how fast a plain message of the network passes: MB/s and messages/s
 *
 *     cleanup_bench [MEGABYTES]
 */
#include "cleanup/cleanup.h"
#include "cleanup/draft_fake.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"

static const char text[] =
    "compatibility_level = 3.6\nmyhostname = h.example\nmydomain = example\n"
    "inet_interfaces = 127.0.0.1\nmessage_size_limit = 0\n";

static void quiet(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

static void one_message(struct cleanup_setup *s, const char *header, size_t body_lines)
{
    static const struct envelope env = {.rewrite_context = {"remote", 6}, .arrival = 1};
    struct error e = ERROR_INIT;
    struct cleanup *c = cleanup_open(s, draft_open(NULL, NULL), &env, CLEANUP_EXTERNAL);
    cleanup_sender(c, VIEW("sender@example.org"));
    cleanup_recipient(c, VIEW("recipient@example.net"), VIEW_NONE, VIEW_NONE, 0);
    struct view line, rest = view_of(header);
    while (view_has(rest, '\n')) {
        view_cut(rest, '\n', &line, &rest);
        cleanup_line(c, line);
    }
    for (size_t i = 0; i < body_lines; i++)
        cleanup_line(
            c, VIEW("TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBi"
                    "eSB0aGlz"));
    if (cleanup_finish(c, NULL, &e) != CLEANUP_QUEUED)
        log_warning("%s", e.text);
    str_clear(&draft_fake.recipients);
}

static void measure(struct cleanup_setup *s, const char *name, const char *header,
                    size_t body_lines, size_t messages)
{
    draft_fake_reset();
    int64_t begin = clock_mono();
    for (size_t i = 0; i < messages; i++)
        one_message(s, header, body_lines);
    double seconds = (double)(clock_mono() - begin) / 1e6;
    printf("%-10s %8.0f MB/s %9.0f messages/s\n", name,
           (double)draft_fake.written / seconds / 1e6, (double)messages / seconds);
}

#define HEADER                                                                           \
    "Received: from a (b [192.0.2.1])\n\tby h.example (Postfix) with ESMTP id 1\n"       \
    "From: Somebody <sender@example.org>\nTo: recipient@example.net\nSubject: a test\n"  \
    "Message-Id: <1@example.org>\nDate: Sun, 11 May 2003 16:06:57 +0200\nMIME-Version: " \
    "1.0\n"

int main(int argc, char **argv)
{
    uint64_t megabytes = 100;
    struct conf *c;
    struct error e = ERROR_INIT;
    if (argc > 1 && !number_parse_u64(view_of(argv[1]), 1, 100000, &megabytes))
        return 1;
    if (!conf_load_text("/nonexistent", view_of(text), NULL, 0, &c, &e))
        return 1;
    log_set_hook(quiet);
    draft_fake_count_only = true;
    struct rewrite *r = rewrite_new(c);
    struct cleanup_setup *s = cleanup_setup_new(c, r);
    size_t lines = (size_t)megabytes * 1000000 / 77;
    measure(s, "plain", HEADER "\n", lines, 1);
    measure(s, "multipart",
            HEADER
            "Content-Type: multipart/mixed; boundary=\"xyz\"\n\n--xyz\nContent-Type: "
            "text/plain\n\n",
            lines, 1);
    measure(s, "4 KiB", HEADER "\n", 50, (size_t)megabytes * 100);
    cleanup_setup_free(s);
    rewrite_free(r);
    conf_free(c);
    return 0;
}
