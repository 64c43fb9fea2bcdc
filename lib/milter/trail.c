/* trail - each verdict and change of a milter, told to the trail of the running fiber
 *
 * The content makes one step, the verdict at its end, unless a milter decides before:
 * that it goes on behind each header and piece of body says nothing.
 */
#include "milter/milter_private.h"

#include "run/trail.h"

#define TEXT_MAX 8192

static const char *event_name(enum milter_command command)
{
    switch ((int)command) {
    case SMFIC_CONNECT:
        return "CONNECT";
    case SMFIC_HELO:
        return "EHLO";
    case SMFIC_MAIL:
        return "MAIL";
    case SMFIC_RCPT:
        return "RCPT";
    case SMFIC_DATA:
        return "DATA";
    case SMFIC_UNKNOWN:
        return "UNKNOWN";
    case SMFIC_HEADER:
        return "header";
    case SMFIC_EOH:
        return "end of header";
    case SMFIC_BODY:
        return "body";
    default:
        return "END-OF-MESSAGE";
    }
}

/* "RCPT <a@b>": the event, and the texts that came with it. */
static void describe_event(const struct event *x, struct view data, struct str *out)
{
    struct view text;
    bool has_one = x->command == SMFIC_CONNECT || x->command == SMFIC_HEADER;
    str_add_cstr(out, event_name(x->command));
    if (x->command == SMFIC_BODY)
        return;
    while (packet_take_text(&data, &text)) {
        str_addf(out, " %.*s", VIEW_FMT(text));
        if (has_one)
            return;
    }
}

/* What it is to go on, or else. */
static const char *consent(const struct client *c, const struct event *x)
{
    if (x->command == SMFIC_BODYEOB && c->has_held)
        return "hold";
    return c->state == CLIENT_ACCEPTED || c->state == CLIENT_CONTENT ? "accept"
                                                                     : "continue";
}

static void describe_verdict(const struct client *c, const struct event *x,
                             const struct milter_reply *reply, struct str *out)
{
    if (c->state == CLIENT_FAILED)
        str_add_cstr(out, "no answer, its default action: ");
    switch (reply->verdict) {
    case MILTER_HOLD:
        str_add_cstr(out, "hold");
        break;
    case MILTER_DISCARD:
        str_add_cstr(out, "discard");
        break;
    case MILTER_SHUTDOWN:
        str_add_cstr(out, "shutdown");
        break;
    case MILTER_REFUSE:
        str_addf(out, "reject: %.*s", VIEW_FMT(reply->text));
        break;
    case MILTER_CONTINUE:
    default:
        str_add_cstr(out, consent(c, x));
        break;
    }
}

/* Is it one of the many events of a message that change nothing? */
static bool is_dull(const struct client *c, const struct event *x,
                    const struct milter_reply *reply)
{
    bool is_content =
        x->command == SMFIC_HEADER || x->command == SMFIC_EOH || x->command == SMFIC_BODY;
    return is_content && c->state == CLIENT_READY && reply->verdict == MILTER_CONTINUE;
}

void client_trail_reply(const struct client *c, const struct event *x, struct view data,
                        const struct milter_reply *reply)
{
    if (!trail_is_set() || is_dull(c, x, reply))
        return;
    struct str asked = STR_INIT(TEXT_MAX), answer = STR_INIT(TEXT_MAX);
    describe_event(x, data, &asked);
    describe_verdict(c, x, reply, &answer);
    trail_tell(&(struct trail_step){.kind = TRAIL_MILTER,
                                    .where = view_of(c->milter->name),
                                    .asked = str_view(&asked),
                                    .answer = str_view(&answer)});
    str_done(&asked);
    str_done(&answer);
}

/* --- changes --- */

static const struct change {
    enum milter_answer code;
    const char *words;
    bool has_index, is_header;
} changes[] = {
    {SMFIR_ADDHEADER, "add header", false, true},
    {SMFIR_INSHEADER, "insert header", true, true},
    {SMFIR_CHGHEADER, "change header", true, true},
    {SMFIR_CHGFROM, "change sender", false, false},
    {SMFIR_ADDRCPT, "add recipient", false, false},
    {SMFIR_ADDRCPT_PAR, "add recipient", false, false},
    {SMFIR_DELRCPT, "delete recipient", false, false},
    {SMFIR_QUARANTINE, "quarantine", false, false},
    {SMFIR_REPLBODY, "replace body", false, false},
};

/* "change header 2 Subject: value", "add recipient <a@b>". */
static void describe_change(const struct change *change, struct view data,
                            struct str *out)
{
    uint32_t index;
    struct view text;
    str_add_cstr(out, change->words);
    if (change->has_index && packet_take_u32(&data, &index))
        str_addf(out, " %u", (unsigned)index);
    if (change->code == SMFIR_REPLBODY || !packet_take_text(&data, &text))
        return;
    str_addf(out, " %.*s%s", VIEW_FMT(text), change->is_header ? ":" : "");
    if (packet_take_text(&data, &text) && text.n > 0)
        str_addf(out, "%s%.*s", view_starts(text, VIEW(" ")) ? "" : " ", VIEW_FMT(text));
}

void client_trail_edit(const struct client *c, enum milter_answer code, struct view data)
{
    const size_t n = sizeof changes / sizeof changes[0];
    size_t i = 0;
    while (i < n && changes[i].code != code)
        i++;
    if (!trail_is_set() || i == n || (code == SMFIR_REPLBODY && c->body_is_replaced))
        return;
    struct str answer = STR_INIT(TEXT_MAX);
    describe_change(&changes[i], data, &answer);
    trail_tell(&(struct trail_step){.kind = TRAIL_MILTER,
                                    .where = view_of(c->milter->name),
                                    .asked = VIEW("END-OF-MESSAGE"),
                                    .answer = str_view(&answer)});
    str_done(&answer);
}
