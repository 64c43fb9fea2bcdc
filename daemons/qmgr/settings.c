/* settings - what the configuration says, read at start and at each reload */
#include "base/log.h"
#include "base/memory.h"
#include "qmgr.h"
#include "table/match.h"

#include <stdio.h>

void settings_read(struct qmgr *q, const struct conf *c)
{
    struct settings *s = &q->set;
    *s = (struct settings){
        .retry =
            {
                .minimal = conf_time(c, P_minimal_backoff_time),
                .maximal = conf_time(c, P_maximal_backoff_time),
                .lifetime = conf_time(c, P_maximal_queue_lifetime),
                .bounce_lifetime = conf_time(c, P_bounce_queue_lifetime),
                .delay_warning = conf_time(c, P_delay_warning_time),
            },
        .queue_run_delay = conf_time(c, P_queue_run_delay),
        .transport_retry_time = conf_time(c, P_transport_retry_time),
        .checkpoint_interval = conf_time(c, P_checkpoint_interval),
        .ipc_timeout = conf_time(c, P_qmgr_ipc_timeout),
        .clog_warn_time = conf_time(c, P_qmgr_clog_warn_time),
        .in_flow_delay = conf_time(c, P_in_flow_delay),
        .active_limit = (uint64_t)conf_int(c, P_qmgr_message_active_limit),
        .daemon_timeout = conf_time(c, P_qmgr_daemon_timeout),
        .probe_limit = (uint64_t)conf_int(c, P_address_verify_pending_request_limit),
        .recipient_limit = (uint64_t)conf_int(c, P_qmgr_message_recipient_limit),
        .memory_limit = (uint64_t)conf_int(c, P_queue_memory_limit),
        .minfree = (uint64_t)conf_int(c, P_queue_minfree),
        .file_threshold = (uint64_t)conf_int(c, P_queue_file_threshold),
        .process_limit = (unsigned)conf_int(c, P_default_process_limit),
        .soft_bounce = conf_bool(c, P_soft_bounce),
        .external_form =
            !view_eq_case(conf_view(c, P_info_log_address_format), VIEW("internal")),
        .allow_min_user = conf_bool(c, P_allow_min_user),
        .long_ids = conf_bool(c, P_enable_long_queue_ids),
        .confirm_delay_cleared = conf_bool(c, P_confirm_delay_cleared),
        .feedback_debug = conf_bool(c, P_destination_concurrency_feedback_debug),
        .helpful_warnings = conf_bool(c, P_helpful_warnings),
        .delay_digits = (int)conf_int(c, P_delay_logging_resolution_limit),
        .recipient_delimiter = conf_view(c, P_recipient_delimiter),
        .double_bounce_sender = conf_view(c, P_double_bounce_sender),
        .default_filter_nexthop = conf_view(c, P_default_filter_nexthop),
    };
    snprintf(s->error_tag, sizeof s->error_tag, "%s/error", conf_cstr(c, P_syslog_name));
    if (s->retry.maximal < s->retry.minimal) {
        log_warning("maximal_backoff_time is smaller than minimal_backoff_time");
        s->retry.maximal = s->retry.minimal;
    }
    if (s->queue_run_delay > s->retry.minimal && s->helpful_warnings)
        log_warning(
            "queue_run_delay is larger than minimal_backoff_time: retries wait for "
            "the queue run");
}

static void routing_free(struct routing *r)
{
    rewrite_free(r->rewrite);
    match_close(r->defer_transports);
    arena_free(r->arena);
    memory_free(r);
}

void routing_use(struct qmgr *q, const struct conf *c)
{
    struct routing *old = q->routing, *r = NEW(struct routing);
    r->conf = c;
    r->rewrite = rewrite_new(c);
    r->defer_transports = match_open(c, P_defer_transports, 0);
    struct error e = ERROR_INIT;
    r->arena = arena_new();
    if (!master_cf_load(conf_directory(c), r->arena, &r->master_cf, &e)) {
        log_warning("%s: process limits of transports are the default", error_cstr(&e));
        r->master_cf.n = 0;
    }
    q->routing = r;
    if (old == NULL)
        return;
    old->is_old = true;
    if (old->users == 0)
        routing_free(old);
}

struct routing *routing_hold(struct qmgr *q)
{
    q->routing->users++;
    return q->routing;
}

void routing_release(struct routing *r)
{
    if (--r->users == 0 && r->is_old)
        routing_free(r);
}
