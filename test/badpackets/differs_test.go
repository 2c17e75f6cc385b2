package badpackets

// differs are the cases in which linen is not yet like Linux.
var differs = map[string]bool{
	"option: IP_OPTIONS of TCP":     true,
	"option: a source route of TCP": true,
}
