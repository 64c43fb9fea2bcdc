/* pop3_fuzz - a POP3 session against whatever a client says, on any messages
 *
 * First byte: size of the pieces; second: how many bytes of the rest are message 1; then
 * the message, and what the client says.
 */
#include "fake_mailbox.h"
#include "pop3.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *conf;
    struct error e = ERROR_INIT;

    if (!conf && !conf_load_text("/nowhere", VIEW(""), NULL, 0, &conf, &e))
        return 0;
    if (size < 2 || size > 20000 || (size_t)data[1] + 2 > size)
        return 0;
    struct view message = {(const char *)data + 2, data[1]};
    struct view input = {message.p + message.n, size - 2 - message.n};
    struct str out = STR_INIT(4 << 20);
    fake_mailbox_fill();
    fake_texts[0] = message;
    struct store_session s = {.conf = conf,
                              .arena = arena_new(),
                              .protocol = STORE_POP3,
                              .user = VIEW("jo"),
                              .stream = stream_open_memory(input, &out)};
    str_init(&s.summary, 512);
    stream_set_chunk(s.stream, data[0] % 64);
    assert(pop3_session(&s) == SESSION_ENDED);
    (void)(stream_flush(s.stream) == STREAM_OK);
    stream_close(s.stream);
    assert(out.n > 2 && out.p[out.n - 2] == '\r' && out.p[out.n - 1] == '\n');
    for (size_t i = 1; i < out.n; i++)
        assert(out.p[i] != '\n' || out.p[i - 1] == '\r');
    str_done(&out);
    str_done(&s.summary);
    arena_free(s.arena);
    return 0;
}
