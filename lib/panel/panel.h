/*
 * A panel, for the files of this folder:
 *
 *   panel.c	   taking one, from all layers below
 *   words.c	   states in words
 *   text.c	   escaping
 *   json.c, html.c, prometheus.c   the three ways to read it
 */
#ifndef PANEL_PANEL_H
#define PANEL_PANEL_H

#include <stdbool.h>
#include <sys/types.h>

#include <sqlassist/panel.h>
#include <sqlassist/request.h>

#include "engine/engine.h"
#include "recovery/latest.h"
#include "txn/observe.h"
#include "txn/txn.h"

struct panel_engine {
	struct engine_config *config; /* a reference */
	bool is_default;
	struct pool_counts pool;
	struct roll_entry *connections; /* pooled ones, oldest first */
	size_t n_connections;
	/* In the request: */
	enum sqla_request_state state;
	char connection[ROLL_ID]; /* that its session holds, or "" */
	struct panel_engine *next, *prev;
};

struct panel_branch {
	char name[64];
	char gid[TXN_GID_MAX + 1]; /* "" while it is not prepared */
	enum branch_phase phase;
	struct panel_branch *next, *prev;
};

struct panel_transaction {
	char uuid[37];
	enum txn_state state;
	int64_t age_us;
	int left_ms; /* until its deadline; negative: it has none */
	char *description;
	char *user;
	struct panel_branch *branches;
};

struct panel_request {
	bool is_over;
	bool is_foreign; /* the parent process's */
	bool is_bound;
	bool has_veto;
	bool has_app;
	char uuid[37]; /* of its own transaction */
};

struct sqla_panel {
	int64_t taken_unix_ms;
	int64_t taken_ms; /* clock_ms */
	pid_t pid;
	struct panel_request *request;	       /* NULL: of none */
	struct panel_transaction *transaction; /* NULL: none is current */
	struct panel_engine *engines;	       /* in order of registration */
	struct observe_totals totals;
	struct observe_entry recent[OBSERVE_RECENT]; /* latest first */
	size_t n_recent;
	struct latest_pass pass;
	int64_t pass_age_ms; /* negative: there was none */
	struct sqla_recover_report passes;
};

#endif
