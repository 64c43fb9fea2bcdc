/* cleanup_fuzz - hostile content and addresses through the whole filter
 *
 * The first line is the sender, the second the recipient, the rest content.  Every check
 * and map is on.
 */
#include "cleanup/cleanup.h"
#include "cleanup/draft_fake.h"

#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "compatibility_level = 3.6\nmyhostname = h.example.org\nmydomain = example.org\n"
    "inet_interfaces = 127.0.0.1\nrecipient_delimiter = +\n"
    "canonical_maps = inline:{ {a@x.org=b@y.org} {@old.org=@new.org} }\n"
    "masquerade_domains = example.org\nalways_add_missing_headers = yes\n"
    "virtual_alias_maps = inline:{ {l@v.org=a@x.org, \"q r\"@x.org, l@v.org} "
    "{@w.org=@v.org} }\n"
    "recipient_bcc_maps = inline:{@y.org=c}\n"
    "header_checks = regexp:{{/^X-R/ REJECT} {/^X-P/ PREPEND A: b} {/^X-O/ REPLACE From: "
    "z} {/^X-I/ IGNORE}}\n"
    "body_checks = regexp:{{/drop/ IGNORE} {/new/ REPLACE other} {/hold/ HOLD}}\n"
    "message_strip_characters = \\001\nmessage_size_limit = 100000\n";

static void quiet(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *conf;
    static struct cleanup_setup *setup;
    struct view sender, recipient, line, rest = {(const char *)data, size};
    struct error e = ERROR_INIT;
    struct envelope env = {.rewrite_context = VIEW("local"), .arrival = 1};
    if (!conf) {
        log_set_hook(quiet);
        if (!conf_load_text("/nonexistent", view_of(text), NULL, 0, &conf, &e))
            __builtin_trap();
        setup = cleanup_setup_new(conf, rewrite_new(conf));
    }
    draft_fake_reset();
    unsigned flags = CLEANUP_EXTERNAL | (size & 1 ? CLEANUP_EXTRACT : 0u);
    struct cleanup *c = cleanup_open(setup, draft_open(NULL, NULL), &env, flags);
    view_cut(rest, '\n', &sender, &rest);
    view_cut(rest, '\n', &recipient, &rest);
    cleanup_sender(c, sender);
    cleanup_recipient(c, recipient, VIEW_NONE, VIEW_NONE, size & 15);
    cleanup_line(c, VIEW("Received: by h.example.org"));
    cleanup_content_begin(c);
    while (!view_is_empty(rest)) {
        view_cut(rest, '\n', &line, &rest);
        for (; line.n > 64; line = view_from(line, 64))
            cleanup_line_piece(c, view_sub(line, 0, 64), true);
        cleanup_line_piece(c, line, false);
    }
    if (cleanup_finish(c, NULL, &e) == CLEANUP_QUEUED &&
        !view_starts(str_view(&draft_fake.content), VIEW("Received: by h.example.org\n")))
        __builtin_trap();
    return 0;
}
