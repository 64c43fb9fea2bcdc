/* edit - what a milter changes at the end of a message
 */
#include "milter/milter_private.h"

#include "base/log.h"

/* A header value as it goes behind the colon: a milter that did not ask for leading
 * blanks to be shown leaves them to us. */
static struct view with_blank(const struct client *c, struct view value, struct arena *a)
{
    if (c->steps & SMFIP_HDR_LEADSPC || view_is_empty(value))
        return value;
    return arena_printf(a, " %.*s", (int)value.n, value.p);
}

/* Line ends of the milter become ours. */
static struct view unix_lines(struct view value, struct arena *a)
{
    char *p = arena_alloc(a, value.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] != '\r')
            p[n++] = value.p[i];
    }
    return (struct view){p, n};
}

static bool take_name(const struct client *c, struct view *data, struct view *name,
                      struct view *value)
{
    if (!packet_take_text(data, name) || !packet_take_text(data, value))
        return false;
    if (view_is_empty(*name))
        log_warning("milter %s: null change header name", c->milter->name);
    return !view_is_empty(*name);
}

static bool edit_header(struct client *c, enum milter_answer code, struct view data,
                        const struct milter_message *m, struct arena *a)
{
    uint32_t index = 0;
    struct view name, value;
    if ((code != SMFIR_ADDHEADER && !packet_take_u32(&data, &index)) ||
        !take_name(c, &data, &name, &value) || index > INT32_MAX)
        return false;
    value = with_blank(c, unix_lines(value, a), a);
    if (code == SMFIR_ADDHEADER)
        m->add_header(m->context, name, value);
    else if (code == SMFIR_INSHEADER)
        m->insert_header(m->context, index, name, value);
    else
        m->change_header(m->context, index > 0 ? index : 1, name, value);
    return true;
}

/* Address, and ESMTP parameters where there are some. */
static bool edit_envelope(enum milter_answer code, struct view data,
                          const struct milter_message *m)
{
    struct view address, parameters = VIEW_NONE;
    if (!packet_take_text(&data, &address))
        return false;
    if ((code == SMFIR_CHGFROM || code == SMFIR_ADDRCPT_PAR) && !view_is_empty(data) &&
        !packet_take_text(&data, &parameters))
        return false;
    if (code == SMFIR_CHGFROM)
        m->change_sender(m->context, address, parameters);
    else if (code == SMFIR_DELRCPT)
        m->delete_recipient(m->context, address);
    else
        m->add_recipient(m->context, address, parameters);
    return true;
}

bool client_edit(struct client *c, enum milter_answer code, struct view data,
                 const struct milter_message *m)
{
    struct arena *a;
    struct view reason;
    bool good;
    client_trail_edit(c, code, data);
    switch (code) {
    case SMFIR_ADDHEADER:
    case SMFIR_INSHEADER:
    case SMFIR_CHGHEADER:
        a = arena_new();
        good = edit_header(c, code, data, m, a);
        arena_free(a);
        return good;
    case SMFIR_CHGFROM:
    case SMFIR_ADDRCPT:
    case SMFIR_ADDRCPT_PAR:
    case SMFIR_DELRCPT:
        return edit_envelope(code, data, m);
    case SMFIR_REPLBODY:
        m->replace_body(m->context, data, !c->body_is_replaced);
        c->body_is_replaced = true;
        return true;
    case SMFIR_QUARANTINE:
        if (!packet_take_text(&data, &reason))
            return false;
        c->has_held = true;
        return true;
    case SMFIR_SHUTDOWN:
    case SMFIR_ACCEPT:
    case SMFIR_CONTINUE:
    case SMFIR_DISCARD:
    case SMFIR_CONN_FAIL:
    case SMFIR_PROGRESS:
    case SMFIR_REJECT:
    case SMFIR_SKIP:
    case SMFIR_TEMPFAIL:
    case SMFIR_REPLYCODE:
    default:
        return false;
    }
}
