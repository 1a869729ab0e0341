/* States in words: a short constant one for programs, and what it means. */
#ifndef PANEL_WORDS_H
#define PANEL_WORDS_H

#include "panel/panel.h"

struct word {
	const char *name;
	const char *meaning;
};

struct word word_of_request_state(enum sqla_request_state state);
struct word word_of_txn_state(enum txn_state state);
struct word word_of_phase(enum branch_phase phase);
struct word word_of_verdict(enum sqla_verdict verdict);
struct word word_of_outcome(enum observe_outcome outcome);

#endif
