/* dialogue_fuzz - command lines from clients, replies from servers */
#include "command.h"
#include "ehlo.h"
#include "reply.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_command(struct view line)
{
    struct smtp_command c;
    struct view path, rest;
    struct smtp_parameter p;
    if (!smtp_command_split(line, &c))
        return;
    assert(c.verb.n > 0 && !view_has(c.verb, ' '));
    for (int strict = 0; strict < 2; strict++) {
        if (smtp_path_split(c.args, VIEW("FROM"), strict, &path, &rest) != SMTP_PATH_OK)
            continue;
        assert(path.n > 0 && path.n + rest.n <= c.args.n);
        while (smtp_parameter_next(&rest, strict, &p) != SMTP_PARAMETER_END)
            assert(p.name.n + p.value.n <= c.args.n);
    }
}

/* Whatever the text, what we send is one reply of CRLF lines. */
static void check_write(struct view text)
{
    struct str out = STR_INIT(1 << 20);
    struct smtp_reply r;
    smtp_reply_init(&r);
    assert(smtp_reply_write(&out, 550, "5.7.1", text));
    struct view rest = str_view(&out);
    enum smtp_reply_state state = SMTP_REPLY_MORE;
    while (rest.n > 0 && state == SMTP_REPLY_MORE) {
        struct view line;
        assert(view_cut(rest, '\n', &line, &rest) && line.n < 512);
        state = smtp_reply_line(&r, line);
    }
    assert(state == SMTP_REPLY_TOO_LONG || (state == SMTP_REPLY_DONE && rest.n == 0));
    assert(state == SMTP_REPLY_TOO_LONG || (r.code == 550 && !r.garbage));
    str_clear(&out);
    assert(smtp_reply_write_full(&out, text));
    smtp_reply_done(&r);
    str_done(&out);
}

static void check_read(struct view text)
{
    struct smtp_reply r;
    struct ehlo_reply e;
    struct str said = STR_INIT(20000);
    smtp_reply_init(&r);
    bool more = true;
    while (more) {
        struct view line;
        more = view_cut(text, '\n', &line, &text);
        if (smtp_reply_line(&r, line) != SMTP_REPLY_MORE)
            more = false;
    }
    assert(smtp_reply_said(&r, VIEW("h[1.2.3.4]"), VIEW("DATA"), &said));
    assert(!view_has(str_view(&said), '\n') && !view_has(str_view(&said), '\r'));
    ehlo_reply_parse(str_view(&r.text), &e);
    smtp_reply_done(&r);
    str_done(&said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = {(const char *)data, size > 20000 ? 20000 : size};
    check_command(v);
    check_write(v);
    check_read(v);
    ehlo_discard_parse(v, NULL);
    return 0;
}
