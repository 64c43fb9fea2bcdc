/* type_pcre - pcre: tables, Perl's regular expressions
 *
 * Blind to case and "." matching newlines unless flags say otherwise.  Compiled to
 * machine code where the library can; that code runs on a stack of its own, a fiber's
 * would be too small.  Source: pcre_table(5).
 */
#include "base/log.h"
#include "base/memory.h"
#include "table/rules.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { STACK_FIRST = 32 * 1024, STACK_MOST = 1024 * 1024 };

/* For all patterns of the process: matches never run at the same time. */
static pcre2_match_context *context;
static pcre2_jit_stack *stack;
static pcre2_match_data *results;

static bool prepare_library(void)
{
    if (results != NULL)
        return true;
    context = pcre2_match_context_create(NULL);
    stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL);
    results = pcre2_match_data_create(RULES_GROUPS_MAX, NULL);
    if (context == NULL || results == NULL)
        log_fatal("out of memory for PCRE2");
    if (stack != NULL)
        pcre2_jit_stack_assign(context, NULL, stack);
    return true;
}

static bool switch_flag(char flag, uint32_t *options)
{
    static const struct {
        char flag;
        uint32_t option;
    } known[] = {
        {'i', PCRE2_CASELESS}, {'m', PCRE2_MULTILINE},
        {'s', PCRE2_DOTALL},   {'x', PCRE2_EXTENDED},
        {'A', PCRE2_ANCHORED}, {'E', PCRE2_DOLLAR_ENDONLY},
        {'U', PCRE2_UNGREEDY}, {'X', 0},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].flag == flag) {
            *options ^= known[i].option;
            return true;
        }
    return false;
}

static bool take_pcre(struct view *rest, struct arena *a, void **compiled, size_t *groups,
                      struct error *e)
{
    uint32_t options = PCRE2_CASELESS | PCRE2_DOTALL, count = 0;
    struct view pattern, flags;
    PCRE2_UCHAR why[200];
    PCRE2_SIZE at;
    int failed;

    (void)a;
    if (!prepare_library() || !rules_take_delimited(rest, &pattern, &flags, e))
        return false;
    for (size_t i = 0; i < flags.n; i++)
        if (!switch_flag(flags.p[i], &options)) {
            error_set(e, "4.3.5", "unknown PCRE option \"%c\"", flags.p[i]);
            return false;
        }
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.n ? pattern.p : ""), pattern.n,
                                     options, &failed, &at, NULL);
    if (code == NULL) {
        pcre2_get_error_message(failed, why, sizeof why);
        error_set(e, "4.3.5", "error in regex at offset %zu: %s", at, (const char *)why);
        return false;
    }
    /* Without JIT (a hardened kernel) the interpreter does it. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &count);
    *groups = count;
    *compiled = code;
    return true;
}

static bool match_pcre(const void *compiled, struct rules_subject *s)
{
    const pcre2_code *code = compiled;
    PCRE2_SPTR text = (PCRE2_SPTR)(s->text.n > 0 ? s->text.p : "");
    int n = pcre2_match(code, text, s->text.n, 0, 0, results, context);

    if (n < 0) {
        PCRE2_UCHAR why[200];
        if (n != PCRE2_ERROR_NOMATCH) {
            pcre2_get_error_message(n, why, sizeof why);
            log_warning("pcre map: matching \"%.*s\": %s",
                        VIEW_FMT(view_sub(s->text, 0, 100)), (const char *)why);
        }
        return false;
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(results);
    s->n_groups = n == 0 ? RULES_GROUPS_MAX : (size_t)n;
    for (size_t i = 0; i < s->n_groups; i++)
        /* \K in a look-ahead can set the start behind the end. */
        s->groups[i] = at[2 * i] == PCRE2_UNSET || at[2 * i] > at[2 * i + 1]
                           ? VIEW_NONE
                           : view_sub(s->text, at[2 * i], at[2 * i + 1] - at[2 * i]);
    return true;
}

static void free_pcre(void *compiled)
{
    pcre2_code_free(compiled);
}

const struct rules_engine rules_engine_pcre = {
    .name = "pcre map",
    .take = take_pcre,
    .substitutes = true,
    .match = match_pcre,
    .free = free_pcre,
};

static bool open_pcre(struct table *t, struct error *e)
{
    return rules_open(t, &rules_engine_pcre, e);
}

const struct table_type table_type_pcre = {
    .name = "pcre",
    .is_pattern = true,
    .keeps_case = true,
    .open = open_pcre,
    .close = rules_close,
    .get = rules_table_get,
};
