/* check_text - the text of indexed tables and of alias files, line by line
 *
 * Lines that postmap and postalias pass over, comments that become part of a result, keys
 * that nobody ever asks for.
 */
#include "base/hash.h"
#include "check/check_private.h"

#include <stdarg.h>

/* The file at hand. */
struct text_file {
    struct check *check;
    const struct table_use *use;
    struct hash *keys; /* to the line where the key stands first */
    struct view value; /* of the line at hand */
    unsigned line;
};

__attribute__((format(printf, 2, 3))) static void tell(struct text_file *f,
                                                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct view text = arena_vprintf(f->check->arena, format, args);
    va_end(args);
    check_found(f->check, CHECK_WARNING, f->use->file, f->line, "%.*s", VIEW_FMT(text));
}

/* The key at the front of LINE: its length, VIEW_NPOS when a quote stays open. */
static size_t key_length(struct view line, char stop)
{
    bool quoted = false;

    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (c == '\\' && i + 1 < line.n)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (stop ? c == stop : ascii_is_space((unsigned char)c)))
            return i;
    }
    return quoted ? VIEW_NPOS : line.n;
}

/* A '#' in VALUE where a comment was meant; VIEW_NPOS when none. */
static size_t comment_in(const struct text_file *f, struct view value)
{
    bool quoted = false;
    size_t words = 0;

    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        bool starts_word = i == 0 || ascii_is_space((unsigned char)value.p[i - 1]);
        if (c == '"')
            quoted = !quoted;
        if (quoted || !starts_word || ascii_is_space((unsigned char)c))
            continue;
        if (c == '#')
            return i;
        /* What follows an action is a text for people. */
        if (++words > 1 && f->use->role == ROLE_ACCESS)
            return VIEW_NPOS;
    }
    return VIEW_NPOS;
}

static void check_comment(struct text_file *f)
{
    size_t at = comment_in(f, f->value);

    if (at == VIEW_NPOS || f->use->role == ROLE_OTHER)
        return;
    tell(f,
         "the comment \"%.*s\" is part of the result \"%.*s\"; put it on a line of its "
         "own",
         VIEW_FMT(view_sub(f->value, at, 60)), VIEW_FMT(view_sub(f->value, 0, 60)));
}

/* Keys that no look-up has. */
static void check_key(struct text_file *f, struct view key)
{
    enum table_role role = f->use->role;
    struct view domain = view_from(key, 2);

    if (role == ROLE_ADDRESSES && view_starts(key, VIEW("*@")))
        tell(f, "nobody asks for \"%.*s\"; write \"%.*s\" for all of a domain",
             VIEW_FMT(key), VIEW_FMT(view_from(key, 1)));
    else if ((role == ROLE_ACCESS || role == ROLE_TRANSPORT) &&
             view_starts(key, VIEW("*.")))
        tell(f, "nobody asks for \"%.*s\"; write \".%.*s\" for what is below a domain",
             VIEW_FMT(key), VIEW_FMT(domain));
    else if (role == ROLE_ACCESS && view_starts(key, VIEW("*@")))
        tell(f, "nobody asks for \"%.*s\"; write \"%.*s\" for all of a domain",
             VIEW_FMT(key), VIEW_FMT(domain));
    else if (role == ROLE_ACCESS && view_has(key, '/') && ascii_is_digit(key.p[0]))
        tell(f,
             "nobody asks for \"%.*s\": an indexed table knows no networks; use a cidr: "
             "table, or the first bytes of the address (\"192.168\")",
             VIEW_FMT(key));
}

static void check_double(struct text_file *f, struct view key)
{
    struct view folded = arena_lower(f->check->arena, key);
    const unsigned *first = hash_get(f->keys, folded);

    if (first != NULL) {
        tell(f, "\"%.*s\" stands already in line %u, which counts; delete one of the two",
             VIEW_FMT(key), *first);
        return;
    }
    unsigned *line = ARENA_NEW(f->check->arena, unsigned);
    *line = f->line;
    hash_put(f->keys, folded, line);
}

static void check_value(struct text_file *f)
{
    check_comment(f);
    if (f->use->role == ROLE_TRANSPORT)
        check_transport(f->check, f->use->file, f->line, f->use->setting, f->value);
    if (f->use->role == ROLE_ACCESS)
        check_action(f->check, ROLE_ACCESS, f->use->file, f->line, f->value);
}

static void check_line(struct text_file *f, struct view line)
{
    bool alias = f->use->role == ROLE_ALIASES;
    size_t n = key_length(line, alias ? ':' : '\0');

    if (n == VIEW_NPOS) {
        tell(f, "the line is passed over: a quote is not closed; close it");
        return;
    }
    struct view key = view_trim_space(view_sub(line, 0, n));
    f->value = view_trim_space(view_from(line, alias ? n + 1 : n));
    if (key.n == 0 || f->value.n == 0) {
        tell(f, "the line is passed over: \"%.*s\"; write \"%s\"",
             VIEW_FMT(view_sub(line, 0, 60)), alias ? "name: value" : "key value");
        return;
    }
    if (!alias && view_ends(key, VIEW(":")))
        tell(f,
             "the key is \"%.*s\", with its colon; take it away (only aliases have one)",
             VIEW_FMT(key));
    check_key(f, key);
    check_double(f, key);
    check_value(f);
}

/* A line that goes on with the one before and looks like an entry of its own. */
static bool looks_like_entry(const struct text_file *f, struct view line)
{
    struct view rest = line, key, value;

    if (!view_token(&rest, VIEW(" \t"), &key) || !view_token(&rest, VIEW(" \t"), &value))
        return false;
    if (f->use->role == ROLE_ALIASES)
        return view_ends(key, VIEW(":")) && !view_starts(key, VIEW(":"));
    return f->use->role != ROLE_ACCESS && view_has(key, '@') &&
           !view_ends(key, VIEW(","));
}

/* Physical lines with white space in front. */
static void check_spaces(struct text_file *f, struct view text)
{
    struct spaces s = {.rest = text};
    struct view content;

    while (spaces_next(&s, &content)) {
        f->line = s.line;
        if (!s.has_first)
            tell(f,
                 "the line is passed over, for it starts with white space and nothing "
                 "is there to go on with: \"%.*s\"; take the white space away",
                 VIEW_FMT(view_sub(content, 0, 60)));
        else if (looks_like_entry(f, content))
            tell(f,
                 "the line starts with white space and so goes on with the entry before: "
                 "\"%.*s\"; take the white space away",
                 VIEW_FMT(view_sub(content, 0, 60)));
    }
}

static void check_file(struct check *k, const struct table_use *use)
{
    struct text_file f = {.check = k, .use = use};
    struct str text = STR_INIT(LINES_FILE_MAX);
    struct error e = ERROR_INIT;
    struct lines lines;
    struct line line;

    if (lines_read_file(use->file, &text, &e)) {
        f.keys = hash_new();
        check_spaces(&f, str_view(&text));
        lines_init(&lines, str_view(&text));
        while (lines_next(&lines, &line)) {
            f.line = line.first;
            if (!line.starts_with_space)
                check_line(&f, line.text);
        }
        lines_done(&lines);
        hash_free(f.keys, NULL);
    }
    str_done(&text);
}

/* Is the table a text of keys and values? */
static bool is_text(const struct table_use *use)
{
    static const char *const types[] = {"hash", "btree", "dbm",
                                        "lmdb", "cdb",   "texthash"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (view_eq(use->type, view_of(types[i])))
            return true;
    return false;
}

/* Was the same file read already, for the same purpose? */
static bool is_seen(const struct check *k, const struct table_use *use)
{
    for (const struct table_use *before = k->tables; before < use; before++)
        if (before->role == use->role && strcmp(before->file, use->file) == 0)
            return true;
    return false;
}

void check_table_texts(struct check *k)
{
    for (size_t i = 0; i < k->n_tables; i++)
        if (is_text(&k->tables[i]) && !is_seen(k, &k->tables[i]))
            check_file(k, &k->tables[i]);
}
