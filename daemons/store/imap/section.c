/* section - BODY[...] and BINARY[...]: parts of a message, for FETCH and CATENATE */
#include "section.h"

#include "message/header.h"
#include "message/lines.h"
#include "message/text.h"

static bool is_header(const struct imap_section *section)
{
    return section->text == IMAP_SECTION_HEADER || section->text == IMAP_SECTION_FIELDS ||
           section->text == IMAP_SECTION_FIELDS_NOT;
}

static enum section_result add_header(struct view header,
                                      const struct imap_section *section, struct str *out)
{
    if (section->text == IMAP_SECTION_HEADER)
        message_add_crlf(header, out);
    else
        message_header_select(header, section->fields, section->field_count,
                              section->text == IMAP_SECTION_FIELDS_NOT, out);
    return SECTION_OK;
}

enum mailbox_cache_kind section_piece(const struct imap_section *section)
{
    if (section->depth > 0 || !is_header(section))
        return CACHE_KINDS;
    if (section->text != IMAP_SECTION_FIELDS)
        return CACHE_HEADERS;
    for (size_t i = 0; i < section->field_count; i++) {
        if (!batch_has_field(section->fields[i]))
            return CACHE_HEADERS;
    }
    return CACHE_FIELDS;
}

/* Of the message itself: no part number. */
static enum section_result whole_text(struct batch *b, size_t i,
                                      const struct imap_section *section, struct str *out)
{
    struct view bytes, header;

    if (is_header(section)) {
        if (!batch_piece(b, i, section_piece(section), &header))
            return SECTION_FAILED;
        return add_header(header, section, out);
    }
    if (!batch_bytes(b, i, &bytes))
        return SECTION_FAILED;
    if (section->text == IMAP_SECTION_TEXT)
        bytes = view_from(bytes, message_header(bytes).n);
    message_add_crlf(bytes, out);
    return SECTION_OK;
}

static enum section_result part_text(struct view bytes, const struct message_part *part,
                                     const struct imap_section *section, struct str *out)
{
    if (section->text == IMAP_SECTION_ALL) {
        message_add_crlf(message_part_body(bytes, part), out);
        return SECTION_OK;
    }
    if (section->text == IMAP_SECTION_MIME) {
        message_add_crlf(message_part_header(bytes, part), out);
        return SECTION_OK;
    }
    /* HEADER and TEXT are those of the message in a message/rfc822 part. */
    if (!part->is_message || !part->child)
        return SECTION_NONE;
    if (is_header(section))
        return add_header(message_part_header(bytes, part->child), section, out);
    message_add_crlf(message_part_body(bytes, part->child), out);
    return SECTION_OK;
}

static enum section_result find_part(struct batch *b, size_t i,
                                     const struct imap_section *section,
                                     const struct message_part **part, struct view *bytes)
{
    const struct message_part *root;

    if (!batch_structure(b, i, &root) || !batch_bytes(b, i, bytes))
        return SECTION_FAILED;
    *part = message_part_find(root, section->numbers, section->depth);
    return *part ? SECTION_OK : SECTION_NONE;
}

enum section_result section_text(struct batch *b, size_t i,
                                 const struct imap_section *section, struct str *out)
{
    const struct message_part *part;
    struct view bytes;

    if (section->depth == 0)
        return whole_text(b, i, section, out);
    enum section_result r = find_part(b, i, section, &part, &bytes);
    return r == SECTION_OK ? part_text(bytes, part, section, out) : r;
}

enum section_result section_binary(struct batch *b, size_t i,
                                   const struct imap_section *section, struct str *out)
{
    const struct message_part *part;
    struct view bytes;

    if (section->depth == 0)
        return whole_text(b, i, section, out);
    enum section_result r = find_part(b, i, section, &part, &bytes);
    if (r != SECTION_OK)
        return r;
    struct view body = message_part_body(bytes, part);
    if (part->encoding == MIME_ENCODING_BASE64)
        return message_decode(body, part->encoding, out) ? SECTION_OK
                                                         : SECTION_UNKNOWN_CTE;
    if (part->encoding == MIME_ENCODING_UNKNOWN)
        return SECTION_UNKNOWN_CTE;
    /* Line ends of the file are line ends of the part. */
    struct str decoded = STR_INIT(out->limit);
    bool is_decoded = message_decode(body, part->encoding, &decoded);
    message_add_crlf(str_view(&decoded), out);
    str_done(&decoded);
    return is_decoded ? SECTION_OK : SECTION_UNKNOWN_CTE;
}
