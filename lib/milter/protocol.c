/* protocol - the names of codes, for the log
 */
#include "milter/protocol.h"

#include <stddef.h>

const char *milter_command_name(enum milter_command command)
{
    static const struct {
        enum milter_command command;
        const char *name;
    } names[] = {{SMFIC_CONNECT, "SMFIC_CONNECT"}, {SMFIC_HELO, "SMFIC_HELO"},
                 {SMFIC_MAIL, "SMFIC_MAIL"},       {SMFIC_RCPT, "SMFIC_RCPT"},
                 {SMFIC_DATA, "SMFIC_DATA"},       {SMFIC_HEADER, "SMFIC_HEADER"},
                 {SMFIC_EOH, "SMFIC_EOH"},         {SMFIC_BODY, "SMFIC_BODY"},
                 {SMFIC_BODYEOB, "SMFIC_BODYEOB"}, {SMFIC_UNKNOWN, "SMFIC_UNKNOWN"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].command == command)
            return names[i].name;
    }
    return "SMFIC";
}

const char *milter_answer_name(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {{SMFIR_ADDRCPT, "SMFIR_ADDRCPT"},
                 {SMFIR_DELRCPT, "SMFIR_DELRCPT"},
                 {SMFIR_ADDRCPT_PAR, "SMFIR_ADDRCPT_PAR"},
                 {SMFIR_SHUTDOWN, "SMFIR_SHUTDOWN"},
                 {SMFIR_ACCEPT, "SMFIR_ACCEPT"},
                 {SMFIR_REPLBODY, "SMFIR_REPLBODY"},
                 {SMFIR_CONTINUE, "SMFIR_CONTINUE"},
                 {SMFIR_DISCARD, "SMFIR_DISCARD"},
                 {SMFIR_CHGFROM, "SMFIR_CHGFROM"},
                 {SMFIR_CONN_FAIL, "SMFIR_CONN_FAIL"},
                 {SMFIR_ADDHEADER, "SMFIR_ADDHEADER"},
                 {SMFIR_INSHEADER, "SMFIR_INSHEADER"},
                 {SMFIR_CHGHEADER, "SMFIR_CHGHEADER"},
                 {SMFIR_PROGRESS, "SMFIR_PROGRESS"},
                 {SMFIR_QUARANTINE, "SMFIR_QUARANTINE"},
                 {SMFIR_REJECT, "SMFIR_REJECT"},
                 {SMFIR_SKIP, "SMFIR_SKIP"},
                 {SMFIR_TEMPFAIL, "SMFIR_TEMPFAIL"},
                 {SMFIR_REPLYCODE, "SMFIR_REPLYCODE"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].code == code)
            return names[i].name;
    }
    return "(unknown filter reply)";
}
