// Package tcb is one TCP connection as a machine: segments and the time go in,
// segments, delivered bytes and timers come out. It knows no goroutine, no lock
// and no packet buffer: payload that arrives is a handle it gives back in
// order, payload to send is only a number of bytes.
//
// The caller serialises all calls on a Conn and passes the time with each. The
// Conn calls its Env during a call. After each call the caller looks at Next
// for when to call Timer.
//
// Linux files: net/ipv4/tcp_input.c, tcp_output.c, tcp_timer.c, tcp_recovery.c,
// tcp_cong.c, tcp_cubic.c. RFCs: 9293, 5681, 5961, 6298, 6582, 6675, 7323,
// 2018, 2883, 4821, 7413, 8985, 6937, 5682, 9438, 9406, 3168, 8257;
// draft-cheng-iccrg-delivery-rate-estimation,
// draft-cardwell-iccrg-bbr-congestion-control-00. Not done: AccECN, AO, repair.
package tcb
