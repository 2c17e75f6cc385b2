package dev

import (
	"slices"
	"sync"

	"linen/net/netlink"
	"linen/net/netns"
)

// An EventType says what happened to a device (NETDEV_*).
type EventType uint8

// The events, with the kernel's numbers. PreUp, PreChangeMTU, PreChangeAddr,
// PreChangeUpper and PreTypeChange may be vetoed with an error; Register too.
const (
	EventUp                EventType = 1
	EventDown              EventType = 2
	EventReboot            EventType = 3
	EventChange            EventType = 4 // flags, operational state or something else
	EventRegister          EventType = 5
	EventUnregister        EventType = 6
	EventChangeMTU         EventType = 7
	EventChangeAddr        EventType = 8
	EventPreChangeAddr     EventType = 9
	EventGoingDown         EventType = 10
	EventChangeName        EventType = 11
	EventFeatChange        EventType = 12
	EventBondingFailover   EventType = 13
	EventPreUp             EventType = 14
	EventPreTypeChange     EventType = 15
	EventPostTypeChange    EventType = 16
	EventPostInit          EventType = 17
	EventPreUninit         EventType = 18
	EventRelease           EventType = 19
	EventNotifyPeers       EventType = 20
	EventJoin              EventType = 21
	EventChangeUpper       EventType = 22
	EventResendIGMP        EventType = 23
	EventPreChangeMTU      EventType = 24
	EventChangeInfoData    EventType = 25
	EventBondingInfo       EventType = 26
	EventPreChangeUpper    EventType = 27
	EventChangeLowerState  EventType = 28
	EventUDPTunnelPushInfo EventType = 29
	EventUDPTunnelDropInfo EventType = 30
	EventChangeTxQueueLen  EventType = 31
	EventCVLANFilterPush   EventType = 32
	EventCVLANFilterDrop   EventType = 33
	EventSVLANFilterPush   EventType = 34
	EventSVLANFilterDrop   EventType = 35
)

// eventNames are the kernel's names without NETDEV_.
var eventNames = [...]string{
	"", "UP", "DOWN", "REBOOT", "CHANGE", "REGISTER", "UNREGISTER", "CHANGEMTU", "CHANGEADDR",
	"PRE_CHANGEADDR", "GOING_DOWN", "CHANGENAME", "FEAT_CHANGE", "BONDING_FAILOVER", "PRE_UP",
	"PRE_TYPE_CHANGE", "POST_TYPE_CHANGE", "POST_INIT", "PRE_UNINIT", "RELEASE", "NOTIFY_PEERS",
	"JOIN", "CHANGEUPPER", "RESEND_IGMP", "PRECHANGEMTU", "CHANGEINFODATA", "BONDING_INFO",
	"PRECHANGEUPPER", "CHANGELOWERSTATE", "UDP_TUNNEL_PUSH_INFO", "UDP_TUNNEL_DROP_INFO",
	"CHANGE_TX_QUEUE_LEN", "CVLAN_FILTER_PUSH_INFO", "CVLAN_FILTER_DROP_INFO",
	"SVLAN_FILTER_PUSH_INFO", "SVLAN_FILTER_DROP_INFO",
}

// String returns the kernel's name without NETDEV_.
func (t EventType) String() string {
	if int(t) < len(eventNames) {
		return eventNames[t]
	}
	return "?"
}

// An Event is one call of the notifier chain.
type Event struct {
	Type EventType
	Dev  *Device

	FlagsChanged uint32           // Change: the IFF_* bits that changed
	MTU          int              // ChangeMTU: the old MTU; PreChangeMTU: the new one, bytes
	Addr         []byte           // PreChangeAddr: the new hardware address
	OldName      string           // ChangeName
	Upper        *Device          // PreChangeUpper, ChangeUpper
	IsMaster     bool             // ... Upper is Dev's master
	Linking      bool             // ... Dev is being linked to it, else unlinked
	UpperInfo    any              // ... what the upper's driver wants known
	Moving       bool             // Unregister, Register: Dev changes its namespace
	Request      *netlink.Request // whose doing it is, or nil
}

// A Chain is a namespace's notifier chain (netdev_chain). Its subscribers run
// under the RTNL, those with the higher priority first, then in the order of
// registration.
type Chain struct {
	s    *state
	mu   sync.Mutex
	subs []*subscriber
}

type subscriber struct {
	prio int
	fn   func(*Event) error
}

// Notifiers returns n's chain.
func Notifiers(n *netns.Net) *Chain { return &stateOf(n).chain }

// Add makes fn called for each event from now on, until remove is called; the
// devices that exist are replayed to it as Register, and Up for those that are
// up. An error of fn in the replay undoes it and is returned. The caller holds
// the RTNL or is an init of a namespace in the making.
func (ch *Chain) Add(prio int, fn func(*Event) error) (remove func(), err error) {
	s := &subscriber{prio, fn}
	ch.mu.Lock()
	at := len(ch.subs)
	for i, o := range ch.subs {
		if o.prio < prio {
			at = i
			break
		}
	}
	ch.subs = slices.Insert(slices.Clone(ch.subs), at, s)
	ch.mu.Unlock()
	remove = func() { ch.remove(s) }
	if err := ch.replay(s); err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}

func (ch *Chain) remove(s *subscriber) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.subs = slices.DeleteFunc(slices.Clone(ch.subs), func(o *subscriber) bool { return o == s })
}

// replay shows s what is there; on an error it takes back what s has seen.
func (ch *Chain) replay(s *subscriber) error {
	var seen []*Device
	for _, d := range ch.s.ifx.all() {
		if err := s.fn(&Event{Type: EventRegister, Dev: d}); err != nil {
			for _, o := range slices.Backward(seen) {
				if o.IsUp() {
					s.fn(&Event{Type: EventGoingDown, Dev: o})
					s.fn(&Event{Type: EventDown, Dev: o})
				}
				s.fn(&Event{Type: EventUnregister, Dev: o})
			}
			return err
		}
		if d.IsUp() {
			s.fn(&Event{Type: EventUp, Dev: d})
		}
		seen = append(seen, d)
	}
	return nil
}

// Call tells every subscriber of e, and returns the first error, behind which
// nobody is told.
func (ch *Chain) Call(e *Event) error {
	_, err := ch.call(e)
	return err
}

// call returns also those that agreed before an error, for the roll-back.
func (ch *Chain) call(e *Event) (agreed []*subscriber, err error) {
	ch.mu.Lock()
	subs := ch.subs
	ch.mu.Unlock()
	for i, s := range subs {
		if err := s.fn(e); err != nil {
			return subs[:i], err
		}
	}
	return subs, nil
}

// notify calls d's namespace's chain with e of type t.
func (d *Device) notify(t EventType) error {
	return Notifiers(d.Net()).Call(&Event{Type: t, Dev: d})
}
