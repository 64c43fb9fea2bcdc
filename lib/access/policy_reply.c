/* policy_reply - what a policy server answers: attributes, then an empty line
 *
 * Only "action" counts; others are passed over, as the protocol wants
 * (SMTPD_POLICY_README).  The server is not trusted with more than a bounded reply.
 */
#include "access/policy_private.h"

#define LINE_MAX_BYTES 8192
#define LINES_MAX      200

/* "name=value"; false when there is no name. */
static bool split(struct view line, struct view *name, struct view *value)
{
    bool found = view_cut(line, '=', name, value);
    *name = view_trim_space(*name);
    *value = view_trim_space(*value);
    return found && !view_is_empty(*name);
}

bool policy_reply_read(struct stream *s, struct arena *a, struct view *action,
                       struct error *e)
{
    *action = VIEW_NONE;
    for (unsigned i = 0; i < LINES_MAX; i++) {
        struct view line, name, value;
        int ending;
        enum stream_result got = stream_read_line(s, LINE_MAX_BYTES, &line, &ending);
        if (got != STREAM_OK) {
            error_set(e, "4.3.0", "%s",
                      got == STREAM_TOO_LONG ? "reply too long"
                                             : stream_strerror(s, got));
            return false;
        }
        if (view_is_empty(line)) {
            if (view_is_empty(*action))
                error_set(e, "4.3.0", "no action in the reply");
            return !view_is_empty(*action);
        }
        if (!split(line, &name, &value) || view_has(line, '\0') || !view_is_utf8(line)) {
            error_set(e, "4.3.0", "malformed reply");
            return false;
        }
        if (view_eq(name, VIEW("action")))
            *action = arena_dup(a, value);
    }
    error_set(e, "4.3.0", "reply too long");
    return false;
}
