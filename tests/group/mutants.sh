#!/bin/sh
# Plants one mistake at a time in the commit of several files, and asks the tests
# beside this script to see it. For make check-long.
. "$top_srcdir/tests/lint/lib.sh"
make_scratch
: "${CC:=cc}"
unset SQLA_TEST_LONG

build() { # SOURCE MUTANT TEST...
	source=$1
	name=$2
	shift 2
	objects=
	for object; do
		objects="$objects $top_builddir/tests/$object.o"
	done
	# shellcheck disable=SC2086 # lists of words
	$CC -std=gnu11 -D_GNU_SOURCE ${CPPFLAGS-} ${ENGINE_CPPFLAGS-} ${BUILD_CPPFLAGS-} -g -O1 -pthread \
		-I"$top_srcdir/include" -I"$top_srcdir/lib" \
		-c "$scratch/$name.c" -o "$scratch/$name.o" &&
		"$top_builddir/libtool" --silent --tag=CC --mode=link $CC -g -pthread \
			"$scratch/$name.o" $objects "$top_builddir/libtestsupport.la" \
			"$top_builddir/libsqlassist-internal.la" ${CRITERION_LIBS:--lcriterion} \
			-o "$scratch/$name" || complain "cannot build $name of $source"
}

catches() { # MUTANT SOURCE SED FILTER OBJECT...
	name=$1
	source=$2
	expression=$3
	filter=$4
	shift 4
	sed "$expression" "$top_srcdir/lib/sqlite/$source" >"$scratch/$name.c"
	if cmp -s "$top_srcdir/lib/sqlite/$source" "$scratch/$name.c"; then
		complain "$name changes nothing in $source"
		return
	fi
	build "$source" "$name" "$@"
	if "$scratch/$name" --filter "$filter" >"$scratch/$name.log" 2>&1; then
		complain "$name is not seen by $filter"
	else
		echo "$name is seen by $filter"
	fi
}

power() { # MUTANT SOURCE SED FILTER
	catches "$@" group/test-power support/disk group/trio
}

killed() { # MUTANT SOURCE SED FILTER
	catches "$@" group/test-kill support/disk group/trio group/clients
}

leftover() { # MUTANT SOURCE SED TEST
	catches "$1" "$2" "$3" "leftover/$4" group/test-leftover group/trio support/disk
}

group() { # MUTANT SOURCE SED TEST
	catches "$1" "$2" "$3" "group/$4" group/test-group group/trio support/disk
}

guard() { # MUTANT SED TEST
	catches "$1" wal-guard.c "$2" "wal_guard/$3" sqlite/test-wal-guard
}

guard without-nonce 's/return GUARD |.*/return GUARD;/' is_undone_if_the_trailer_is_of_another_guard
guard with-any-trailer 's/&& memcmp(trailer->guard, header, WAL_HEADER) == 0//' \
	is_undone_if_the_trailer_is_of_another_guard
guard without-fence 's/^	fence(guard);//' keeps_out_who_was_connected_before
killed withholding-nothing wal-guard.c 's/xWrite, zeros, n, offset/xWrite, from, n, offset/' \
	'kill/at_every_call_leaves_all_or_nothing_with_wals'
killed without-seal group.c '/{ seal, FAULT_group_sealed },/d' \
	'kill/at_every_call_leaves_all_or_nothing_with_journals_that_persist'
power without-sync-of-the-seal wal-guard.c \
	'/^int wal_guard_seal/,/^}/s/rc = sync_it(guard)/rc = SQLITE_OK/' \
	'power/failing_leaves_all_or_nothing_with_wals'
power without-sync-of-the-record journal.c \
	'/^int journal_seal/,/^}/s/rc = journal->file->pMethods->xSync(.*/rc = SQLITE_OK;/' \
	'power/failing_leaves_all_or_nothing_with_journals_that_persist'
power without-sync-of-the-name super.c \
	'/^static int make(/,/^}/s/fsync(super->directory) < 0/0/' \
	'power/failing_leaves_all_or_nothing_with_wals'
power without-sync-of-the-decision super.c 's/return fsync(super->directory) < 0 ?/return 0 ?/' \
	'power/failing_leaves_all_or_nothing_with_wals'
power trusting-an-absence super.c 's/errno == ENOENT && fsync(directory) == 0/errno == ENOENT/' \
	'power/failing_again_during_recovery_leaves_all_or_nothing_with_wals'
leftover without-a-lock-on-the-name super.c 's/return flock(super->fd, LOCK_EX) < 0 ?.*/return 0;/' \
	of_a_transaction_that_has_not_sealed_its_files_is_none
leftover collecting-what-is-held collect.c 's/flock(fd, LOCK_EX | LOCK_NB) == 0 &&/true \&\&/' \
	of_a_transaction_that_has_not_sealed_its_files_is_none
leftover without-asking-the-neighbours collect.c 's/return super_may_be_named_beside(path);/return false;/' \
	of_a_super_journal_that_was_damaged_is_kept_while_it_is_named_beside
leftover letting-sqlite-remove-it vfs.c '/^	if (super_may_be(name))$/{N;d;}' \
	is_kept_while_a_folder_of_a_file_that_it_lists_is_missing
group closing-a-descriptor-of-a-database collect.c \
	's/access(database, F_OK) < 0/close(open(database, O_RDONLY)) < 0/' \
	keeps_its_locks_while_its_process_recovers_and_asks_the_doctor
group letting-go-of-what-is-frozen vfs-file.c 's/else if (is_frozen(file))/else if (false)/' \
	whose_decision_could_not_be_made_durable_is_locked_until_its_process_ends
catches promising-what-the-disk-does vfs-file.c 's/^		SQLITE_IOCAP_BATCH_ATOMIC |/		/' \
	vfs/hides_what_would_let_sqlite_leave_out_the_journal sqlite/test-vfs
finish
