// Package kern is the engine that a linen system runs on: virtual CPUs with
// run-by-the-raiser softirqs, one clock, timers, one work queue, randomness
// and the waiters on which user goroutines block.
//
// A [Kernel] plays the role of the machine: everything hangs off it, and two
// Kernels in one process share nothing. Code of the stack runs on a [CPU]: a
// caller takes one with [Kernel.Enter], queues or sends packets, and gives it
// back with [CPU.Exit], which first runs what was raised (NAPI polls, as
// net/core/dev.c's net_rx_action does) on the caller's own goroutine. Past its
// budget Exit hands the CPU, still locked, to a goroutine of its own that
// drains it before anybody enters: the lock is the back-pressure.
//
// The rules that keep this free of deadlocks:
//
//   - a goroutine enters a CPU only when it is on none;
//   - code on a CPU never waits, never does I/O and never takes the RTNL;
//   - waking user goroutines and other CPUs happens after the CPU is unlocked.
//
// Time comes from a [Clock]: the machine's (inside a testing/synctest bubble,
// the bubble's) or a [ManualClock] that a test advances. Nothing outside this
// package reads the machine's clock.
//
// Linux files: kernel/softirq.c, kernel/time/timer.c, kernel/workqueue.c, the
// NAPI part of net/core/dev.c.
package kern
