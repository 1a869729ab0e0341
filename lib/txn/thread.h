/* The short verbs of txn.h, which act on this thread's manager. */
#ifndef TXN_THREAD_H
#define TXN_THREAD_H

#include <sqlassist/txn.h>

#endif
