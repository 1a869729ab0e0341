/*
 * panel.h - what this process does with its databases, to be looked at.
 *
 * Order: take -> json, html, prometheus, as often as you like -> free. A panel
 * is a snapshot and does not change. Taking one asks no database and waits
 * for none: what is in doubt is what the latest recovery pass of this process
 * has found (sqla_recovery_start, sqla_recover, sqla_in_doubt), and the panel
 * says how old that is.
 *
 * It shows engines, users, statements' error texts and what the application
 * says about its transactions, but no passwords: it is for operators, so ask
 * for a password before you show it. Thread-safe; a panel itself belongs to
 * one thread at a time.
 */
#ifndef SQLASSIST_PANEL_H
#define SQLASSIST_PANEL_H

#include <sqlassist/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqla_panel;
struct sqla_request;

/*
 * Takes a panel of this process, of this thread's transaction, and of RQ,
 * which may be NULL or over, else it is this thread's. Free it.
 */
int sqla_panel_take(struct sqla_request *rq, struct sqla_panel **ret_panel);

/* NULL is allowed. */
void sqla_panel_free(struct sqla_panel *panel);

/*
 * The panel as a JSON document, for programs: sqla_panel_json(3) names the
 * members; new ones may be added. New text (free it with free), or NULL:
 *   SQLA_ECONFIG  this libsqlassist was built without jansson
 *   SQLA_ENOMEM
 */
char *sqla_panel_json(const struct sqla_panel *panel);

/*
 * The panel as a piece of HTML for people, one <section> with a style sheet of
 * its own and no script, in UTF-8, to be put into a page. Everything in it is
 * escaped. New text, or NULL (SQLA_ENOMEM).
 */
char *sqla_panel_html(const struct sqla_panel *panel);

/*
 * Counters, gauges and histograms in the text format of Prometheus, to be
 * served as "text/plain; version=0.0.4". New text, or NULL (SQLA_ENOMEM).
 */
char *sqla_panel_prometheus(const struct sqla_panel *panel);

#ifdef __cplusplus
}
#endif
#endif
