/* edit - change main.cf: postconf -e, -# and -X
 *
 * Comments and the order of what stays are kept.  The new file replaces the old one
 * whole.
 */
#include "postconf.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/conf_read.h"
#include "conf/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 16 << 20 };

struct edit {
    struct view name, value;
    bool found;
};

void replace_file(const char *path, struct view text)
{
    struct str temporary = STR_INIT(4096);
    struct stat old;
    int fd;

    str_addf(&temporary, "%s.tmp", path);
    fd = open(str_cstr(&temporary), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        log_fatal("create %s: %s", str_cstr(&temporary), strerror(errno));
    for (size_t at = 0; at < text.n;) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        if (n < 0 && errno != EINTR) {
            unlink(str_cstr(&temporary));
            log_fatal("write %s: %s", str_cstr(&temporary), strerror(errno));
        }
        at += n > 0 ? (size_t)n : 0;
    }
    if (stat(path, &old) == 0 &&
        ((geteuid() == 0 && fchown(fd, old.st_uid, old.st_gid) != 0) ||
         fchmod(fd, old.st_mode & 07777) != 0))
        log_warning("%s: cannot keep owner and permissions: %s", path, strerror(errno));
    if (fsync(fd) != 0 || close(fd) != 0 || rename(str_cstr(&temporary), path) != 0) {
        int why = errno;
        unlink(str_cstr(&temporary));
        log_fatal("replace %s: %s", path, strerror(why));
    }
    str_done(&temporary);
}

/* The edits that the arguments ask for; ends the program when one is malformed. */
static struct edit *take_edits(const struct options *o)
{
    struct edit *edits = memory_alloc_array(o->n_names, sizeof *edits);
    struct error e = ERROR_INIT;

    for (size_t i = 0; i < o->n_names; i++) {
        struct view text = view_of(o->names[i]);
        if (view_has(text, '\n'))
            log_fatal("-e, -X, or -# accepts no multi-line input");
        text = view_trim_space(text);
        if (view_starts(text, VIEW("#")))
            log_fatal("-e, -X, or -# accepts no comment input");
        if (o->edit == EDIT_SET) {
            if (!conf_split(text, &edits[i].name, &edits[i].value, &e))
                log_fatal("%s", e.text);
        } else {
            edits[i].name = text;
        }
    }
    return edits;
}

static struct edit *find_edit(struct edit *edits, size_t n, struct view line)
{
    size_t end = 0;

    while (end < line.n && line.p[end] != '=' &&
           !ascii_is_space((unsigned char)line.p[end]))
        end++;
    /* The last request for a name counts. */
    for (size_t i = n; i > 0; i--)
        if (view_eq(edits[i - 1].name, view_sub(line, 0, end)))
            return &edits[i - 1];
    return NULL;
}

static void add_setting(struct str *out, const struct edit *edit)
{
    str_addf(out, "%.*s = ", VIEW_FMT(edit->name));
    str_add(out, edit->value);
    str_add_char(out, '\n');
}

static bool is_idle(struct view line)
{
    line = view_trim_space(line);
    return line.n == 0 || line.p[0] == '#';
}

/* Put the changed TEXT into OUT. */
static void change(struct view text, enum edit_kind kind, struct edit *edits, size_t n,
                   struct str *out)
{
    enum edit_kind now = EDIT_NONE; /* what happens to the logical line at hand */
    struct view line, rest;

    for (; text.n > 0; text = rest) {
        view_cut(text, '\n', &line, &rest);
        if (!is_idle(line) && !ascii_is_space((unsigned char)line.p[0])) {
            struct edit *edit = find_edit(edits, n, line);
            now = edit ? kind : EDIT_NONE;
            if (edit && kind == EDIT_SET && !edit->found)
                add_setting(out, edit);
            if (edit)
                edit->found = true;
        }
        if (!is_idle(line) && (now == EDIT_SET || now == EDIT_REMOVE))
            continue;
        if (!is_idle(line) && now == EDIT_COMMENT_OUT)
            str_add_char(out, '#');
        str_add(out, line);
        str_add_char(out, '\n');
    }
    for (size_t i = 0; kind == EDIT_SET && i < n; i++)
        if (!edits[i].found && find_edit(edits, n, edits[i].name) == &edits[i])
            add_setting(out, &edits[i]);
}

int edit_main(const struct options *o)
{
    const char *path = arena_printf(o->arena, "%s/main.cf", o->directory).p;
    struct edit *edits = take_edits(o);
    struct str text = STR_INIT(FILE_MAX), out = STR_INIT(2 * FILE_MAX);
    struct error e = ERROR_INIT;

    if (!lines_read_file(path, &text, &e))
        log_fatal("%s", error_cstr(&e));
    change(str_view(&text), o->edit, edits, o->n_names, &out);
    if (out.overflow)
        log_fatal("%s: too large", path);
    replace_file(path, str_view(&out));
    memory_free(edits);
    str_done(&text);
    str_done(&out);
    return 0;
}
