// Package socktable holds tables of what Linux's sockets answer: poll masks,
// bind conflicts, error numbers, defaults, shutdown and linger. One binary runs
// them on linen, on virtual time, and on this machine's kernel, in a network
// namespace of its own; both must give what the tables say, which was recorded
// from Linux 6.18:
//
//	go test ./test/socktable -record    (as root, on that kernel)
//
// A table is a list of calls with their results, in scenarios that begin with a
// "#" line. Each scenario has a Net with lo and 10.0.0.1/24 on a veth:
//
//	socket a tcp              a new socket: tcp, udp, or FAMILY TYPE PROTOCOL
//	bind a 127.0.0.1:80       listen a 5 · connect a ADDR · connect a unspec
//	accept a b                takes a connection from a, called b
//	who tcp|udp ADDR a b ...  which sockets get what many others send there
//	selector a CODE K [CODE K] attaches such a program to a SO_REUSEPORT group
//	pair a b                  a connection from a to b over lo
//	send a TEXT [FLAG...]     TEXT may be N*x; fill a: sends until EAGAIN
//	recv a N [FLAG...]        drain a: receives until EAGAIN
//	poll a                    the events of poll(2)
//	set a LEVEL.NAME V [V]    get a LEVEL.NAME · linger a SECONDS · ioctl a NAME
//	shutdown a rd|wr|rdwr     close a · name a · peer a · parity a
//	wait 2s                   time passes: virtual on linen
//	drop-caps                 from here on without capabilities
package socktable
