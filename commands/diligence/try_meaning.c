/* try_meaning - SMTP replies in plain words
 *
 * The enhanced status code says more than the code, so it is asked first (RFC 3463, RFC
 * 5321 4.2.3, RFC 4954 6).
 */
#include "try.h"

struct meaning {
    const char *verb; /* NULL: any */
    int code;
    const char *text;
};

static const struct meaning meanings[] = {
    {"", 220, "the server is ready; say EHLO"},
    {"", 421, "the server takes no connections now; try again later"},
    {"", 554, "the server refuses this client"},
    {"EHLO", 250, "the server knows our name and lists what it can do"},
    {"XCLIENT", 220, "we are treated as the client that we named"},
    {"MAIL", 250, "the sender is accepted"},
    {"RCPT", 250, "the recipient is accepted: the server will deliver or forward"},
    {"RCPT", 251, "the recipient is elsewhere; the server forwards"},
    {"RCPT", 252, "not verified; the server tries to deliver"},
    {"DATA", 354, "send the message now; a line with a dot alone ends it"},
    {".", 250, "the message is on the server's disk; it is responsible from here on"},
    {"RSET", 250, "sender and recipients are forgotten"},
    {"QUIT", 221, "the server closes the connection"},
    {NULL, 220, "ready"},
    {NULL, 250, "done"},
    {NULL, 421, "the server closes the connection; try again later"},
    {NULL, 450,
     "not now: mailbox busy, greylisting or a failed look-up; a mail system "
     "tries again"},
    {NULL, 451, "a fault while the server worked on it; a mail system tries again"},
    {NULL, 452, "no room, or too many recipients at once; a mail system tries again"},
    {NULL, 454, "TLS or the check of passwords does not work just now"},
    {NULL, 500, "the server does not know this command"},
    {NULL, 501, "the command's argument has a form that the server does not accept"},
    {NULL, 502, "the server knows the command and does not do it"},
    {NULL, 503, "commands in the wrong order"},
    {NULL, 504, "the server does not do this form of the command"},
    {NULL, 521, "the server takes no mail at all"},
    {NULL, 530, "first comes STARTTLS or AUTH"},
    {NULL, 535, "wrong name or password"},
    {NULL, 550, "refused for good: no such mailbox, or against the server's rules"},
    {NULL, 551, "the recipient is elsewhere, and the server does not forward"},
    {NULL, 552, "too large"},
    {NULL, 553, "this form of address is not accepted"},
    {NULL, 554, "refused for good"},
    {NULL, 555, "a parameter of MAIL or RCPT is not known"},
    {NULL, 556, "the recipient's domain takes no mail"},
};

/* By subject and detail of the status; the class says whether it is for good. */
static const struct {
    const char *detail;
    const char *for_good, *for_now;
} details[] = {
    {"1.1", "there is no such mailbox", "whether the mailbox exists is not known now"},
    {"1.2", "the recipient's domain does not exist",
     "the recipient's domain is not found in the DNS now"},
    {"1.7", "the sender's address has no right form", NULL},
    {"1.8", "the sender's domain does not exist",
     "the sender's domain is not found in the DNS now"},
    {"1.10", "the recipient's domain takes no mail (null MX)", NULL},
    {"2.0", NULL, "the mailbox is held back for now; a mail system tries again"},
    {"2.2", "the mailbox is full", "the mailbox is full for now"},
    {"3.1", NULL, "the server's disk is full"},
    {"3.4", "the message is larger than the server takes", NULL},
    {"5.1", "the command is not allowed here", NULL},
    {"5.2", "the server cannot read the command", NULL},
    {"5.4", "the command's argument cannot be read", NULL},
    {"7.0", "refused by the server's rules", "refused by the server's rules for now"},
    {"7.1", "refused by the server's rules: relaying, a blocked client or address",
     "refused by the server's rules for now (greylisting does this)"},
    {"7.8", "wrong name or password", NULL},
};

static const char *by_status(int code, const char *status)
{
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++)
        if (status[0] && strcmp(status + 2, details[i].detail) == 0)
            return code / 100 == 5   ? details[i].for_good
                   : code / 100 == 4 ? details[i].for_now
                                     : NULL;
    return NULL;
}

const char *try_meaning(const char *verb, int code, const char *status)
{
    const char *text = by_status(code, status);

    for (size_t i = 0; !text && i < sizeof meanings / sizeof meanings[0]; i++) {
        const struct meaning *m = &meanings[i];
        if (m->code == code && (m->verb == NULL || strcmp(m->verb, verb) == 0))
            text = m->text;
    }
    if (text)
        return text;
    return code / 100 == 2   ? "accepted"
           : code / 100 == 3 ? "go on"
           : code / 100 == 4 ? "not now; a mail system tries again"
                             : "refused for good";
}

const char *try_keyword(struct view keyword)
{
    static const struct {
        const char *name, *text;
    } known[] = {
        {"PIPELINING", "takes several commands at once (RFC 2920)"},
        {"SIZE", "the largest message, in bytes (RFC 1870)"},
        {"VRFY", "answers whether an address exists"},
        {"ETRN", "starts delivery of waiting mail on request (RFC 1985)"},
        {"STARTTLS", "can encrypt from here on (RFC 3207)"},
        {"AUTH", "users can log in; the methods (RFC 4954)"},
        {"ENHANCEDSTATUSCODES", "replies have codes like 5.1.1 (RFC 2034)"},
        {"8BITMIME", "takes 8-bit text (RFC 6152)"},
        {"DSN", "sends delivery reports on request (RFC 3461)"},
        {"SMTPUTF8", "takes addresses in UTF-8 (RFC 6531)"},
        {"CHUNKING", "takes messages in pieces, by BDAT (RFC 3030)"},
        {"XCLIENT", "we may speak for another client"},
        {"XFORWARD", "we may tell of the first client, for the log"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (view_eq_case(keyword, view_of(known[i].name)))
            return known[i].text;
    return NULL;
}
