// Package tcp is TCP over IPv4: sockets, listeners, requests and TIME_WAIT
// around the machine of package tcb.
//
// A connection belongs to whoever owns its socket; a softirq that finds it
// owned leaves segments on the backlog and timers as a mark. Bytes to send are
// copied once, into blocks that segments and their retransmissions share; bytes
// received stay in the packets that brought them until they are read.
//
// Linux files: net/ipv4/tcp.c, tcp_ipv4.c, tcp_minisocks.c,
// inet_connection_sock.c, inet_hashtables.c, inet_timewait_sock.c, tcp_input.c,
// tcp_output.c, syncookies.c, tcp_fastopen.c. Man page: tcp(7). RFCs: see package
// tcb, and 6056, 6528, 4987, 5927, 6191, 7413, 2385, 8257. Not done: IPv6, AO,
// repair, and what needs packets to be counted while a device holds them: TSQ
// (tcp_limit_output_bytes) and autocorking.
package tcp
