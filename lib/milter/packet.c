/* packet - the data of milter packets; see packet.h
 */
#include "milter/packet.h"

#include "milter/protocol.h"

void packet_add_u32(struct str *out, uint32_t n)
{
    char bytes[] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    str_add(out, (struct view){bytes, sizeof bytes});
}

void packet_add_u16(struct str *out, uint16_t n)
{
    char bytes[] = {(char)(n >> 8), (char)n};
    str_add(out, (struct view){bytes, sizeof bytes});
}

void packet_add_text(struct str *out, struct view v)
{
    size_t end = view_find(v, '\0');
    str_add(out, end == VIEW_NPOS ? v : view_sub(v, 0, end));
    str_add_char(out, '\0');
}

bool packet_take_u32(struct view *rest, uint32_t *n)
{
    if (rest->n < 4)
        return false;
    *n = 0;
    for (size_t i = 0; i < 4; i++)
        *n = *n << 8 | (unsigned char)rest->p[i];
    *rest = view_from(*rest, 4);
    return true;
}

bool packet_take_text(struct view *rest, struct view *text)
{
    struct view tail;
    if (!view_cut(*rest, '\0', text, &tail))
        return false;
    *rest = tail;
    return true;
}

/* "550" and " " or "-" in front of more. */
static bool has_code(struct view line)
{
    return line.n >= 4 && view_is_number(view_sub(line, 0, 3)) &&
           (line.p[3] == ' ' || line.p[3] == '-');
}

/* "%%" stands for "%"; no control character reaches the client. */
static void add_plain(struct str *out, struct view text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool is_control = (unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f;
        str_add_char(out, is_control ? '?' : text.p[i]);
        if (text.p[i] == '%' && i + 1 < text.n && text.p[i + 1] == '%')
            i++;
    }
}

bool packet_parse_reply(struct view text, struct str *out)
{
    struct view line, status = VIEW_NONE, rest;
    str_clear(out);
    if (!has_code(text) || (text.p[0] != '4' && text.p[0] != '5') || text.n < 5 ||
        text.p[4] != text.p[0])
        return false;
    view_cut(view_from(text, 4), ' ', &status, &rest);
    for (bool more = true, first = true; more; first = false) {
        more = view_cut(text, '\n', &line, &text);
        line = view_trim(line, VIEW("\r"));
        if (first) {
            str_add(out, view_sub(line, 0, 3));
            str_add_char(out, ' ');
        } else {
            str_add_char(out, '\n');
        }
        if (has_code(line))
            line = view_from(line, 4);
        if (!first && view_starts(line, status))
            line = view_trim(view_from(line, status.n), VIEW(" "));
        add_plain(out, line);
    }
    return !out->overflow;
}

bool packet_parse_options(struct view data, struct packet_options *out)
{
    uint32_t stage;
    struct view names;
    *out = (struct packet_options){.version = 0};
    if (!packet_take_u32(&data, &out->version) ||
        !packet_take_u32(&data, &out->actions) || !packet_take_u32(&data, &out->steps))
        return false;
    while (!view_is_empty(data)) {
        if (!packet_take_u32(&data, &stage) || !packet_take_text(&data, &names))
            return false;
        if (stage >= MILTER_STAGES)
            continue; /* a later libmilter's */
        out->has_macros[stage] = true;
        out->macros[stage] = names;
    }
    return true;
}
