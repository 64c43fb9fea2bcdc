/* access_test_help - tests: put a question to the restriction lists of a main.cf */
#ifndef ACCESS_ACCESS_TEST_HELP_H
#define ACCESS_ACCESS_TEST_HELP_H

#include "access/access.h"
#include "base/str.h"

struct question {
    const char *settings, *client, *sender, *recipient;
    const char *client_name, *helo; /* NULL: host.example */
    enum access_name_status name_status, reverse_status;
    enum access_stage stage; /* of ask_stage() */
    unsigned recipients;
    bool content_received, pipelined;
    bool at_stage;

    bool refused;
    int code;
    char reply[512];
    char effects[256];
};

/* What was logged since the last question. */
extern struct str logged;

/* As at RCPT. */
struct question ask(const char *settings, const char *client, const char *sender,
                    const char *recipient);
/* The whole Q; with at_stage only that stage. */
void ask_question(struct question *q);
/* Keep log lines from here on. */
void keep_logged(void);
/* Configuration of SETTINGS and of what all tests have. */
struct conf *load_settings(const char *settings);

#define OUTSIDE "192.0.2.7"
#define DEFAULTS                                                                         \
    "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"

#endif
