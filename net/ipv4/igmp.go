package ipv4

// igmpState is what IGMP holds in a namespace.
type igmpState struct{}

func (st *state) initIGMP() error { return nil }
func (st *state) exitIGMP()       {}
