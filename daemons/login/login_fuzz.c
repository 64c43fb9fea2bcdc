/* login_fuzz - login against whatever a client says before it has logged in
 *
 * First byte: the protocol, and bit 7 that passwords may be said in clear; second: size
 * of the pieces; the rest is what the client says.
 */
#include "dialogue.h"

#include "run/loop.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines, each whole. */
static void check_output(struct view output)
{
    struct view line;

    assert(output.n > 0 && output.p[output.n - 1] == '\n');
    while (view_cut(output, '\n', &line, &output))
        assert(line.n > 0 && line.p[line.n - 1] == '\r' &&
               !view_has(view_sub(line, 0, line.n - 1), '\r'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const protocols[] = {"imap", "pop3", "poppassd"};
    static bool is_ready;

    if (size < 2 || size > 20000)
        return 0;
    if (!is_ready)
        loop_init();
    is_ready = true;
    const struct dialogue d = {.protocol = protocols[data[0] % 3],
                               .settings =
                                   data[0] & 128 ? "login_tls_auth_only = no\n" : NULL,
                               .chunk = data[1] % 64,
                               .input = {(const char *)data + 2, size - 2}};
    struct str out = STR_INIT(1 << 20);
    dialogue_run(&d, &out);
    check_output(str_view(&out));
    str_done(&out);
    return 0;
}
