/* txn_run: the work again after what may pass. */
#ifndef TXN_RETRY_H
#define TXN_RETRY_H

#include <sqlassist/txn.h>

#endif
