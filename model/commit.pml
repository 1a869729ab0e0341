/*
 * The commit protocol of lib/txn/protocol.c and recovery, as a model that spin
 * searches through: every order of every step, message, crash and loss.
 *
 * One transaction with three branches: the decider, and N = 2 that are
 * prepared. One coordinator, which may crash, or stand still anywhere for any
 * time and then go on; two recoverers, which may crash and begin anew; servers
 * that crash and lose what was not flushed; connections that break, while what
 * was sent on them may still be executed, any time later, or never.
 *
 *	DECIDER_FILE	the decider is a SQLite file: its lock and its commit are
 *			in the coordinator's process, and there are no tombstones.
 *			Without it: a PostgreSQL server.
 *	FAULTS		how many crashes and broken connections there may be
 *	MUTANT_...	one mistake each, which check.sh must see caught
 *
 * The steps are labelled as the code's comments cite them: c_ is the
 * coordinator, r_ a recoverer. Invariants I1 to I8: sqlassist-commit(7).
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#define N 2
#define RECOVERERS 2

/* ---- what there is ------------------------------------------------------- */

/* The decision row, as whoever reads it sees it. HIDDEN: in a WAL file, but not
 * in its index; nobody sees it, and a rebuilt index will show it. */
mtype = { NO_ROW, OPEN, COMMITTED, TOMB_OPEN, TOMBSTONE, HIDDEN };
mtype row = NO_ROW;
bool is_durable = false; /* what is visible survives a crash */

/* The decider's own work, which the row stands for. */
mtype = { UNDECIDED, VISIBLE, DURABLE, LOST };
mtype work = UNDECIDED;

mtype = { ACTIVE, FAILED, PREPARED, BRANCH_COMMITTED, BRANCH_ABORTED };
mtype branch[N] = ACTIVE;

/* Messages: at most one is under way on a connection. */
mtype = { NOTHING, CLAIM, COMMIT, PREPARE, COMMIT_PREPARED, ROLLBACK_PREPARED };
mtype = { NO_ANSWER, YES, NO };
mtype to_decider = NOTHING;
mtype from_decider = NO_ANSWER;
bool decider_link = true;
mtype to_branch[N] = NOTHING;
mtype from_branch[N] = NO_ANSWER;
bool branch_link[N] = true;

/* The write lock of a decider that is a file: 0 free, 1 the coordinator's, from
 * 2 on a recoverer's. Of a server: who holds the tombstone. */
byte holder = 0;

mtype = { TOLD_NOTHING, TOLD_COMMITTED, TOLD_ABORTED, TOLD_IN_DOUBT };
mtype told = TOLD_NOTHING;
bool is_committing = false; /* of a file: COMMIT has been called */
bool is_crashed = false;
bool has_server_crashed = false;
byte faults = 0;

#define all_ended                                                            \
	((branch[0] == BRANCH_COMMITTED || branch[0] == BRANCH_ABORTED) &&   \
	 (branch[1] == BRANCH_COMMITTED || branch[1] == BRANCH_ABORTED))
#define some_committed (branch[0] == BRANCH_COMMITTED || branch[1] == BRANCH_COMMITTED)
#define some_aborted (branch[0] == BRANCH_ABORTED || branch[1] == BRANCH_ABORTED)

/* Agreement; I2; and what the caller was told is true. */
#define is_safe                                                      \
	(!(some_committed && some_aborted) &&                        \
	 !(some_committed && (work == LOST || work == UNDECIDED)) && \
	 !(some_aborted && work == DURABLE) &&                       \
	 !(told == TOLD_COMMITTED && work != DURABLE) &&             \
	 !(told == TOLD_ABORTED && (work == DURABLE || some_committed)))
#define is_resolved \
	(all_ended && row != OPEN && row != TOMB_OPEN && (work == DURABLE || work == LOST))

/* ---- the decider's store --------------------------------------------------- */

/* The work's transaction is gone: it was not committed, and will not be. */
inline roll_back_work()
{
	if
	:: row == OPEN -> row = NO_ROW
	:: else
	fi;
	if
	:: work == UNDECIDED && row != HIDDEN -> work = LOST
	:: else
	fi
}

inline make_visible()
{
	row = COMMITTED;
	is_durable = false;
	work = VISIBLE
}

/* Any flush makes all that is visible durable. */
inline flush_store()
{
	is_durable = true;
	if
	:: work == VISIBLE -> work = DURABLE
	:: else
	fi
}

#ifndef DECIDER_FILE
/* Nobody hears an answer on a broken connection. */
inline reply(what)
{
	from_decider = (decider_link -> what : NO_ANSWER)
}

/* A server: it answers the coordinator, and notices when that is gone. A claim
 * that meets TOMB_OPEN blocks. */
active proctype decider()
{
end:	do
	:: d_step { to_decider == CLAIM && row == NO_ROW && work == UNDECIDED ->
		row = OPEN; to_decider = NOTHING; reply(YES) }
#ifdef MUTANT_ON_CONFLICT
	:: d_step { to_decider == CLAIM && row == TOMBSTONE && work == UNDECIDED ->
		to_decider = NOTHING; reply(YES) } /* "ON CONFLICT DO NOTHING" */
	:: d_step { to_decider == COMMIT && row != OPEN && work == UNDECIDED ->
		work = VISIBLE; is_durable = false }
#endif
	:: d_step { to_decider == COMMIT && row == OPEN && work == UNDECIDED -> make_visible() }
	/* A claim is refused by a tombstone (I1). So may anything be, by a constraint
	 * that was put off, or because the table is not the one that was checked; an
	 * error ends the transaction. */
	:: d_step { to_decider != NOTHING && work == UNDECIDED ->
		roll_back_work(); to_decider = NOTHING; reply(NO) }
	/* Flushed, by this COMMIT or by somebody's look, and only then answered. */
	:: d_step { to_decider == COMMIT && (work == VISIBLE || work == DURABLE) ->
		flush_store(); to_decider = NOTHING; reply(YES) }
	/* What was sent on a connection that broke may come to nothing. */
	:: d_step { !decider_link && to_decider != NOTHING && work == UNDECIDED ->
		to_decider = NOTHING }
	:: d_step { !decider_link && to_decider == NOTHING && work == UNDECIDED ->
		roll_back_work() }
	od
}
#endif

/* ---- the branches' servers ---------------------------------------------------- */

inline vote(i, what)
{
	from_branch[i] = (branch_link[i] -> what : NO_ANSWER)
}

active [N] proctype server()
{
	byte i;

#ifdef DECIDER_FILE
	i = _pid;
#else
	i = _pid - 1;
#endif
end:	do
	:: d_step { to_branch[i] == PREPARE && branch[i] == ACTIVE ->
		branch[i] = PREPARED; to_branch[i] = NOTHING; vote(i, YES) }
	/* I7: a failed transaction answers PREPARE with COMMAND_OK and the tag
	 * ROLLBACK. */
	:: d_step { to_branch[i] == PREPARE && branch[i] == FAILED ->
		branch[i] = BRANCH_ABORTED; to_branch[i] = NOTHING;
#ifdef MUTANT_COMMAND_OK
		vote(i, YES)
#else
		vote(i, NO)
#endif
	   }
	:: d_step { to_branch[i] == COMMIT_PREPARED ->
		if
		:: branch[i] == PREPARED -> branch[i] = BRANCH_COMMITTED
		:: else /* somebody has ended it: recovery */
		fi;
		to_branch[i] = NOTHING; vote(i, YES) }
	:: d_step { to_branch[i] == ROLLBACK_PREPARED ->
		if
		:: branch[i] == PREPARED -> branch[i] = BRANCH_ABORTED
		:: else
		fi;
		to_branch[i] = NOTHING; vote(i, YES) }
	:: d_step { !branch_link[i] && to_branch[i] != NOTHING -> to_branch[i] = NOTHING }
	:: d_step { !branch_link[i] && to_branch[i] == NOTHING &&
		(branch[i] == ACTIVE || branch[i] == FAILED) -> branch[i] = BRANCH_ABORTED }
	od
}

/* ---- looking -------------------------------------------------------------------- */

mtype = { LOOK_COMMITTED, LOOK_ABORTED, LOOK_OPEN, LOOK_UNKNOWN };

#ifdef MUTANT_TOMBSTONE_UNASKED
#define is_one_prepared(which) true
#else
#define is_one_prepared(which)                         \
	((which < N && branch[which % N] == PREPARED) || \
	 (which == N && (branch[0] == PREPARED || branch[1] == PREPARED)))
#endif

/*
 * What became of the transaction. ME: 1 the coordinator, whose connection is
 * known to be lost; from 2 on a recoverer. WHICH: the branch that is asked
 * whether it is prepared still; N: any.
 */
#ifndef DECIDER_FILE
inline look(me, which, verdict)
{
	verdict = LOOK_UNKNOWN;
	if
	:: atomic { row == COMMITTED ->
#ifdef MUTANT_VISIBLE_IS_DURABLE
		verdict = LOOK_COMMITTED
#else
		skip
#endif
	   };
#ifndef MUTANT_VISIBLE_IS_DURABLE
	   /* r_look_flush: a synchronous write, which finds the row or does not. */
	   d_step {
		if
		:: row == COMMITTED -> flush_store(); verdict = LOOK_COMMITTED
		:: else
		fi
	   }
#endif
	:: atomic { row == TOMBSTONE -> verdict = LOOK_ABORTED }
#ifdef MUTANT_TRUST_XID
	/* A server that has crashed hands the xid out again. */
	:: atomic { has_server_crashed && row == NO_ROW -> verdict = LOOK_COMMITTED }
#endif
#ifdef MUTANT_OPEN_IS_ABORTED
	:: atomic { row == OPEN -> verdict = LOOK_ABORTED }
#else
	:: atomic { row == OPEN || row == TOMB_OPEN -> verdict = LOOK_OPEN }
#endif
#ifdef MUTANT_SELECT_PROVES
	:: atomic { row == NO_ROW || row == OPEN ->
		if
		:: is_one_prepared(which) -> verdict = LOOK_ABORTED
		:: else
		fi
	   }
#else
	/* r_look_tombstone: it goes in only where there is no row (I1). */
	:: atomic { row == NO_ROW -> row = TOMB_OPEN; holder = me; is_durable = false };
	   /* r_look_asks: our own tombstone is held meanwhile. */
	   if
	   :: atomic { row == TOMB_OPEN && holder == me && is_one_prepared(which) ->
		row = TOMBSTONE; holder = 0; verdict = LOOK_ABORTED }
	   :: atomic { row == TOMB_OPEN && holder == me && !is_one_prepared(which) ->
		row = NO_ROW; holder = 0 }
	   :: !(row == TOMB_OPEN && holder == me) /* the server has crashed */
	   fi
#endif
	fi
}
#else
inline look(me, which, verdict)
{
	verdict = LOOK_UNKNOWN;
	if
#ifdef MUTANT_NO_LOCK
	:: atomic { row != COMMITTED && is_one_prepared(which) -> verdict = LOOK_ABORTED }
#endif
	:: atomic { holder != 0 -> verdict = LOOK_OPEN }
	:: atomic { holder == 0 -> holder = me };
	   /* r_look_locked: nothing changes here while the lock is ours. */
	   if
	   :: atomic { holder == me && row == COMMITTED ->
#ifndef MUTANT_VISIBLE_IS_DURABLE
		flush_store();
#endif
		verdict = LOOK_COMMITTED }
	   :: atomic { holder == me && row != COMMITTED && is_one_prepared(which) ->
#ifndef MUTANT_NO_BURIAL
		/* r_look_buries: our own write breaks the chain of hidden frames. */
		if
		:: row == HIDDEN -> row = NO_ROW; roll_back_work()
		:: else
		fi;
#endif
		verdict = LOOK_ABORTED }
	   :: atomic { holder == me && row != COMMITTED && !is_one_prepared(which) -> skip }
	   :: holder != me /* the machine has crashed */
	   fi;
	   atomic {
		if
		:: holder == me -> holder = 0
		:: else
		fi
	   }
	fi
}
#endif

/* ---- the coordinator --------------------------------------------------------------- */

inline send(i, what)
{
	from_branch[i] = NO_ANSWER;
	if
	:: branch_link[i] -> to_branch[i] = what
	:: else
	fi
}

#define has_answered(i) (from_branch[i] != NO_ANSWER || !branch_link[i])
#define have_answered (has_answered(0) && has_answered(1))
#define have_said_yes (from_branch[0] == YES && from_branch[1] == YES)

/* In one step: what one is told later it might as well receive later. */
inline prepare_all()
{
	d_step { send(0, PREPARE); send(1, PREPARE) }
}

inline tell_prepared(what)
{
	d_step {
		if
		:: from_branch[0] == YES -> send(0, what)
		:: else
		fi;
		if
		:: from_branch[1] == YES -> send(1, what)
		:: else
		fi
	}
}

/* An answer that is under way goes with its connection. */
inline cut(i)
{
	branch_link[i] = false;
	from_branch[i] = NO_ANSWER
}

/* Its connection to the decider, and with it the transaction there; and that of
 * its look, if it crashed in one. */
inline let_decider_go()
{
#ifdef DECIDER_FILE
	if
	:: holder == 1 -> roll_back_work(); holder = 0
	:: else -> roll_back_work()
	fi
#else
	decider_link = false;
	from_decider = NO_ANSWER;
	if
	:: row == TOMB_OPEN && holder == 1 -> row = NO_ROW; holder = 0
	:: else
	fi
#endif
}

inline let_all_go()
{
	atomic {
		let_decider_go();
		cut(0);
		cut(1)
	}
}

#ifdef DECIDER_FILE
/* The first write takes the lock; one that is only marked as changed has none. */
#define work_on_decider()                                                   \
	if                                                                  \
	:: atomic { holder == 0 -> holder = 1 }                             \
	:: skip                                                             \
	fi
#ifdef MUTANT_LATE_WITHOUT_LOCK
#define may_claim_late true
#else
#define may_claim_late (holder == 1)
#endif
/* SQLite ends a transaction by itself when it cannot write: then the lock is free,
 * and the answer is a no. */
#define claim()                                                             \
	if                                                                  \
	:: atomic { holder <= 1 && row == NO_ROW && work == UNDECIDED ->    \
		holder = 1; row = OPEN; claim_answer = YES }                \
	:: atomic { holder == 1 && faults < FAULTS ->                       \
		faults++; roll_back_work(); holder = 0; claim_answer = NO } \
	fi
/* A COMMIT of SQLite's may fail with the outcome open (I7). */
#define commit_row()                                                        \
	is_committing = true;                                               \
	if                                                                  \
	:: atomic { holder == 1 -> make_visible() };                        \
	   atomic { flush_store(); holder = 0 }                             \
	   claim_answer = YES                                               \
	:: atomic { holder == 1 && faults < FAULTS -> faults++;             \
		if                                                          \
		:: row = HIDDEN                                             \
		:: make_visible()                                           \
		:: roll_back_work()                                         \
		fi;                                                         \
		holder = 0; claim_answer = NO_ANSWER }                      \
	fi
#else
#define work_on_decider()
#define may_claim_late false

inline tell_decider(what)
{
	atomic {
		if
		:: decider_link -> to_decider = what
		:: else
		fi
	}
}

inline hear_decider()
{
	if
	:: d_step { from_decider != NO_ANSWER ->
		claim_answer = from_decider; from_decider = NO_ANSWER }
	:: atomic { !decider_link -> claim_answer = NO_ANSWER }
	fi
}

#define claim() tell_decider(CLAIM)
#define commit_row()                                                        \
	tell_decider(COMMIT);                                               \
	hear_decider()
#endif

active proctype coordinator()
{
	mtype claim_answer = NO_ANSWER;
	mtype verdict;

	{
		/* The application's statements may have failed in a branch. */
		if
		:: branch[0] == ACTIVE -> branch[0] = FAILED
		:: skip
		fi;
		work_on_decider();
		if
		:: may_claim_late ->
c_prepare_first:	prepare_all();
c_claim_late:		claim()
		:: !may_claim_late ->
c_claim:		claim();
c_prepare:		prepare_all()
		fi;
		have_answered;
#ifdef MUTANT_FINISH_FIRST
		tell_prepared(COMMIT_PREPARED);
#endif
#ifndef DECIDER_FILE
		hear_decider();
#endif
		if
		:: claim_answer == YES && have_said_yes
#ifdef MUTANT_DECIDE_UNVOTED
		:: claim_answer == YES /* whatever the votes */
#endif
		:: else -> goto c_abort
		fi;
c_decide:	commit_row();
		if
		:: claim_answer == YES -> goto c_committed
		:: claim_answer == NO -> goto c_abort
		:: else
		fi;
#ifdef MUTANT_LOST_IS_ABORTED
		goto c_roll_back;
#endif
c_look:		verdict = LOOK_OPEN;
		look(1, N, verdict);
		if
		:: verdict == LOOK_COMMITTED -> goto c_committed
		:: verdict == LOOK_ABORTED -> goto c_roll_back
		:: verdict == LOOK_OPEN -> goto c_look
		:: verdict == LOOK_OPEN || verdict == LOOK_UNKNOWN -> goto c_in_doubt
		fi;

		/* I3: its COMMIT was never sent, or refused; it is abandoned first. */
c_abort:	atomic { let_decider_go() }
c_roll_back:	told = TOLD_ABORTED;
		tell_prepared(ROLLBACK_PREPARED);
		goto c_gone;

c_in_doubt:	told = TOLD_IN_DOUBT;
		goto c_gone;

c_committed:	told = TOLD_COMMITTED;
c_finish:	tell_prepared(COMMIT_PREPARED);
#ifdef MUTANT_FORGET_EARLY
c_forget_early: atomic { row == COMMITTED -> row = NO_ROW; assert(all_ended) }
#endif
		have_answered;
c_forget:	atomic {
			if
			:: have_said_yes && row == COMMITTED && holder == 0 ->
				assert(all_ended); /* I5 */
				row = NO_ROW
			:: else
			fi
		}
c_gone:		let_all_go()
	} unless {
		atomic { is_crashed -> let_all_go() }
	}
}

/* ---- recovery ------------------------------------------------------------------------- */

inline resolve()
{
	verdict = LOOK_OPEN;
	look(me, which, verdict);
r_end:	if /* The branch may have been ended meanwhile, by anybody. */
	:: d_step { verdict == LOOK_COMMITTED ->
		if
		:: branch[which] == PREPARED -> branch[which] = BRANCH_COMMITTED
		:: else
		fi }
	:: d_step { verdict == LOOK_ABORTED ->
		if
		:: branch[which] == PREPARED -> branch[which] = BRANCH_ABORTED
		:: else
		fi }
#ifndef DECIDER_FILE
	/* r_fence: the decider's backend is ended by force. */
	:: atomic { verdict == LOOK_OPEN && faults < FAULTS ->
		faults++; decider_link = false; from_decider = NO_ANSWER }
#endif
	:: verdict == LOOK_OPEN || verdict == LOOK_UNKNOWN
	fi;
	verdict = LOOK_UNKNOWN
}

/* I5: the committed row is seen, then every branch that it lists, and then it
 * is deleted. */
inline clean()
{
#ifdef MUTANT_CLEAN_BACKWARDS
#define row_seen true
#else
#define row_seen (row == COMMITTED && holder == 0)
#endif
	if
	:: row_seen ->
r_clean:	if
		:: branch[0] != PREPARED ->
			if
			:: branch[1] != PREPARED ->
				atomic {
					if
					:: row == COMMITTED && holder == 0 ->
						assert(all_ended);
						row = NO_ROW
					:: else
					fi
				}
			:: else
			fi
#ifdef MUTANT_UNREACHABLE_IS_ENDED
		:: atomic { faults < FAULTS && row == COMMITTED && holder == 0 ->
			faults++; /* it could not be asked, or a standby was */
			assert(all_ended);
			row = NO_ROW }
#endif
		:: else
		fi
	:: else
	fi
}

active [RECOVERERS] proctype recoverer()
{
	byte me;
	byte which;
	mtype verdict;

#ifdef DECIDER_FILE
	me = _pid - N - 1 + 2;
#else
	me = _pid - N - 2 + 2;
#endif
end:	do
#ifdef MUTANT_CLEAN_BACKWARDS
	:: clean()
#endif
	:: (branch[0] == PREPARED || branch[1] == PREPARED || row == COMMITTED) ->
		which = 0;
		do
		:: which < N ->
			/* r_list: it is prepared now; what follows comes any time later. */
			if
			:: branch[which] == PREPARED -> resolve()
			:: else
			fi;
			which++
		:: else -> break
		od;
		which = 0;
		clean()
#ifdef MUTANT_FORGET_TOMBSTONE
	:: atomic { row == TOMBSTONE -> row = NO_ROW }
#endif
	od
}

/* ---- what may go wrong -------------------------------------------------------------------- */

inline crash_coordinator()
{
	is_crashed = true;
#ifdef DECIDER_FILE
	if
	:: holder == 1 && row == COMMITTED -> holder = 0 /* visible, not durable */
	:: holder == 1 && row == NO_ROW -> roll_back_work(); holder = 0
	:: holder == 1 && row == OPEN ->
		if
		:: roll_back_work()
		:: is_committing -> row = HIDDEN
		fi;
		holder = 0
	:: else
	fi;
#endif
	decider_link = false;
	branch_link[0] = false;
	branch_link[1] = false
}

/* What was not flushed is gone. A machine with a decider in a file takes the
 * coordinator with it. */
inline crash_decider()
{
	has_server_crashed = true;
	to_decider = NOTHING;
	from_decider = NO_ANSWER;
	decider_link = false;
	if
	:: row == TOMB_OPEN -> row = NO_ROW
	:: row == TOMBSTONE && !is_durable ->
		if
		:: row = NO_ROW
		:: skip
		fi
	:: row == COMMITTED && work == VISIBLE ->
		if
		:: row = NO_ROW; work = LOST
		:: flush_store()
		fi
	:: row == HIDDEN ->
		if
		:: row = NO_ROW
		:: skip
		fi
	:: else
	fi;
	holder = 0;
	roll_back_work()
}

active proctype faulty()
{
end:	do
	:: atomic { faults < FAULTS && !is_crashed && told == TOLD_NOTHING ->
		faults++; crash_coordinator() }
	:: atomic { faults < FAULTS && !is_crashed && told != TOLD_NOTHING ->
		faults++; crash_coordinator() }
#ifdef DECIDER_FILE
	:: atomic { faults < FAULTS && !is_crashed ->
		faults++; crash_coordinator(); crash_decider() }
	:: atomic { faults < FAULTS && is_crashed -> faults++; crash_decider() }
	/* Whoever opens the file anew rebuilds the index. */
	:: atomic { row == HIDDEN && holder == 0 -> row = COMMITTED; work = DURABLE;
		is_durable = true }
#else
	:: atomic { faults < FAULTS -> faults++; crash_decider() }
	:: atomic { faults < FAULTS && decider_link ->
		faults++; decider_link = false; from_decider = NO_ANSWER }
	/* A recoverer dies with its tombstone open. */
	:: atomic { faults < FAULTS && row == TOMB_OPEN -> faults++; row = NO_ROW; holder = 0 }
#endif
	:: atomic { faults < FAULTS && branch_link[0] -> faults++; cut(0) }
	:: atomic { faults < FAULTS && branch_link[1] -> faults++; cut(1) }
	od
}

ltl safe { [] is_safe }
ltl live { <>[] is_resolved }
