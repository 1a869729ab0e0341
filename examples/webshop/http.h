/* http.h - the shop on the wire: routes, forms, and a request container each. */
#ifndef WEBSHOP_HTTP_H
#define WEBSHOP_HTTP_H

struct MHD_Daemon;

/*
 * Listens on PORT (0: any) of the loopback address with a pool of THREADS, and
 * returns the port, or negative. End it with MHD_stop_daemon, which waits for
 * what is being answered.
 */
int http_start(unsigned short port, unsigned threads, struct MHD_Daemon **ret_daemon);

#endif
