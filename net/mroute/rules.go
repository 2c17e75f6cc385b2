package mroute

import (
	"slices"

	"linen/net/fibrules"
	"linen/uapi"
)

// initRules makes the list of `ip mrule`, with its one default rule.
func (st *State) initRules() {
	st.ops = &fibrules.Ops{
		Net: st.n, Family: uapi.RTNL_FAMILY_IPMR, Group: uapi.RTNLGRP_IPV4_RULE, AddrLen: 4,
		Validate: func(*fibrules.Rule) error { return nil },
		Changed:  st.rulesChanged,
	}
	st.ops.AddDefault(0x7fff, defaultTable, 0)
	st.ops.Register()
}

// rulesChanged publishes the rules; while there is only the default one packets
// go to its table directly.
func (st *State) rulesChanged(rules []*fibrules.Rule) {
	if len(rules) == 1 && rules[0].Proto == uapi.RTPROT_KERNEL && rules[0].Table == defaultTable {
		st.rules.Store(nil)
		return
	}
	list := slices.Clone(rules)
	st.rules.Store(&list)
}

// tableByRules walks the rules (ipmr_rule_action): the first that selects k and
// whose table exists decides. nil: none, or an unreachable, a prohibit or a
// blackhole rule.
func (st *State) tableByRules(list []*fibrules.Rule, k *fibrules.Key) *table {
	for i := 0; i < len(list); i++ {
		r := list[i]
		if !r.Match(k, true) { // addresses are no part of these rules
			continue
		}
		switch r.Action {
		case uapi.FR_ACT_TO_TBL:
			if t := st.table(r.Table); t != nil {
				return t
			}
		case uapi.FR_ACT_GOTO:
			if j := slices.Index(list, r.Target()); j > i {
				i = j - 1
			}
		case uapi.FR_ACT_NOP:
		default:
			return nil
		}
	}
	return nil
}
