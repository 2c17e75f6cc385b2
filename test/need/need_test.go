package need

import (
	"path/filepath"
	"testing"
)

func TestToolFindsWhatEverySystemHas(t *testing.T) {
	if path := Tool(t, "sh"); !filepath.IsAbs(path) {
		t.Errorf("sh found at %q, want an absolute path", path)
	}
}
