/*
 * sqlassist status: every branch that is in doubt, explained.
 */
#include "common.h"
#include "report.h"

int status_main(int argc, char **argv)
{
	static const struct option options[] = {
		COMMON_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct sqla_recover_options how = { .dry_run = true };
	bool is_json = false;
	int c, status;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'j') {
			is_json = true;
			continue;
		}
		status = common_option(c);
		if (status != EXIT_GO_ON)
			return status;
	}
	status = common_ready(argc, argv, 0);
	if (status != EXIT_GO_ON)
		return status;
	return report_pass(&how, is_json, false);
}
