/* transaction_fuzz - the client against whatever a server says
 *
 * First byte: bit 0 LMTP, bit 1 a probe, bit 2 a kept connection, bit 3 other hosts
 * behind; second: size of the pieces; the rest is what the server says.
 */
#include "rehearsal.h"

#include "run/loop.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rehearsal_result r;
    static bool is_ready;
    if (size < 2)
        return 0;
    if (!is_ready)
        loop_init();
    is_ready = true;
    struct rehearsal in = {.process_name = data[0] & 1 ? "lmtp" : "smtp",
                           .message_flags = data[0] & 2 ? MESSAGE_PROBE : 0,
                           .reused = data[0] & 4,
                           .not_last = data[0] & 8,
                           .chunk = data[1] % 32,
                           .script = {(const char *)data + 2, size - 2},
                           .sender = "a@maison.mrs",
                           .recipients = {"x@x.example", "y y@x.example", "z@x.example"},
                           .notify = NOTIFY_FAILURE,
                           .content = "Subject: x\n\nhello\n.dot\n"};
    rehearse(&in, &r);
    for (size_t i = 0; i < r.n; i++) {
        assert(r.in_the_end[i] != OUTCOME_NONE);
        assert(r.outcomes[i] == OUTCOME_NONE || r.outcomes[i] == r.in_the_end[i]);
        /* Without a host that took it nothing is sent. */
        assert(r.in_the_end[i] == OUTCOME_DEFERRED ||
               r.in_the_end[i] == OUTCOME_BOUNCED || r.outcomes[i] != OUTCOME_NONE);
    }
    rehearsal_done(&r);
    return 0;
}
