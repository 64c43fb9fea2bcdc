/* broken - what can be known of a main.cf that cannot be read
 *
 * A slip in main.cf must not take away the commands that help out of it: status, stop,
 * check and rollback need the paths and owners only.  Lines that are whole are kept.
 */
#include "base/log.h"
#include "conf/lines.h"
#include "diligence.h"

static const char *const needed[] = {"queue_directory",      "data_directory",
                                     "process_id_directory", "mail_owner",
                                     "setgid_group",         "syslog_name",
                                     "maillog_file",         "maillog_file_prefixes",
                                     "command_directory",    "daemon_directory"};

static bool is_needed(struct view name)
{
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (view_eq(name, view_of(needed[i])))
            return true;
    return false;
}

/* The lines of TEXT that are needed and refer to nothing else. */
static void keep_needed(struct view text, struct str *out)
{
    struct lines lines;
    struct line line;

    lines_init(&lines, text);
    while (lines_next(&lines, &line)) {
        struct view name, value;
        if (view_cut(line.text, '=', &name, &value) && !view_has(value, '$') &&
            is_needed(view_trim_space(name)))
            str_addf(out, "%.*s\n", VIEW_FMT(line.text));
    }
    lines_done(&lines);
}

struct conf *broken_conf(const char *directory)
{
    struct str path = STR_INIT(4096), text = STR_INIT(LINES_FILE_MAX);
    struct str kept = STR_INIT(1 << 16);
    struct error e = ERROR_INIT;
    struct conf *c = NULL;

    str_setf(&path, "%s/main.cf", directory);
    if (lines_read_file(str_cstr(&path), &text, &e))
        keep_needed(str_view(&text), &kept);
    if (!conf_load_text(directory, str_view(&kept), NULL, 0, &c, &e) &&
        !conf_load_text(directory, VIEW(""), NULL, 0, &c, &e))
        log_fatal("%s", error_cstr(&e));
    str_done(&path);
    str_done(&text);
    str_done(&kept);
    return c;
}
