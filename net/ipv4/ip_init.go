package ipv4

// initData sets the functions of the data path.
func (st *state) initData() error { return nil }

// exitData undoes initData.
func (st *state) exitData() {}
