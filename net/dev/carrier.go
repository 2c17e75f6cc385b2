package dev

// CarrierOn says that d's link is there (netif_carrier_on). It may be called
// anywhere; the operational state follows by the work queue.
func (d *Device) CarrierOn() {}

// CarrierOff says that d's link is gone (netif_carrier_off).
func (d *Device) CarrierOff() {}
