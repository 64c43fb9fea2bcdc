/* options - the command line of postconf
 *
 * Which options go together, and the words when they do not, are Postfix's.  -j (JSON)
 * and -q (no warnings) are from Postfix 3.11.
 */
#include "postconf.h"

#include "base/log.h"

#include <unistd.h>

/* Every option without meaning of its own here is a flag; a set is a text of letters. */
struct seen {
    char letters[64];
};

static const char modes[] = "aAbFlmMpPtT";

__attribute__((noreturn)) static void usage(void)
{
    log_fatal(
        "usage: postconf [-a (server SASL types)] [-A (client SASL types)] "
        "[-b (bounce templates)] [-c config_dir] [-C param_class] "
        "[-d (parameter defaults)] [-e (edit configuration)] [-f (fold lines)] "
        "[-F (master.cf fields)] [-h (no names)] [-H (no values)] [-j (JSON)] "
        "[-l (lock types)] [-m (map types)] [-M (master.cf)] "
        "[-n (non-default parameters)] [-o name=value (override parameter value)] "
        "[-p (main.cf, default)] [-P (master.cf parameters)] [-q (no warnings)] "
        "[-t (bounce templates)] "
        "[-T compile-version|run-version|public-key-algorithms] [-v (verbose)] "
        "[-x (expand parameter values)] [-X (exclude)] [-# (comment-out)] [name...]");
}

static bool has(const struct seen *s, char letter)
{
    return strchr(s->letters, letter) != NULL;
}

static void add(struct seen *s, int letter)
{
    size_t n = strlen(s->letters);

    if (!strchr(s->letters, letter) && n + 1 < sizeof s->letters)
        s->letters[n] = (char)letter;
}

static void take_classes(struct options *o, const char *text)
{
    struct view rest = view_of(text), word;

    while (view_token(&rest, VIEW(", \t"), &word)) {
        bool all = view_eq(word, VIEW("all"));
        if (!all && !view_eq(word, VIEW("builtin")) && !view_eq(word, VIEW("service")) &&
            !view_eq(word, VIEW("user")))
            log_fatal("unknown -C option value \"%.*s\" in \"%s\"", VIEW_FMT(word), text);
        o->class_builtin = o->class_builtin || all || view_eq(word, VIEW("builtin"));
        o->class_service = o->class_service || all || view_eq(word, VIEW("service"));
        o->class_user = o->class_user || all || view_eq(word, VIEW("user"));
    }
}

/* At most one letter of SET. */
static void refuse_several(const struct seen *s, const char *set)
{
    struct str text = STR_INIT(256);
    int n = 0;

    for (; *set; set++) {
        if (!has(s, *set))
            continue;
        str_addf(&text, " -%c", *set);
        n++;
    }
    if (n > 1)
        log_fatal("specify one of%s", str_cstr(&text));
    str_done(&text);
}

/* With MODE none of SET. */
static void refuse_with(const struct seen *s, char mode, const char *set)
{
    for (; *set; set++)
        if (has(s, *set))
            log_fatal("with option -%c, do not specify -%c", mode, *set);
}

static void check_together(const struct seen *s)
{
    static const char *const exclusive[] = {"denX#", "do",   "eoX#", "efX#",
                                            "exX#",  "ehX#", "eHX#", "hH"};

    if (has(s, 'b') && has(s, 't'))
        log_fatal("specify one of -b and -t");
    refuse_several(s, modes);
    for (size_t i = 0; i < sizeof exclusive / sizeof exclusive[0]; i++)
        refuse_several(s, exclusive[i]);
    for (const char *mode = "aAblmtT"; *mode; mode++)
        if (has(s, *mode))
            refuse_with(s, *mode, "defhHjnoxX#");
    if (has(s, 'F'))
        refuse_with(s, 'F', "dnX#");
    if (has(s, 'M'))
        refuse_with(s, 'M', "dhHn");
    if (has(s, 'P'))
        refuse_with(s, 'P', "dn#");
    if (has(s, 'j'))
        refuse_with(s, 'j', "efhHX#");
}

/* "name=value" wants an edit, with or without -e. */
static void guess_edit(struct options *o, struct seen *s)
{
    for (size_t i = 0; i < o->n_names; i++) {
        if (strchr(o->names[i], '=')) {
            add(s, 'e');
            return;
        }
    }
}

static void check_edit(const struct options *o)
{
    if (o->edit == EDIT_NONE)
        return;
    if (o->n_names == 0)
        log_fatal(o->edit == EDIT_SET ? "-e requires name=value argument"
                                      : "missing service argument");
    for (size_t i = 0; o->edit == EDIT_SET && i < o->n_names; i++)
        if (!strchr(o->names[i], '='))
            log_fatal("missing '=' after attribute name: \"%s\"", o->names[i]);
}

static void take_letters(struct options *o, const struct seen *s)
{
    for (const char *mode = modes; *mode; mode++)
        if (has(s, *mode))
            o->mode = *mode;
    if (o->mode == 0)
        o->mode = 'p';
    o->defaults = has(s, 'd');
    o->set_only = has(s, 'n');
    o->expand = has(s, 'x');
    o->fold = has(s, 'f');
    o->no_names = has(s, 'h');
    o->no_values = has(s, 'H');
    o->json = has(s, 'j');
    o->quiet = has(s, 'q');
    o->edit = has(s, 'e')   ? EDIT_SET
              : has(s, 'X') ? EDIT_REMOVE
              : has(s, '#') ? EDIT_COMMENT_OUT
                            : EDIT_NONE;
}

void options_parse(struct options *o, int argc, char **argv)
{
    struct seen s = {""};
    int letter;

    while ((letter = getopt(argc, argv, "#aAbc:C:deEfFhHjlmMno:pPqtT:vxX")) != -1) {
        if (letter == '?' || letter == 'E')
            usage();
        add(&s, letter);
        if (letter == 'c')
            o->directory = optarg;
        else if (letter == 'C')
            take_classes(o, optarg);
        else if (letter == 'o')
            o->overrides[o->n_overrides++] = optarg;
        else if (letter == 'T')
            o->tls_question = optarg;
        else if (letter == 'v')
            log_verbose++;
    }
    for (size_t i = 0; i < o->n_overrides; i++)
        if (!strchr(o->overrides[i], '='))
            log_fatal("invalid parameter override: %s: missing '=' after attribute name",
                      o->overrides[i]);
    o->names = argv + optind;
    o->n_names = (size_t)(argc - optind);
    guess_edit(o, &s);
    check_together(&s);
    take_letters(o, &s);
    check_edit(o);
    if (!o->class_builtin && !o->class_service && !o->class_user)
        o->class_builtin = o->class_service = o->class_user = true;
}
