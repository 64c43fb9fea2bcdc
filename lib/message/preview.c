/* preview - the first words of a message; see preview.h */
#include "preview.h"

#include "html.h"
#include "text.h"

/* How much of a part is looked at: HTML often starts with long style sheets. */
#define PLAIN_BYTES 16384
#define HTML_BYTES  262144

/* The first text part at or below ROOT that is shown. */
static const struct message_part *find_text(const struct message_part *root)
{
    if (!root->is_multipart) {
        bool text = message_part_is(root, "text", NULL);
        return text && !message_part_is_attachment(root) ? root : NULL;
    }
    bool choose = message_part_is(root, "multipart", "alternative");
    const struct message_part *found = NULL;
    for (const struct message_part *c = root->child; c; c = c->next) {
        const struct message_part *text = find_text(c);
        if (text == NULL)
            continue;
        if (!choose || message_part_is(text, "text", "plain"))
            return text;
        found = found ? found : text;
    }
    return found;
}

/* The beginning of PART's text, as UTF-8 without HTML. */
static void read_text(struct view message, const struct message_part *part,
                      struct str *text)
{
    bool html = message_part_is(part, "text", "html");
    size_t most = html ? HTML_BYTES : PLAIN_BYTES;
    struct message_part front = *part;
    if (front.end - front.body > most)
        front.end = front.body + most;
    if (!html) {
        message_part_text(message, &front, text);
        return;
    }
    struct str source = STR_INIT(4 * HTML_BYTES);
    message_part_text(message, &front, &source);
    html_to_text(str_view(&source), text);
    str_done(&source);
}

struct writer {
    struct str *out;
    size_t points; /* written */
    bool blank;    /* something blank was met since the last of them */
};

/* Blanks, and what is not seen: U+00A0, U+034F, U+200B-U+200F, U+2028-U+202E,
 * U+3000, U+FEFF. */
static bool is_blank(struct view point)
{
    static const char *const blanks[] = {
        "\xc2\xa0",     "\xcd\x8f",     "\xe3\x80\x80", "\xef\xbb\xbf", "\xe2\x80\x8b",
        "\xe2\x80\x8c", "\xe2\x80\x8d", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad",
        "\xe2\x80\xae", "\xc2\xad"};
    if (point.n == 1)
        return (unsigned char)point.p[0] <= ' ' || point.p[0] == 0x7f;
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        if (view_eq(point, view_of(blanks[i])))
            return true;
    return false;
}

/* Add LINE; false when the preview is full. */
static bool add_line(struct writer *w, struct view line)
{
    w->blank = true;
    while (line.n > 0 && w->points < MESSAGE_PREVIEW_MAX) {
        size_t n = view_utf8_length(line);
        struct view point = view_sub(line, 0, n ? n : 1);
        line = view_from(line, point.n);
        if (n == 0 || is_blank(point)) {
            w->blank = true;
            continue;
        }
        if (w->blank && w->points > 0) {
            if (++w->points == MESSAGE_PREVIEW_MAX)
                return false;
            str_add_char(w->out, ' ');
        }
        w->blank = false;
        w->points++;
        str_add(w->out, point);
    }
    return w->points < MESSAGE_PREVIEW_MAX;
}

/* Add TEXT up to a signature ("-- "), with quoted lines or without. */
static void add_text(struct writer *w, struct view text, bool quoted)
{
    struct view line;
    bool more = true;
    while (more && text.n > 0) {
        view_cut(text, '\n', &line, &text);
        if (view_eq(line, VIEW("-- ")) || view_eq(line, VIEW("-- \r")))
            return;
        if (quoted || !view_starts(line, VIEW(">")))
            more = add_line(w, line);
    }
}

void message_preview(struct view message, const struct message_part *root,
                     struct str *out)
{
    const struct message_part *part = find_text(root);
    if (part == NULL)
        return;
    struct str text = STR_INIT(4 * HTML_BYTES);
    struct writer w = {.out = out};
    read_text(message, part, &text);
    add_text(&w, str_view(&text), false);
    if (w.points == 0)
        add_text(&w, str_view(&text), true);
    str_done(&text);
}
