/* part - find a part, and ask what it is; see structure.h */
#include "format/encoded_word.h"
#include "structure.h"

/* Longest parameter value that is decoded. */
#define PARAMETER_MAX 8192

static const struct message_part *nth_child(const struct message_part *part, uint32_t n)
{
    const struct message_part *child = n > 0 ? part->child : NULL;
    while (child && --n > 0)
        child = child->next;
    return child;
}

const struct message_part *message_part_find(const struct message_part *root,
                                             const uint32_t *numbers, size_t count)
{
    const struct message_part *part = root;
    bool is_whole = true; /* PART is a message whose parts are to be numbered */
    for (size_t i = 0; i < count; i++) {
        if (!is_whole && part->is_message) {
            part = part->child;
            is_whole = true;
        }
        if (part->is_multipart)
            part = nth_child(part, numbers[i]);
        else if (!is_whole || numbers[i] != 1)
            return NULL;
        if (part == NULL)
            return NULL;
        is_whole = false;
    }
    return part;
}

bool message_part_is(const struct message_part *part, const char *type,
                     const char *subtype)
{
    return view_eq_case(part->type, view_of(type)) &&
           (subtype == NULL || view_eq_case(part->subtype, view_of(subtype)));
}

struct view message_parameter_find(const struct message_parameter *list, struct view name)
{
    for (; list; list = list->next)
        if (view_eq_case(list->name, name))
            return list->value;
    return VIEW_NONE;
}

bool message_parameter_text(struct view body, struct view name, struct str *out)
{
    struct str raw = STR_INIT(PARAMETER_MAX);
    bool ok =
        mime_parameter(body, name, &raw) && encoded_word_decode(str_view(&raw), out);
    str_done(&raw);
    return ok;
}

bool message_part_filename(const struct message_part *part, struct str *out)
{
    size_t before = out->n;
    if (message_parameter_text(part->content_disposition, VIEW("filename"), out))
        return true;
    str_truncate(out, before);
    return message_parameter_text(part->content_type, VIEW("name"), out);
}

static bool has_filename(const struct message_part *part)
{
    struct str name = STR_INIT(PARAMETER_MAX);
    bool found = message_part_filename(part, &name);
    str_done(&name);
    return found;
}

bool message_part_is_attachment(const struct message_part *part)
{
    if (part->is_multipart)
        return false;
    if (part->disposition.n > 0 && !view_eq_case(part->disposition, VIEW("inline")))
        return true; /* RFC 2183 2.8: an unknown one is an attachment */
    if (message_part_is(part, "image", NULL))
        return false;
    if (message_part_is(part, "text", NULL) || part->is_message)
        return has_filename(part);
    return true;
}
