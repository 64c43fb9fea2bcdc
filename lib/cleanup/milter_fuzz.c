/* milter_fuzz - whatever two milters say of a message, it stays one
 *
 * A packet of their answers is written as its letter, the length of its data (one byte),
 * and the data; letter 0 ends the first milter's part, and letter 1 is followed by bytes
 * that go over as they are.  Both agree on the protocol first, with everything allowed.
 */
#include "cleanup/cleanup.h"
#include "cleanup/draft_fake.h"
#include "milter/milter_private.h"

#include "base/log.h"

#define SCRIPT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "compatibility_level = 3.6\nmyhostname = h.example.org\nmydomain = example.org\n"
    "inet_interfaces = 127.0.0.1\nmessage_size_limit = 100000\n"
    "smtpd_milters = inet:127.0.0.1:1, { inet:127.0.0.1:2, default_action=quarantine }\n"
    "milter_header_checks = regexp:{{/^X-R/ REJECT} {/^X-I/ IGNORE}}\n";

static void quiet(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

static void add_packet(struct str *script, char letter, struct view data)
{
    packet_add_u32(script, (uint32_t)data.n + 1);
    str_add_char(script, letter);
    str_add(script, data);
}

/* The next part of *REST as what one milter says. */
static void write_script(struct view *rest, struct str *script)
{
    add_packet(script, 'O', VIEW("\0\0\0\6\0\0\1\xff\0\0\0\0"));
    while (rest->n >= 2 && rest->p[0] != '\0') {
        char letter = rest->p[0];
        struct view piece = view_sub(*rest, 2, (unsigned char)rest->p[1]);
        *rest = view_from(*rest, 2 + piece.n);
        if (letter == 1)
            str_add(script, piece);
        else
            add_packet(script, letter, piece);
    }
    *rest = view_from(*rest, 1);
}

static bool macro(void *context, struct view name, struct str *value)
{
    (void)context, (void)name, (void)value;
    return false;
}

/* The session before the content, for as long as nobody refuses. */
static bool go_on(struct milters *m)
{
    struct view word = VIEW("<a@x.org>");
    return milters_helo(m, VIEW("h")).verdict == MILTER_CONTINUE &&
           milters_mail(m, &word, 1).verdict == MILTER_CONTINUE &&
           milters_rcpt(m, &word, 1, false).verdict == MILTER_CONTINUE &&
           milters_data(m).verdict == MILTER_CONTINUE;
}

static void show(struct cleanup_setup *setup, struct milters *m)
{
    struct error e = ERROR_INIT;
    struct str reply = STR_INIT(8192);
    struct envelope env = {.rewrite_context = VIEW("local"), .arrival = 1};
    struct cleanup *c =
        cleanup_open(setup, draft_open(NULL, NULL), &env, CLEANUP_EXTERNAL);
    cleanup_sender(c, VIEW("a@x.org"));
    cleanup_recipient(c, VIEW("b@x.org"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_line(c, VIEW("Received: by h.example.org"));
    cleanup_content_begin(c);
    cleanup_line(c, VIEW("From: a@x.org"));
    cleanup_line(c, VIEW("Subject: x"));
    cleanup_line(c, VIEW(""));
    cleanup_line(c, VIEW("hello"));
    cleanup_set_milters(c, m, &reply);
    enum cleanup_verdict verdict = cleanup_finish(c, NULL, &e);
    struct view content = str_view(&draft_fake.content);
    if (verdict == CLEANUP_QUEUED &&
        (view_find_view(content, VIEW("\n\n")) == VIEW_NPOS ||
         content.p[content.n - 1] != '\n'))
        __builtin_trap();
    str_done(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *conf;
    static struct cleanup_setup *setup;
    static struct milter_list *list;
    struct view rest = {(const char *)data, size};
    struct error e = ERROR_INIT;
    struct str scripts[2] = {STR_INIT(SCRIPT_MAX), STR_INIT(SCRIPT_MAX)};
    if (!conf) {
        log_set_hook(quiet);
        if (!conf_load_text("/nonexistent", view_of(text), NULL, 0, &conf, &e))
            __builtin_trap();
        setup = cleanup_setup_new(conf, rewrite_new(conf));
        list = milter_list_new(conf, conf_view(conf, P_smtpd_milters), &e);
    }
    draft_fake_reset();
    struct milters *m = milters_new(list, macro, NULL);
    struct client *c = m->first;
    for (size_t i = 0; i < 2; i++, c = c->next) {
        write_script(&rest, &scripts[i]);
        client_start(c, stream_open_memory(str_view(&scripts[i]), NULL));
    }
    if (go_on(m))
        show(setup, m);
    milters_abort(m);
    milters_free(m);
    str_done(&scripts[0]);
    str_done(&scripts[1]);
    return 0;
}
