/* session_fuzz - the server against whatever a client says
 *
 * First byte: bit 0 a client of the network (with policy), bit 1 the queue refuses;
 * second: size of the pieces; the rest is what the client says.
 */
#include "dialogue.h"

#include "run/loop.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Replies are lines that begin with a code. */
static void check_output(struct view output)
{
    struct view line;
    while (view_cut(output, '\n', &line, &output)) {
        assert(line.n >= 5 && line.p[0] >= '2' && line.p[0] <= '5');
        assert(line.p[3] == ' ' || line.p[3] == '-');
        assert(line.p[line.n - 1] == '\r' &&
               !view_has(view_sub(line, 0, line.n - 1), '\r'));
    }
    assert(output.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dialogue_result r;
    static bool is_ready;
    if (size < 2)
        return 0;
    if (!is_ready)
        loop_init();
    is_ready = true;
    const struct dialogue d = {
        .settings = "message_size_limit = 2000\nsmtpd_recipient_limit = 5\n"
                    "smtpd_relay_restrictions = permit_mynetworks, "
                    "reject_unauth_destination\n"
                    "queue_directory = /nonexistent\nfast_flush_domains =\n"
                    "smtpd_reject_footer = for $client_address\n",
        .client = data[0] & 1 ? "127.0.0.1" : NULL,
        .finish_code = data[0] & 2 ? 451 : 0,
        .chunk = data[1] % 64,
        .input = {(const char *)data + 2, size - 2}};
    dialogue_run(&d, &r);
    check_output(str_view(&r.output));
    assert(r.opened == r.finished + r.aborted);
    dialogue_done(&r);
    return 0;
}
