/*
 * sqlassist.h - all of SQLAssist for C: transactions that commit on every
 * database or on none. Each header of sqlassist/ also stands alone.
 */
#ifndef SQLASSIST_H
#define SQLASSIST_H

#include <sqlassist/engine.h>
#include <sqlassist/error.h>
#include <sqlassist/panel.h>
#include <sqlassist/query.h>
#include <sqlassist/recover.h>
#include <sqlassist/request.h>
#include <sqlassist/session.h>
#include <sqlassist/table.h>
#include <sqlassist/txn.h>

#endif
