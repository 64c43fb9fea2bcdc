/* value - from the text of a parameter to its number */
#include "conf/value.h"

#include "base/clock.h"
#include "base/number.h"

static bool parse_bool(struct view name, struct view text, int64_t *number,
                       struct error *e)
{
    *number = view_eq_case(text, VIEW("yes"));
    if (*number || view_eq_case(text, VIEW("no")))
        return true;
    error_set(e, "4.3.5", "bad boolean configuration: %.*s = %.*s (say yes or no)",
              VIEW_FMT(name), VIEW_FMT(text));
    return false;
}

/* *NUMBER is in units of SCALE. */
static bool check_range(const struct parameter_info *info, struct view name,
                        int64_t number, int64_t scale, struct error *e)
{
    if (number / scale < info->least) {
        error_set(e, "4.3.5", "invalid %.*s parameter value %lld < %lld", VIEW_FMT(name),
                  (long long)(number / scale), (long long)info->least);
        return false;
    }
    if (number / scale > info->greatest) {
        error_set(e, "4.3.5", "invalid %.*s parameter value %lld > %lld", VIEW_FMT(name),
                  (long long)(number / scale), (long long)info->greatest);
        return false;
    }
    return true;
}

static bool parse_int(const struct parameter_info *info, struct view name,
                      struct view text, int64_t *number, struct error *e)
{
    if (number_parse_i64(text, INT64_MIN, INT64_MAX, number))
        return check_range(info, name, *number, 1, e);
    error_set(e, "4.3.5", "bad numerical configuration: %.*s = %.*s", VIEW_FMT(name),
              VIEW_FMT(text));
    return false;
}

static bool parse_time(const struct parameter_info *info, struct view name,
                       struct view text, int64_t *number, struct error *e)
{
    if (number_parse_time(text, info->unit, number))
        return check_range(info, name, *number, CLOCK_SECOND, e);
    error_set(e, "4.3.5", "parameter %.*s: bad time value or unit: %.*s", VIEW_FMT(name),
              VIEW_FMT(text));
    return false;
}

/* 1048576, 1024K, 1M */
static bool parse_size(const struct parameter_info *info, struct view name,
                       struct view text, int64_t *number, struct error *e)
{
    static const char units[] = "KMG";
    int64_t factor = 1;
    struct view digits = text;

    if (text.n > 1) {
        const char *unit = strchr(units, ascii_upper((unsigned char)text.p[text.n - 1]));
        if (unit != NULL && *unit != '\0') {
            factor = INT64_C(1) << (10 * (unit - units + 1));
            digits.n--;
        }
    }
    if (number_parse_i64(digits, 0, INT64_MAX, number) &&
        number_mul(*number, factor, number))
        return check_range(info, name, *number, 1, e);
    error_set(e, "4.3.5", "bad numerical configuration: %.*s = %.*s", VIEW_FMT(name),
              VIEW_FMT(text));
    return false;
}

static bool parse_enum(const struct parameter_info *info, struct view name,
                       struct view text, int64_t *number, struct error *e)
{
    struct view rest = view_of(info->choices), choice;

    for (int64_t i = 0; view_token(&rest, VIEW("|"), &choice); i++)
        if (view_eq_case(choice, text)) {
            *number = i;
            return true;
        }
    error_set(e, "4.3.5", "bad parameter value: %.*s = %.*s (choices: %s)",
              VIEW_FMT(name), VIEW_FMT(text), info->choices);
    return false;
}

static bool check_text(const struct parameter_info *info, struct view name,
                       struct view text, struct error *e)
{
    if (text.n > 0 || info->least == 0)
        return true;
    error_set(e, "4.3.5", "bad string length 0 < %lld: %.*s =", (long long)info->least,
              VIEW_FMT(name));
    return false;
}

bool value_parse(const struct parameter_info *info, struct view name, struct view text,
                 int64_t *number, struct error *e)
{
    *number = 0;
    switch (info->type) {
    case PARAMETER_BOOL:
        /* Some older parameters are empty unless set. */
        if (text.n == 0 && info->default_text[0] == '\0')
            return true;
        return parse_bool(name, text, number, e);
    case PARAMETER_INT:
    case PARAMETER_TRANSPORT_INT:
        return parse_int(info, name, text, number, e);
    case PARAMETER_TIME:
    case PARAMETER_TRANSPORT_TIME:
        return parse_time(info, name, text, number, e);
    case PARAMETER_SIZE:
        return parse_size(info, name, text, number, e);
    case PARAMETER_ENUM:
        return parse_enum(info, name, text, number, e);
    case PARAMETER_STRING:
    case PARAMETER_RAW:
    case PARAMETER_TRANSPORT_STRING:
        return check_text(info, name, text, e);
    }
    return false;
}
