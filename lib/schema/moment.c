#include "schema/moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

#define SECOND INT64_C(1000000)
#define DAY INT64_C(86400)
/* 0001-01-01 and 10000-01-01 */
#define FIRST_DAY INT64_C(-719162)
#define END_DAY INT64_C(2932897)

static int refuse(const char *what)
{
	return error_set(SQLA_EMISUSE, NULL, NULL, "a %s lies outside of the years 1 to 9999",
			 what);
}

/* The day that a number of days from 1970 is, or the second likewise. */
static void break_down(int64_t seconds, struct tm *ret)
{
	time_t moment = (time_t)seconds;

	(void)gmtime_r(&moment, ret);
}

int sqla_date_format(int32_t days, char ret_text[SQLA_DATE_SIZE])
{
	struct tm day;

	if (days < FIRST_DAY || days >= END_DAY)
		return refuse("date");
	break_down(days * DAY, &day);
	(void)snprintf(ret_text, SQLA_DATE_SIZE, "%04u-%02u-%02u",
		       (unsigned)(day.tm_year + 1900) % 10000, (unsigned)(day.tm_mon + 1) % 100,
		       (unsigned)day.tm_mday % 100);
	return 0;
}

int sqla_timestamp_format(int64_t microseconds, char ret_text[SQLA_TIMESTAMP_SIZE])
{
	int64_t fraction = microseconds % SECOND;
	int64_t seconds = microseconds / SECOND;
	struct tm moment;

	if (fraction < 0) {
		fraction += SECOND;
		seconds--;
	}
	if (seconds < FIRST_DAY * DAY || seconds >= END_DAY * DAY)
		return refuse("timestamp");
	break_down(seconds, &moment);
	(void)sqla_date_format((int32_t)((seconds - ((seconds % DAY) + DAY) % DAY) / DAY),
			       ret_text);
	(void)snprintf(ret_text + SQLA_DATE_SIZE - 1, SQLA_TIMESTAMP_SIZE - SQLA_DATE_SIZE + 1,
		       "T%02u:%02u:%02u.%06uZ", (unsigned)moment.tm_hour % 100,
		       (unsigned)moment.tm_min % 100, (unsigned)moment.tm_sec % 100,
		       (unsigned)fraction % 1000000);
	return 0;
}

/* Reads "Y-M-D"; 31 February is no day. NULL: it is not one. */
static const char *parse_day(const char *text, struct tm *ret)
{
	struct tm day;
	const char *end;

	memset(ret, 0, sizeof(*ret));
	end = strptime(text, "%Y-%m-%d", ret);
	if (!end)
		return NULL;
	day = *ret;
	(void)timegm(&day);
	return day.tm_mday == ret->tm_mday && ret->tm_year >= 1 - 1900 ? end : NULL;
}

static int64_t parse_fraction(const char **text)
{
	int64_t unit = SECOND, fraction = 0;

	if (**text != '.')
		return 0;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++) {
		unit /= 10;
		fraction += unit * (**text - '0');
	}
	return fraction;
}

bool moment_parse(const char *text, enum sqla_column_type type, int64_t *ret)
{
	struct tm moment;
	int64_t fraction;

	text = parse_day(text, &moment);
	if (text && type == SQLA_COL_DATE && !*text) {
		*ret = timegm(&moment) / DAY;
		return true;
	}
	if (!text || type == SQLA_COL_DATE || (*text != 'T' && *text != ' '))
		return false;
	text = strptime(text + 1, "%H:%M:%S", &moment);
	if (!text)
		return false;
	fraction = parse_fraction(&text);
	if (strcmp(text, "Z") != 0 && *text)
		return false;
	*ret = timegm(&moment) * SECOND + fraction;
	return true;
}
