/* exit_status - what the exit status of a command means for mail
 *
 * Source: sysexits.h; pipe(8), DIAGNOSTICS.
 */
#ifndef AGENT_EXIT_STATUS_H
#define AGENT_EXIT_STATUS_H

struct exit_status {
    int code;
    const char *status; /* enhanced status */
    const char *text;
};
/* NULL for codes without a meaning. */
const struct exit_status *exit_status_find(int code);

#endif
